"""Run a program beside a process of the sandbox, in all its namespaces and in its root, as root there.

It is the judge's own `exec`: no step of the student's is in it, and none of the runtime. man: setns(2), nsenter(1).
"""

import os
import select
import time

from contain_lab import syscalls
from contain_lab.labkit.sandbox import ids as sandbox_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

ORDER = ("user", "mnt", "uts", "ipc", "net", "cgroup", "pid")  # the user namespace owns the others
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
MOST = 1 << 16  # bytes of output that are kept


def run_inside(pid: int, args: tuple[str, ...], seconds: float) -> tuple[int, str]:
    """Its exit code, 128 + N where signal N ended it, 127 where it could not be run; and what it printed.

    Errors: FileNotFoundError where the process has ended, TimeoutError.
    """
    places = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ORDER]
    root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_CLOEXEC)
    hear, say = os.pipe()
    runner = os.fork()
    if runner == 0:
        _enter_and_run(places, root, args, say)
    for handle in (*places, root, say):
        os.close(handle)
    try:
        said = _listen(hear, time.monotonic() + seconds)
    except TimeoutError:
        os.kill(runner, 9)
        raise
    finally:
        os.close(hear)
        code = os.waitstatus_to_exitcode(os.waitpid(runner, 0)[1])
    return code, said.decode(errors="replace")


def _listen(hear: int, end: float) -> bytes:
    """What comes until the last writer is gone. Errors: TimeoutError."""
    said = b""
    while select.select([hear], [], [], max(0.0, end - time.monotonic()))[0]:
        more = os.read(hear, 4096)
        if not more:
            return said
        said = (said + more)[:MOST]
    raise TimeoutError("a program that was run inside did not end")


def _enter_and_run(places: list[int], root: int, args: tuple[str, ...], say: int) -> "NoReturn":
    """Enter, and be the parent of the program, for a PID namespace is that of children; it dies with this process."""
    try:
        for place in places:
            syscalls.setns(place, 0)
            if place == places[0]:
                sandbox_ids.take_ids()
        os.fchdir(root)
        os.chroot(".")
        os.chdir("/")
        program = os.fork()
        if program == 0:
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
            null = os.open("/dev/null", os.O_RDWR)
            for number, handle in enumerate((null, say, say)):
                os.dup2(handle, number)
            os.execvpe(args[0], args, ENVIRONMENT)
        code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
        os._exit(128 - code if code < 0 else code)
    except OSError as error:
        os.write(say, f"{args[0]}: {error.strerror}\n".encode())
    os._exit(127)
