"""Network: links, addresses, routes, ports, firewall. man: network_namespaces(7), netdevice(7).

A new network namespace has one link, the loopback, and it is down.
"""

import fcntl
import os
import struct

from contain_lab import syscalls
from contain_lab.syscalls import CLONE_NEWNET, IFF_UP, SIOCGIFFLAGS, SIOCSIFFLAGS


def unshare_net() -> None:
    """Move into a network namespace of our own."""
    syscalls.unshare(CLONE_NEWNET)


def bring_loopback_up() -> None:
    """Bring the loopback interface up, so that 127.0.0.1 answers."""
    from _socket import AF_INET, SOCK_DGRAM, socket  # socket itself costs 5 ms

    link = socket(AF_INET, SOCK_DGRAM)
    request = fcntl.ioctl(link.fileno(), SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
    flags = struct.unpack("16sH14x", request)[1]
    fcntl.ioctl(link.fileno(), SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))
    os.close(link.detach())
