"""Start a real container in the sandbox, with the student's steps in the place of ours.

It is the runtime that starts it, with the plan of `contain-lab run busybox`; what differs is what root of a user
namespace cannot have: /dev is the sandbox's own, for it may make no device nodes (user_namespaces(7)), and /proc is
read-only, for the sandbox's is. The program waits in the container until the judge has looked.
"""

import os

from contain_lab import capabilities, spec, steps
from contain_lab.container.launch import Loop, launch
from contain_lab.container.plan import Plan
from contain_lab.errors import StepFailed
from contain_lab.labkit import student
from contain_lab.labkit.student import Scene

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from contain_lab.spec import Config

PROGRAM = ["/bin/busybox", "sleep", "60"]
PLACE = "/tmp/contain_lab"


def starter(image: str, layered: bool = True) -> "Callable[[Scene], None]":
    """An actor that starts a container from the root file system of an image, whenever it is given a host name.

    layered: with a layer above the image; otherwise the folder itself is bound and becomes the root.
    """

    def start_containers(scene: Scene) -> None:
        student.withhold(scene.steps)
        student.tell({"ready": True})
        while order := student.hear():
            student.tell({**start(scene, image, order["args"][0], layered), "calls": []})

    return start_containers


def start(scene: Scene, image: str, hostname: str, layered: bool) -> "student.Answer":
    """Start a container of this host name: an answer as for a step."""
    step = ""
    try:
        for step in scene.steps:
            student.load(scene, step)
        root, overlay = (f"{PLACE}/layer/root", (image, f"{PLACE}/layer")) if layered else (image, None)
        plan = Plan(config_of(hostname), root, f"{PLACE}/run/box", overlay, waits=False)
        steps.use(scene.package, list(dict.fromkeys(room for room, *_ in plan.rows())))
        launch(plan, [], Loop(), held=False)
    except StepFailed as error:
        frames = [[os.path.basename(file), line, function] for file, line, function in error.frames
                  if file.startswith(f"{scene.package}/")]
        return {"raised": "StepFailed", "said": error.message, "frames": frames}
    except BaseException as error:  # noqa: BLE001 - the student's file may raise anything
        return {**student.raised(error, scene.package), "step": step}
    finally:
        student.flush()
    return {"returned": ""}


def config_of(hostname: str) -> "Config":
    """The default config, with /dev and /proc as root of a user namespace may have them."""
    kept = tuple(name for name in capabilities.DEFAULT if name != "CAP_MKNOD")
    config = spec.default(PROGRAM, "root", hostname, kept)
    for mount in config["mounts"]:
        if mount["destination"] == "/dev":
            mount.update(type="bind", source="/dev", options=["rbind"])
    return spec.validate(config)
