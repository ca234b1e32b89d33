"""Run a prepared container in the foreground, or in a process that stays; where its steps are not ours, in one apart.

A wrong or missing step may let the next one act on the machine. So what people tinker with runs in a process of its
own, in mount, UTS and IPC namespaces of its own, and this one clears up after it.
"""

import marshal
import os
import select
import signal

from contain_lab import files, namespaces, syscalls
from contain_lab.container import attach, verbs
from contain_lab.container.plan import Plan
from contain_lab.engine import clearing, records
from contain_lab.errors import ContainLabError, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from contain_lab.container.launch import Child, Loop


def run(plan: Plan, interactive: bool = False, name: str = "", remove: bool = True,
        begun: "Callable[[], None] | None" = None) -> int:
    """Run a prepared container in the foreground; its exit code.

    interactive: whether it has our input; name: what it is called, "" for a name made up; remove: whether nothing of
    it is left. One that has not begun leaves nothing in any case. begun: called when its program may begin; what it
    says goes into a file beside its record then. Errors: ContainLabError.
    """
    os.umask(0o022)  # a person's own would be seen in the container's root
    clearing.sweep()
    record, lock = records.reserve(plan, name, remove)
    code = records.KILLED
    try:
        code = attend(plan, interactive, record, begun)
    finally:
        records.end(record, code, plan.oom_kills > 0)
        files.let_go(lock)
    return code


def attend(plan: Plan, interactive: bool, record: "records.Record", begun: "Callable[[], None] | None") -> int:
    """Start a container and stay with it: its exit code. The record says when it runs."""
    if not interactive:
        attach.close_input()
    if begun:
        records.keep_output(record)
    front = attach.Foreground(bool(plan.config["process"]["terminal"]), interactive)

    def serve(loop: "Loop", child: "Child") -> int:
        records.begin(record, child.pid)
        if begun:
            begun()
        return front.serve(loop, child)

    plan.bundle = os.path.dirname(records.config_path(record))
    try:
        return verbs.run(plan, serve, front.socket, front.loop)
    finally:
        front.restore()


def run_detached(plan: Plan, name: str = "", remove: bool = True) -> str:
    """Run a container in a process of its own, which stays until it has ended: its id, once it has begun.

    Errors: ContainLabError, as that process has it.
    """
    hear, say = os.pipe()
    if os.fork() == 0:
        os._exit(_stay(plan, name, remove, say))
    os.close(say)
    with open(hear, "rb") as said:
        told = said.read()
    if not told:
        raise ContainLabError("the process that runs the container went away without a word",
                              "it was killed from outside, or ran out of memory")
    error = marshal.loads(told)
    if error:
        raise ContainLabError(*error)
    return os.path.basename(plan.folder)


def _stay(plan: Plan, name: str, remove: bool, say: int) -> int:
    """In the process that stays: run the container, and tell whoever waits that it has begun, or why not."""
    waiting = [say]

    def tell(*error: str | int) -> None:
        if waiting:
            os.write(say, marshal.dumps(error))
            os.close(waiting.pop())

    os.setsid()
    try:
        return run(plan, name=name, remove=remove, begun=tell)
    except (ContainLabError, OSError) as error:
        tell(*explain(error), error.code if isinstance(error, ContainLabError) else 1)
        return 1


def run_apart(plan: Plan, interactive: bool, report: "Callable[[Exception], int]", name: str = "",
              remove: bool = True) -> int:
    """As `run`, where steps are not ours or not as they were: whatever they do, the machine stays as it is.

    report: says an error to the person, and gives the exit code. Errors: ContainLabError where the runtime's own
    process went away without a word.
    """
    hear, say = os.pipe()
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    others = children()
    pid = os.fork()
    if pid == 0:
        os._exit(_apart(plan, lambda: run(plan, interactive, name, remove), report, say))
    os.close(say)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process gets it too, and passes it on
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    signal.signal(signal.SIGINT, before)
    end_orphans(others)
    clearing.sweep(tries=100)
    if select.select([hear], [], [], 0)[0] and os.read(hear, 1) == b"d":
        return status
    raise ContainLabError("the runtime's process went away without a word, in a step on the parent's side",
                          "a step must return: it may not exit or execute a program")


def children() -> set[int]:
    """The child processes of this one. man: proc_tid_children(5)."""
    return {int(pid) for task in os.listdir("/proc/self/task")
            for pid in files.get(f"/proc/self/task/{task}/children").split()}


def end_orphans(others: set[int]) -> None:
    """End what a step on the parent's side left running: it has become a child of ours."""
    while left := children() - others:
        for pid in left:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _apart(plan: Plan, start: "Callable[[], int]", report: "Callable[[Exception], int]", say: int) -> int:
    """In the process apart: run, and leave a byte that says that the end was reached."""
    import shutil  # noqa: F401  undoing needs it, and a missing step may have taken the file system away

    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.geteuid() == 0:  # an ordinary user's steps reach no further than that user
            namespaces.stand_apart()
        code = start()
        for warning in plan.warnings:
            report(ContainLabError(warning))
    except KeyboardInterrupt:
        code = 130
    except Exception as error:  # noqa: BLE001  a student's step may let anything through
        code = report(error)
    os.write(say, b"d")
    return code
