"""Network: links, addresses, routes, ports, firewall. man: network_namespaces(7), netdevice(7).

A new network namespace has one link, the loopback, and it is down. It lives as long as a process is in it, or a file
stands for it: a bind mount of /proc/PID/ns/net. `ip netns` looks for such files in /run/netns, CNI is given the path.
"""

import fcntl
import os
import struct
from _socket import AF_INET, SOCK_DGRAM, socket  # socket itself costs 5 ms

from contain_lab import syscalls
from contain_lab.syscalls import CLONE_NEWNET, IFF_UP, MNT_DETACH, MS_BIND, SIOCGIFFLAGS, SIOCSIFFLAGS


def unshare_net() -> None:
    """Move into a network namespace of our own."""
    syscalls.unshare(CLONE_NEWNET)


def bring_loopback_up() -> None:
    """Bring the loopback interface up, so that 127.0.0.1 answers."""
    link = socket(AF_INET, SOCK_DGRAM)
    request = fcntl.ioctl(link.fileno(), SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
    flags = struct.unpack("16sH14x", request)[1]
    fcntl.ioctl(link.fileno(), SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))
    link.close()


def name_namespace(pid: int, path: str) -> None:
    """Give the network namespace of a process a name, a new file that keeps it when the process has gone."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
    try:
        syscalls.mount(f"/proc/{pid}/ns/net", path, None, MS_BIND)
    except OSError:
        os.unlink(path)
        raise


def forget_namespace(path: str) -> None:
    """Take the name of a network namespace away, where there is one."""
    if os.path.ismount(path):
        syscalls.umount2(path, MNT_DETACH)
    if os.path.lexists(path):
        os.unlink(path)
