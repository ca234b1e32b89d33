"""What runs in the sandbox beside the student's process: PID 1, and a neighbour.

man: pid_namespaces(7), prctl(2). All of it begins as a copy of the judge (clone3 and fork, no execve), so what is
imported there is here. Nothing of the student's is loaded in these processes; see `sandbox`.
"""

import os

from contain_lab import syscalls
from contain_lab.errors import ContainLabError, explain
from contain_lab.labkit.sandbox import group as sandbox_group
from contain_lab.labkit.sandbox import ids as sandbox_ids
from contain_lab.labkit.sandbox import mounts as sandbox_mounts
from contain_lab.labkit.sandbox import student
from contain_lab.labkit.sandbox.student import Scene

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from contain_lab.labkit.sandbox.student import Actor

HOST = "the-host"  # the host name outside the step's own namespace, in the sandbox
NEIGHBOUR = "the-neighbour"
PROCESSES, RLIMIT_NPROC = 64, 6  # the group of the sandbox says so, too, whatever the id; an ordinary user has none
SIGNALS = (1, 2, 3, 10, 12, 15)  # SIGPIPE stays ignored, as Python has it


def be_init(scene: Scene, actor: "Actor", group: int, gate: int, report: int, out: int, told: int) -> "NoReturn":
    """Be PID 1: finish the mounts, start the others, collect who ends, and say how the student's process ended."""
    try:
        reset_signals()
        sandbox_group.join(group)
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
        if os.read(gate, 1) != b"\n":
            os._exit(1)
        sandbox_ids.take_ids()
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)  # a change of ids has cleared it
        syscalls.prlimit(0, RLIMIT_NPROC, PROCESSES, PROCESSES)  # counted for each user namespace and id
        sandbox_mounts.settle()
        syscalls.sethostname(HOST)
        if scene.arrange:
            scene.arrange()
        if scene.neighbour:
            start_neighbour(scene.neighbour)
        child = syscalls.clone3(syscalls.CLONE_NEWPID) if scene.first else os.fork()
        if child == 0:
            student.be_student(scene, actor, gate, report, out)
        keep_only(told)
        collect(child, 0)
    except BaseException as error:  # noqa: BLE001 - it is told, whatever it is
        student.write_line(report, {"trouble": explain(error)[0]})
    os._exit(1)


def reset_signals() -> None:
    """Let go of the judge's handlers: PID 1 is then deaf to all that comes from inside."""
    from _signal import SIG_DFL, signal

    for number in SIGNALS:
        signal(number, SIG_DFL)


def keep_only(handle: int) -> None:
    """Close every descriptor but this one, which becomes 0."""
    os.dup2(handle, 0, inheritable=False)
    syscalls.close_range(1, 2**32 - 1)


def collect(student: int, told: int) -> "NoReturn":
    """Wait for whoever ends, for ever; of the student's process say how."""
    from _signal import pause

    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            pause()
            continue
        if pid == student:
            code = os.waitstatus_to_exitcode(status)
            os.write(told, f"signal {-code}\n".encode() if code < 0 else f"exit code {code}\n".encode())


def start_neighbour(flags: int) -> None:
    """A process in namespaces of its own that does nothing; it is PID 2."""
    from _signal import pause

    hear, say = os.pipe()
    if os.fork() == 0:
        syscalls.unshare(flags)
        if flags & syscalls.CLONE_NEWUTS:
            syscalls.sethostname(NEIGHBOUR)
        os.write(say, b"r")
        syscalls.close_range(0, 2**32 - 1)
        while True:
            pause()
    os.close(say)
    if not os.read(hear, 1):
        raise ContainLabError("the neighbour went away")
    os.close(hear)
