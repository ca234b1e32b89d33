"""PID: which processes there are, and by which numbers. man: pid_namespaces(7), clone(2), prctl(2).

The first process of a new PID namespace has number 1. When it ends, the kernel kills all others in there, and
nothing more can be forked (ENOMEM). unshare(2) moves only the caller's next child: so this one kind is cloned.
"""

import os

from contain_lab import namespaces, syscalls
from contain_lab.errors import ContainLabError
from contain_lab.syscalls import PR_SET_PDEATHSIG

SIGKILL = 9


def clone_into_namespaces(kinds: tuple[str, ...]) -> int:
    """Make a child process, in new namespaces of these kinds."""
    flags = 0
    for kind in kinds:
        flags |= namespaces.KINDS[kind][1]
    return syscalls.clone3(flags)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends."""
    syscalls.prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() not in (0, parent):
        raise ContainLabError(f"parent process {parent}: it has ended already")


def reap_children(child: int) -> int:
    """Wait for whoever ends, as an init does, until our main child has; its exit code, 128 and more for a signal."""
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def outlive_parent() -> None:
    """Live on when the parent ends: whoever created a container goes, and it waits to be started."""
    syscalls.prctl(PR_SET_PDEATHSIG, 0)


def new_session() -> None:
    """Lead a session of our own, without the caller's terminal."""
    os.setsid()
