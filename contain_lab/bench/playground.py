"""Where containers are measured: a folder and a cgroup of one name, and no trace of either afterwards.

<state_dir>/bench/<name>/lock   held (flock) as long as the measurement lives: what has a free lock was killed, and
is removed by the next measurement or by `sweep`, with all processes of its group.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from contain_lab import cgroups, files, syscalls
from contain_lab.errors import ContainLabError

PREFIX = "cl-bench-"
SIGKILL = 9


@contextmanager
def playground() -> Iterator[str]:
    """A folder of its own, whose name is that of the cgroup, too. At the end all of it is removed."""
    folder = f"{root()}/{PREFIX}{os.getpid()}"
    with files.Alone(root()):
        sweep_all()
        os.mkdir(folder, 0o700)
        lock = files.lock(f"{folder}/lock", wait=True)
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)  # so that the end of each container can be waited for
    try:
        yield folder
    finally:
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 0)
        remove(folder)
        files.let_go(lock)


def root() -> str:
    """The folder of all measurements that run."""
    return f"{files.state_dir()}/bench"


def sweep() -> list[str]:
    """Remove what killed measurements left; their names."""
    if not os.path.isdir(root()):
        return []
    with files.Alone(root()):
        return sweep_all()


def sweep_all() -> list[str]:
    """Remove each measurement whose lock is free; their names."""
    removed = []
    for name in sorted(name for name in os.listdir(root()) if name.startswith(PREFIX)):
        lock = files.lock(f"{root()}/{name}/lock")
        if lock is not None:
            remove(f"{root()}/{name}")
            os.close(lock)
            removed.append(name)
    return removed


def remove(folder: str) -> None:
    """Remove a folder and the groups of its name, and end the processes in them."""
    for mounted in set(cgroups.hierarchies(files.get("/proc/self/mountinfo")).values()):
        for path, _, _ in os.walk(f"{mounted}/{os.path.basename(folder)}", topdown=False):
            empty(path)
            os.rmdir(path)
    shutil.rmtree(folder)


def empty(group: str) -> None:
    """End all processes of a group, and wait until they are gone. Errors: ContainLabError where one stays."""
    for _ in range(250):
        pids = files.get(f"{group}/cgroup.procs").split()
        if not pids:
            return
        for pid in pids:
            end(int(pid))
        time.sleep(0.02)
    raise ContainLabError(f"{group}: process {pids[0]} does not end though it was killed")


def end(pid: int) -> None:
    """Kill a process; and reap it, where it is a child."""
    try:
        os.kill(pid, SIGKILL)
        os.waitpid(pid, os.WNOHANG)
    except (ProcessLookupError, ChildProcessError):
        return
