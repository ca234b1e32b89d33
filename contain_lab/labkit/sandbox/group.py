"""The cgroup of a sandbox: how many processes it may have. man: cgroups(7).

A group is called cl-judge-<random>, for two judges may have one pid in two PID namespaces. The judge holds the lock of
its directory (flock(2)) as long as it lives: a group whose lock is free was left by a judge that was killed, and the
next one, or `contain-lab clean`, removes it.
"""

import fcntl
import os

from contain_lab import cgroups
from contain_lab.cgroups import pids

PREFIX = "cl-judge-"
PROCESSES = 64


class Group:
    """A group for one sandbox; where there is no pids controller, nothing: RLIMIT_NPROC must do."""

    def __init__(self) -> None:
        self.name, self.handle = "", -1

    def make(self) -> int:
        """Make the group: a descriptor for `join`, -1 where there is no controller."""
        if not cgroups.available("pids"):
            return -1
        while self.handle < 0:
            self.name = f"{PREFIX}{os.urandom(6).hex()}"
            cgroups.create_group(self.name, ("pids",))
            self.handle = _lock(cgroups.group_path("pids", self.name))
        pids.set_pids_limit(self.name, PROCESSES)
        tasks = f"{cgroups.group_path('pids', self.name)}/tasks"  # v1 has it
        place = tasks if os.path.exists(tasks) else cgroups.group_path("pids", f"{self.name}/cgroup.procs")
        return os.open(place, os.O_WRONLY | os.O_CLOEXEC)

    def remove(self) -> None:
        """Remove it, once nothing is in it any more."""
        if self.name:  # it may not be made yet: remove_group takes that
            cgroups.remove_group(self.name, ("pids",))
            self.name = ""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


def _lock(path: str) -> int:
    """A descriptor of a group that holds its lock; -1 where the sweep of another judge came before it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1
    fcntl.flock(handle, fcntl.LOCK_EX)
    if os.path.isdir(path):
        return handle
    os.close(handle)
    return -1


def join(file: int) -> None:
    """Join the group of a descriptor, alone and by oneself: then the kernel stops no other process (cgroups v1).

    Who moves another process, or one with threads, waits until all of the machine's have passed a quiet state: 10 ms.
    """
    if file < 0:
        return
    try:
        os.write(file, b"0")
    except OSError:
        return  # a machine on which groups may not be joined this way: RLIMIT_NPROC is there, too
    finally:
        os.close(file)


def sweep() -> list[str]:
    """Remove the groups of judges that were killed; their names."""
    if not cgroups.available("pids"):
        return []
    top = os.path.dirname(cgroups.group_path("pids", PREFIX))
    return [name for name in os.listdir(top) if name.startswith(PREFIX) and _removed(f"{top}/{name}")]


def _removed(path: str) -> bool:
    """Remove a group unless its judge lives, or something is still ending in it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rmdir(path)
    except OSError:  # held, busy, or removed by another
        return False
    finally:
        os.close(handle)
    return True
