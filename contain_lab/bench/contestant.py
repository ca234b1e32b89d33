"""What is measured: the commands of an OCI runtime, or a call of ours in this process.

Each runs one container to its end, leaves nothing of it, and says how long that took. The commands of all runtimes
are started alike, by posix_spawn(3), with the same input, output and environment. After `create` nobody is the
container's parent but this process (a subreaper, prctl(2)), which so sees its end without asking again and again.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from contain_lab import files, syscalls
from contain_lab.container import verbs
from contain_lab.container.launch import Child, Loop, go_on
from contain_lab.container.plan import Plan
from contain_lab.errors import ContainLabError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.spec import Config

VERBS, RUN, CALL = "create + start + delete", "run", "call in a warm process"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class Contestant:
    """Something that runs a container: name, and way, which says what is done between the two looks at the clock."""

    name = ""
    way = ""

    def once(self) -> float:
        """Run one container to its end: seconds. Errors: ContainLabError where it does not run."""
        raise NotImplementedError

    def clear(self) -> None:
        """Remove what an interrupted `once` left."""


class Commands(Contestant):
    """The commands of an OCI runtime. program: its path; folder: its states and messages go there."""

    def __init__(self, name: str, way: str, program: str, bundle: str, folder: str) -> None:
        self.name, self.way, self.program, self.bundle, self.folder = name, way, program, bundle, folder
        self.said = f"{folder}/said"
        self.space: int | None = None  # a mount namespace to run them in
        self.count = 0
        self.running = ""  # the id of a container that is not deleted yet
        os.makedirs(folder)

    def once(self) -> float:
        """Run one container by commands, a process each."""
        self.count += 1
        name = self.running = f"cl-bench-{os.getpid()}-{self.count}"
        with inside(self.space):
            begin = time.perf_counter()
            if self.way == RUN:
                self.command("run", "--bundle", self.bundle, name)
            else:
                self.create_start_delete(name)
            seconds = time.perf_counter() - begin
        self.running = ""
        return seconds

    def create_start_delete(self, name: str) -> None:
        """The verbs as an engine calls them, and between them the wait for the container's end."""
        pid_file = f"{self.folder}/pid"
        self.command("create", "--bundle", self.bundle, "--pid-file", pid_file, name)
        pid = int(files.get(pid_file))
        self.command("start", name)
        os.waitpid(pid, 0)
        self.command("delete", name)

    def command(self, verb: str, *words: str) -> None:
        """Run one command of the runtime. Errors: ContainLabError with the last line that it said."""
        code = self.spawn(verb, *words)
        if code:
            said = files.get(self.said).splitlines()
            lines = [line for line in said if line.strip() and not line.startswith("hint:")]
            raise ContainLabError(f"{self.name} {verb}: {lines[-1] if lines else f'exit code {code}'}")

    def spawn(self, verb: str, *words: str) -> int:
        """Run one command of the runtime: its exit code; what it says of an error is in the file `said`."""
        actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 2, self.said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
        line = [self.program, "--root", f"{self.folder}/states", verb, *words]
        pid = os.posix_spawn(self.program, line, ENVIRONMENT, file_actions=actions, setsid=True)
        return os.waitstatus_to_exitcode(wait(pid))

    def clear(self) -> None:
        """Delete the container of an interrupted run; there may be none."""
        if self.running:
            with inside(self.space):
                self.spawn("delete", "--force", self.running)
            self.running = ""


def wait(pid: int) -> int:
    """The wait status of a process; an interrupt lets it come to its end first, so that it leaves nothing half done."""
    try:
        return os.waitpid(pid, 0)[1]
    except BaseException:
        os.waitpid(pid, 0)
        raise


class Call(Contestant):
    """container.verbs.run, called in this process, which has one thread and all modules loaded."""

    name, way = "contain_lab", CALL

    def __init__(self, config: Config, folder: str) -> None:
        self.config, self.folder = config, folder
        self.count = 0

    def once(self) -> float:
        """Run one container by a call, from its spec to its end."""
        self.count += 1
        begin = time.perf_counter()
        plan = Plan(self.config, self.config["root"]["path"], f"{self.folder}/call-{self.count}", waits=False)
        code = verbs.run(plan, serve)
        seconds = time.perf_counter() - begin
        if code:
            raise ContainLabError(f"verbs.run: exit code {code}")
        return seconds


def serve(loop: Loop, child: Child) -> int:
    """Let the container begin, and wait for its end: its wait status."""
    go_on(child)
    status = wait(child.pid)
    child.ended = True
    while child.up in loop.handlers:  # what it said last
        loop.turn()
    return status


# ---- a mount namespace for a runtime that needs one

@contextmanager
def inside(space: int | None) -> Iterator[None]:
    """Be in another mount namespace meanwhile; None: stay. It comes back to the working directory."""
    if space is None:
        yield
        return
    here, home = os.getcwd(), os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(space, syscalls.CLONE_NEWNS)
        yield
    finally:
        syscalls.setns(home, syscalls.CLONE_NEWNS)
        os.close(home)
        os.chdir(here)


def without_controllers(hierarchy: str) -> int:
    """A descriptor of a mount namespace in which a v2 hierarchy seems to have no controllers.

    It is held by the descriptor alone. hierarchy: its mount point. man: mount_namespaces(7).
    """
    hear, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            syscalls.unshare(syscalls.CLONE_NEWNS)
            syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
            syscalls.mount(os.devnull, f"{hierarchy}/cgroup.controllers", None, syscalls.MS_BIND)
            os.write(say, b"y")
            signal.pause()
        finally:
            os._exit(1)
    os.close(say)
    try:
        if os.read(hear, 1) != b"y":
            raise ContainLabError(f"{hierarchy}/cgroup.controllers: it cannot be covered")
        return os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(hear)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
