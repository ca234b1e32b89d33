"""The links of a network namespace, read from outside by a process that enters it. man: netdevice(7), setns(2)."""

import os

from contain_lab import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def links(pid: int) -> dict[str, int]:
    """The links of the network namespace that a process is in: {name: flags}, {"lo": 8} in a new one.

    Flags are those of SIOCGIFFLAGS. Errors: OSError where the process has ended.
    """
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    hear, say = os.pipe()
    reader = os.fork()
    if reader == 0:
        _read(there, say)
    os.close(say)
    os.close(there)
    said = b""
    while data := os.read(hear, 65536):
        said += data
    os.close(hear)
    os.waitpid(reader, 0)
    return {name: int(flags) for name, _, flags in (line.rpartition(" ") for line in said.decode().splitlines())}


def _read(there: int, say: int) -> "NoReturn":
    """Enter the namespace, and write a line for each link to a pipe."""
    import fcntl
    import struct
    from _socket import AF_INET, SOCK_DGRAM, if_nameindex, socket

    try:
        syscalls.setns(there, syscalls.CLONE_NEWNET)
        asking = socket(AF_INET, SOCK_DGRAM)
        for _, name in if_nameindex():
            request = struct.pack("16sH14x", name.encode(), 0)
            flags = struct.unpack("16sH14x", fcntl.ioctl(asking.fileno(), syscalls.SIOCGIFFLAGS, request))[1]
            os.write(say, f"{name} {flags}\n".encode())
    finally:
        os._exit(0)
