"""Kernel parameters of our namespaces: kernel.msgmax, fs.mqueue.msg_max, net.ipv4.ip_forward. man: sysctl(8), proc(5).

A parameter is a file below /proc/sys. Some belong to a namespace, and whoever opens such a file gets that of his own;
all others are the whole machine's. A container's /proc may be what an image has put there, so it is not used.
"""

import os

from contain_lab import syscalls
from contain_lab.syscalls import FSCONFIG_CMD_CREATE, PROC_SUPER_MAGIC


def new_proc() -> int:
    """A descriptor of a new /proc that is mounted nowhere, where no image can put anything in its place."""
    context = syscalls.fsopen("proc")
    try:
        syscalls.fsconfig(context, FSCONFIG_CMD_CREATE)
        return syscalls.fsmount(context)
    finally:
        os.close(context)


def open_proc() -> int:
    """A new /proc; or, where the kernel lets us make none, the one at /proc, if it is the kernel's and no image's.

    It lets nobody make one whose PID namespace is not his user namespace's. Only the kernel makes a file system of
    this kind, and 1 is the inode of its root.
    """
    try:
        return new_proc()
    except PermissionError:
        proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if syscalls.fstatfs_type(proc) == PROC_SUPER_MAGIC and os.fstat(proc).st_ino == 1:
            return proc
        os.close(proc)
        raise


def set_sysctl(name: str, value: str) -> None:
    """Set a kernel parameter of our namespaces, through a /proc that no image can fake."""
    proc = open_proc()
    try:
        file = os.open("sys/" + name.replace(".", "/"), os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc)
        with open(file, "w", encoding="utf-8") as parameter:
            parameter.write(value)
    finally:
        os.close(proc)
