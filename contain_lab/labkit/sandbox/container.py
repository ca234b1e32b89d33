"""A sandbox in which the runtime starts real containers with the student's steps, and the judge looks at them.

    with judge.container() as box:
        pid = box.start(hostname=name)      # Failed where the container does not start
        if box.hostname(pid) != name: ...   # everything that `Looking` has: mounts, status, links, sysctl, listing
"""

import os
import time

from contain_lab import capabilities, files, image, spec
from contain_lab.labkit.looking.process import Failed
from contain_lab.labkit.sandbox import Sandbox, inside_container
from contain_lab.labkit.sandbox import ids as sandbox_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from contain_lab.labkit.sandbox.student import Scene
    from contain_lab.spec import Config

PROGRAM = ("/bin/busybox", "sleep", "60")
SECONDS = 2.0  # until the container's program must run


class Container(Sandbox):
    """A sandbox for containers. rootfs: the image's root file system, here; the student's process is their parent."""

    rootfs = ""

    def config(self, hostname: str = "box", args: tuple[str, ...] = PROGRAM) -> "Config":
        """The config of `contain-lab run IMAGE`, as root of a user namespace may have it, to be changed and started."""
        kept = tuple(name for name in capabilities.DEFAULT if name != "CAP_MKNOD")
        config = spec.default(list(args), self.rootfs, hostname, kept)
        for mount in config["mounts"]:
            if mount["type"] == "devpts" and sandbox_ids.choose("gid")[1] == 1:  # there is no group tty
                mount["options"].remove("gid=5")
        return config

    def start(self, config: "Config | None" = None, hostname: str = "box", args: tuple[str, ...] = PROGRAM,
              not_started: str = "not_started", netns: str = "", stays: bool = True, init: bool = False) -> int:
        """Start a container, and wait until its program runs: the number of its first process, here.

        config: what `config` gave, changed; without one it is made of hostname and args, of which the first is a
        path in the image. not_started: the id of what is said where a step fails. netns: a path, at which its network
        namespace is named. init: whether an init is process 1, and the program its child. stays: whether its program
        must still run at the end of the check, unless the check has ended it. Errors: Failed, with not_started, with
        "nothing_runs" where no program appears, or as `must`; InvalidConfig for a config that is wrong.
        """
        config = spec.validate(config or self.config(hostname, args))
        there = set(self.processes())
        said = self.call("the start of a container", config, netns, init, alone=False)
        if said.get("raised") == "StepFailed":
            raise Failed(not_started, **said)
        if "raised" in said:
            raise self.refused(said, said["step"])
        pid = self._wait_for(self._file_of(config["process"]["args"][0]), there)
        if stays:
            self.staying[pid] = "the container's first process"
        return pid

    def _file_of(self, program: str) -> str:
        """The name of the file that a program of the image is: /bin/sh may be a link to busybox."""
        handle = files.open_in_root(self.rootfs, program)
        try:
            return os.path.basename(os.readlink(f"/proc/self/fd/{handle}"))
        finally:
            os.close(handle)

    def _wait_for(self, name: str, there: set[int]) -> int:
        """The first new process that runs a program of this name."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            for pid in self.processes():
                if pid not in there and os.path.basename(self.program(pid)) == name:
                    return pid
            time.sleep(0.002)
        raise Failed("nothing_runs")


def container_box(name: str, layered: bool, scene: "Callable[[tuple[str, ...]], Scene]", seconds: float,
                  linger: float = 0.0) -> Container:
    """A sandbox for containers of an image. Errors: NotFound."""
    rootfs = image.find(name).rootfs
    box = Container(scene((rootfs,)), inside_container.starter(rootfs, layered), seconds, linger)
    box.rootfs = rootfs
    return box
