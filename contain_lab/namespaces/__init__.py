"""Namespaces: what a process sees of the machine, one file a kind. man: namespaces(7).

A process is in one namespace of each kind; its children begin in the same ones. New ones come from clone(2) (a
child in new ones) and unshare(2) (the caller, or its next children), old ones are entered with setns(2). Each is a
file, /proc/PID/ns/<kind>: two processes are in the same namespace if these are the same inode.
"""

from contain_lab import syscalls

# kind, as the runtime specification calls it: (its file below /proc/PID/ns, its flag of clone and unshare)
KINDS = {
    "uts": ("uts", syscalls.CLONE_NEWUTS),
    "ipc": ("ipc", syscalls.CLONE_NEWIPC),
    "pid": ("pid", syscalls.CLONE_NEWPID),
    "mount": ("mnt", syscalls.CLONE_NEWNS),
    "network": ("net", syscalls.CLONE_NEWNET),
    "user": ("user", syscalls.CLONE_NEWUSER),
    "cgroup": ("cgroup", syscalls.CLONE_NEWCGROUP),
    "time": ("time", syscalls.CLONE_NEWTIME),
}


def stand_apart() -> None:
    """Move the caller into mount, UTS and IPC namespaces of its own, so that a wrong step does not reach the machine.

    No step, and made of none: a student's may stand in their place. Mounts that the machine gets are still seen, and
    what is mounted here is shared, as systemd has it on a machine: so a missing step does here what it would do there.
    """
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWIPC)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_SLAVE)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_SHARED)
