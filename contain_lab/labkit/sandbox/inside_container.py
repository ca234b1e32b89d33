"""Start real containers in the sandbox, with the student's steps in the place of ours; `sandbox.container` asks for it.

It is the runtime that starts them, from a config as people's containers have one.
"""

import os

from contain_lab import steps
from contain_lab.container.launch import Loop, launch
from contain_lab.container.plan import Plan
from contain_lab.errors import StepFailed
from contain_lab.labkit.sandbox import student
from contain_lab.labkit.sandbox.student import Scene

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from contain_lab.spec import Config

PLACE = "/tmp/contain_lab"


def starter(rootfs: str, layered: bool) -> "Callable[[Scene], None]":
    """An actor that starts a container whenever it is given a config."""

    def start_containers(scene: Scene) -> None:
        student.withhold(scene.steps)
        student.tell({"ready": True})
        number = 0
        while order := student.hear():
            number += 1
            config, netns, init = order["args"]
            student.tell({**start(scene, config, rootfs if layered else "", number, netns, init), "calls": []})

    return start_containers


def start(scene: Scene, config: "Config", lower: str, number: int, netns: str = "",
          init: bool = False) -> "student.Answer":
    """Start a container, the one of this number: an answer as for a step. lower: the image below its layer, or "".

    netns: a path, at which its network namespace is named; init: whether an init is its process 1.
    """
    step = ""
    try:
        for step in scene.steps:
            student.load(scene, step)
        layer = f"{PLACE}/layers/{number}"
        plan = Plan(config, f"{layer}/root" if lower else config["root"]["path"], f"{PLACE}/run/{number}",
                    overlay=(lower, layer) if lower else None, waits=False, netns=netns, init=init)
        steps.use(scene.package, list(dict.fromkeys(room for room, *_ in plan.rows())))
        launch(plan, [], Loop(), held=False)
    except StepFailed as error:
        frames = [[os.path.basename(file), line, function] for file, line, function in error.frames
                  if file.startswith(f"{scene.package}/")]
        return {"raised": "StepFailed", "said": error.message, "frames": frames, "errno": error.errno}
    except BaseException as error:  # noqa: BLE001 - the student's file may raise anything
        return {**student.raised(error, scene.package), "step": step}
    finally:
        student.flush()
    return {"returned": ""}
