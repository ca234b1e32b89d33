"""Kernel parameters of our namespaces: kernel.msgmax, fs.mqueue.msg_max, net.ipv4.ip_forward. man: sysctl(8), proc(5).

A parameter is a file below /proc/sys. Some belong to a namespace, and whoever opens such a file gets that of his own;
all others are the whole machine's. A container's /proc may be what an image has put there, so it is not used.
"""

import os

from contain_lab import syscalls
from contain_lab.syscalls import FSCONFIG_CMD_CREATE, PROC_SUPER_MAGIC


def open_proc() -> int:
    """A descriptor of a new /proc that is mounted nowhere, where no image can put anything in its place.

    Where none can be mounted, because the PID namespace is not our user namespace's, the one at /proc is taken, and
    looked at: only the kernel makes a file system of this kind, and 1 is the inode of its root.
    """
    context = syscalls.fsopen("proc")
    try:
        syscalls.fsconfig(context, FSCONFIG_CMD_CREATE)
        return syscalls.fsmount(context)
    except PermissionError:
        proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if syscalls.fstatfs_type(proc) != PROC_SUPER_MAGIC or os.fstat(proc).st_ino != 1:
            raise
        return proc
    finally:
        os.close(context)


def set_sysctl(name: str, value: str) -> None:
    """Set a kernel parameter of our namespaces, through a /proc that no image can fake."""
    proc = open_proc()
    try:
        file = os.open("sys/" + name.replace(".", "/"), os.O_WRONLY | os.O_CLOEXEC, dir_fd=proc)
        with open(file, "w", encoding="utf-8") as parameter:
            parameter.write(value)
    finally:
        os.close(proc)
