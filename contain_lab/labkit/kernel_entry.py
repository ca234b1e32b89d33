"""The kernel of a notebook, as JupyterLab starts it: for an ordinary user in a user namespace, whose root they are.

    python -m contain_lab.labkit.kernel_entry -f CONNECTION_FILE

So the cells of a lab are the same for everybody: `unshare --uts` needs a capability, and root of a user namespace has
it there. Files of this user belong to root in it, all others to nobody; lab 07 explains it. The namespace has to come
before ipykernel, for a process with threads gets none (unshare(2), EINVAL). man: user_namespaces(7).
"""

from __future__ import annotations

import os

from contain_lab import syscalls
from contain_lab.errors import ContainLabError
from contain_lab.namespaces import user


def main() -> None:
    """Be the kernel; it ends with JupyterLab, or when it is shut down."""
    if os.geteuid() != 0:
        become_root_where_allowed()
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


def become_root_where_allowed() -> None:
    """Move into a user namespace; where this machine allows none, a lab's first cell says so."""
    (hear, tell), me = os.pipe(), os.getpid()
    writer = os.fork()  # it stays outside, for a map of more ids than one is written from there
    if writer == 0:
        os.close(tell)
        os._exit(write_maps(me) if os.read(hear, 1) else 1)
    os.close(hear)
    try:
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        os.write(tell, b"u")
    except OSError:
        return
    finally:
        os.close(tell)
        failed = os.waitpid(writer, 0)[1]
    if not failed:
        user.become_root()
        os.environ["CONTAIN_LAB_ROOTLESS"] = "1"  # `contain-lab run` then needs no --rootless


def write_maps(pid: int) -> int:
    """Write the id maps of a process: all ids that are granted, else the own one. 0, or 1 where neither is allowed."""
    try:
        user.map_own_ids(pid)
    except (ContainLabError, OSError):
        try:
            user.deny_setgroups(pid)
            user.write_id_maps(pid, ((0, os.geteuid(), 1),), ((0, os.getegid(), 1),))
        except (ContainLabError, OSError):
            return 1
    return 0


if __name__ == "__main__":
    main()
