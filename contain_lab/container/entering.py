"""One more process in a container that runs: what `exec` does. man: setns(2), pid_namespaces(7).

It is a plan like that of a start, with the same launcher: the namespaces of the container's first process are joined
where a start makes new ones. Invariants:
- the PID namespace is for children: a process in between joins it, so that its child is born in there;
- from before that child is born nobody in there may look into it, or open what it has (CVE-2016-9962, CVE-2019-5736),
  and what becomes of it is the trampoline first, never a Python;
- of the host no descriptor and no working directory goes along (CVE-2024-21626).
"""

import os
import sys
import time
from _signal import SIGKILL

from contain_lab import cgroups, files, namespaces, spec
from contain_lab.container import console, hooks, plan, process, processes, state
from contain_lab.container.launch import Loop, go_on, launch, wait_for_execve
from contain_lab.container.plan import CONSOLE, PARENT, Plan
from contain_lab.errors import ContainLabError, WrongState
from contain_lab.namespaces import enter, pid, user
from contain_lab.steps import PID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from contain_lab.container.launch import Child
    from contain_lab.container.state import State
    from contain_lab.spec import Config
    from contain_lab.steps import Row

    Serve = Callable[[Loop, Child], int]
    Hook = tuple[str, tuple[str, ...], tuple[str, ...], int, int]  # path, arguments, environment, input, output

# The user namespace comes first for who has no privileges without it, and else after those that may be the host's.
ORDER = ("uts", "ipc", "network", "cgroup", "time", "pid")


class Entry(Plan):
    """The rows of `exec`, in the stretches of a start.

    kept: the container's state; config: its config, with the process that is to run; kinds: the namespaces that it
    does not share with us; privileged: whether we may join them without being in its user namespace.
    """

    def __init__(self, kept: "State", config: "Config", kinds: "tuple[str, ...]", detached: bool = False,
                 privileged: bool = True, hook: "Hook | None" = None) -> None:
        self.config, self.folder, self.waits, self.kinds = config, "", False, dict.fromkeys(kinds, "")
        self.before, self.outside, self.warnings = [], [], []
        self.between = list(between_rows(kept["pid"], config, kinds, privileged))
        self.clone = (pid, "clone_into_namespaces", ((),))
        self.beside = [(cgroups, "add_process", (name, PID, (controller,))) for controller, name in groups_of(kept)]
        self.alone = list(alone_rows(kinds))
        self.inside = list(inside_rows(kept["pid"], self, detached, hook))


def between_rows(first: int, config: "Config", kinds: "tuple[str, ...]", privileged: bool) -> "Iterator[Row]":
    """What the new process has to be born with: limits, its namespaces, and that nobody looks into it."""
    yield from plan.limit_rows(config)
    yield process, "become_undumpable", ()
    for kind in (*ORDER, "user") if privileged else ("user", *ORDER):
        if kind in kinds:
            yield join_row(first, kind)


def join_row(first: int, kind: str) -> "Row":
    """The namespace of the container's first process."""
    return enter, "join_namespace", (f"/proc/{first}/ns/{namespaces.KINDS[kind][0]}", kind)


def alone_rows(kinds: "tuple[str, ...]") -> "Iterator[Row]":
    """What the new process does before it is in the groups."""
    yield pid, "die_with_parent", (PARENT,)
    yield pid, "new_session", ()
    if "user" in kinds:
        yield user, "become_root", ()
        yield pid, "die_with_parent", (PARENT,)  # a change of user has cleared it


def inside_rows(first: int, entry: Entry, detached: bool, hook: "Hook | None") -> "Iterator[Row]":
    """From the mount namespace, which comes last, for the host's /proc is gone with it, to execve."""
    if "mount" in entry.kinds:
        yield join_row(first, "mount")
    if spec.part(entry.config, "process.terminal"):
        yield console, "open_terminal", (CONSOLE, *plan.console_arguments(entry.config))
    yield from plan.privilege_rows(entry.config)
    *rows, execute = plan.last_rows(entry)
    yield from rows
    if detached:
        yield pid, "outlive_parent", ()
    yield (sys.modules[__name__], "execute_hook", hook) if hook else execute


def execute_hook(path: str, args: tuple[str, ...], env: tuple[str, ...], given: int, said: int) -> None:
    """Become the program of a hook of the container, whose input and output are files of the runtime in memory."""
    hooks.take_streams(given, said)
    process.become(path, args, env)


def groups_of(kept: "State") -> "Iterator[tuple[str, str]]":
    """The groups that were made for a container, as (controller, name): where its first process is now."""
    own = [path for _, path in cgroups.own_groups(kept["pid"])]
    if "freezer" in kept:
        yield "freezer", kept["freezer"]
    for name, controllers in processes.made_groups(kept):
        tops = {cgroups.group_path(each, name): each for each in controllers}  # on v2 they are one
        for top, controller in tops.items():
            yield controller, name + next((path[len(top):] for path in own if f"{path}/".startswith(f"{top}/")), "")


def foreign_kinds(first: int) -> "tuple[str, ...]":
    """The kinds of namespaces in which a process is not where we are."""
    known = os.listdir("/proc/self/ns")  # a kernel may lack some kinds
    return tuple(kind for kind, (file, _) in namespaces.KINDS.items() if file in known
                 and os.readlink(f"/proc/{first}/ns/{file}") != os.readlink(f"/proc/self/ns/{file}"))


# ---- doing it

def run_inside(root: str, name: str, config: "Config", serve: "Serve", terminal: int = -1,
               loop: "Loop | None" = None) -> int:
    """Run a process in a container, and stay with it: its exit code, 128 and the signal where one ended it.

    config: the container's, with the process that is to run; serve, terminal and loop: as for verbs.run. Errors:
    NotFound, WrongState, StepFailed with code 126 or 127 where there is no such program.
    """
    loop = loop or Loop()
    child = _enter(root, name, config, loop, terminal)
    try:
        status = serve(loop, child)
    except BaseException:
        child.kill()
        raise
    return child.exit_code(status)


def run_detached(root: str, name: str, config: "Config", pid_file: str = "", terminal: int = -1) -> int:
    """Run a process in a container, and leave it there once its program has begun: its pid. Errors: as run_inside."""
    loop = Loop()
    child = _enter(root, name, config, loop, terminal, detached=True)
    try:
        if pid_file:
            files.write(pid_file, str(child.pid), 0o644)
        go_on(child)
        wait_for_execve(child, loop)
    except BaseException:
        child.kill()
        raise
    return child.pid


def run_hook_inside(root: str, kept: "State", hook: "Hook", timeout: int) -> None:
    """Run a hook in a container as its process will run, with another program. Errors: ContainLabError."""
    loop, (path, _, env, *_) = Loop(), hook
    asked = {**kept["process"], "args": [path], "env": env, "terminal": False}
    child = _enter(root, kept["id"], {"process": asked, "linux": {"seccomp": kept["seccomp"]}}, loop, -1, hook=hook)
    ended: list[bool] = []
    loop.add(child.pidfd, lambda: ended.append(True))
    go_on(child)
    until = time.monotonic() + timeout if timeout else None
    while not ended and loop.turn(None if until is None else max(until - time.monotonic(), 0)):
        continue
    if not ended:
        os.kill(child.pid, SIGKILL)
    status = os.waitpid(child.pid, 0)[1]
    if child.failure:
        raise child.failure
    hooks.judge(status, timeout, bool(ended))


def _enter(root: str, name: str, config: "Config", loop: Loop, terminal: int, detached: bool = False,
           hook: "Hook | None" = None) -> "Child":
    """Launch the process, up to "ready"."""
    kept = check_runs(root, name)
    try:
        entry = Entry(kept, config, foreign_kinds(kept["pid"]), detached, os.geteuid() == 0, hook)
        child = launch(entry, [], loop, terminal)
    except (ContainLabError, OSError):
        check_runs(root, name)  # if it has ended meanwhile, that is what is to be said
        raise
    try:
        check_runs(root, name)  # else what was joined may be another's: a pid is given anew
    except ContainLabError:
        child.kill()
        raise
    return child


def check_runs(root: str, name: str) -> "State":
    """The state of a container that a process can enter. Errors: NotFound, WrongState."""
    kept = state.read_state(root, name)
    now = state.status(root, kept)
    if now in ("stopped", "paused"):
        raise WrongState(f"container {name}: it is {now}, and no process can enter it",
                         "start a new one" if now == "stopped" else "let it go on first")
    return kept
