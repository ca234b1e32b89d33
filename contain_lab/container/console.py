"""A terminal for the container: a pseudoterminal of its own devpts, and who holds the other end.

man: pty(7), ioctl_tty(2), unix(7) (SCM_RIGHTS). The child makes the pair, for /dev/pts/N must be in its own devpts;
the master goes over a socket to whoever asked: the process that shows it, or an engine's --console-socket.
"""

import fcntl
import os
import struct

from contain_lab import files, syscalls
from contain_lab.errors import ContainLabError
from contain_lab.syscalls import AT_EMPTY_PATH, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE

TIOCSPTLCK, TIOCGPTN, TIOCSCTTY, TIOCSWINSZ, TIOCGPTPEER = 0x40045431, 0x80045430, 0x540E, 0x5414, 0x5441


def open_console(socket: int, rows: int, columns: int, uid: int) -> None:
    """Make the terminal of a container, which is its /dev/console too; it belongs to the user of its process."""
    master, slave = _make_pair(rows, columns)
    number = struct.unpack("i", fcntl.ioctl(master, TIOCGPTN, bytes(4)))[0]
    bind_console(f"/dev/pts/{number}")
    _take(socket, master, slave, uid)


def open_terminal(socket: int, rows: int, columns: int, uid: int) -> None:
    """Make a terminal for one more process of a container."""
    _take(socket, *_make_pair(rows, columns), uid)


def _make_pair(rows: int, columns: int) -> tuple[int, int]:
    """The two ends of a new terminal, (master, slave), from the container's own devpts."""
    master = os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK)
    if os.fstat(master).st_rdev != os.makedev(5, 2):  # an image could have put anything there (CVE-2025-52565)
        raise ContainLabError("/dev/pts/ptmx in the container is not the maker of terminals",
                              "mount a devpts at /dev/pts")
    os.set_blocking(master, True)
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    slave = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
    if rows and columns:
        set_size(master, rows, columns)
    return master, slave


def _take(socket: int, master: int, slave: int, uid: int) -> None:
    """Send the master end away, and take the other as terminal, input, output and error."""
    send_descriptor(socket, master)
    if uid:  # so that the program can open it by its name
        os.fchown(slave, uid, -1)
    fcntl.ioctl(slave, TIOCSCTTY, 0)
    for stream in (0, 1, 2):
        os.dup2(slave, stream)
    os.close(slave)
    os.close(master)


def bind_console(path: str) -> None:
    """Show the terminal as /dev/console too: a bind mount onto a file."""
    place = files.make_in_root("/", "/dev/console", directory=False)
    source = files.open_in_root("/", path)
    tree = syscalls.open_tree(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)
    syscalls.move_mount(tree, place)
    for handle in (tree, source, place):
        os.close(handle)


def set_size(terminal: int, rows: int, columns: int) -> None:
    """Set the window size of a terminal, in characters."""
    fcntl.ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


# ---- descriptors over a socket

def send_descriptor(socket: int, descriptor: int) -> None:
    """Send a descriptor over a unix socket, as the runtime's --console-socket has it: its name as the message."""
    from _socket import SCM_RIGHTS, SOL_SOCKET
    from _socket import socket as Socket

    channel = Socket(fileno=os.dup(socket))
    channel.sendmsg([b"/dev/ptmx"], [(SOL_SOCKET, SCM_RIGHTS, struct.pack("i", descriptor))])
    channel.close()


def receive_descriptor(socket: int) -> int:
    """The descriptor that comes over a unix socket; -1 where the other end is closed."""
    from _socket import CMSG_LEN
    from _socket import socket as Socket

    channel = Socket(fileno=os.dup(socket))
    _, ancillary, _, _ = channel.recvmsg(64, CMSG_LEN(4))
    channel.close()
    return int(struct.unpack("i", ancillary[0][2])[0]) if ancillary else -1


def connect(path: str) -> int:
    """A descriptor connected to the unix socket at a path."""
    from _socket import AF_UNIX, SOCK_STREAM
    from _socket import socket as Socket

    channel = Socket(AF_UNIX, SOCK_STREAM)
    try:
        channel.connect(path)
    except OSError as error:
        error.filename = path
        raise
    return channel.detach()


def socket_pair() -> tuple[int, int]:
    """Two descriptors, connected with each other."""
    from _socket import socketpair

    ours, theirs = socketpair()
    return ours.detach(), theirs.detach()
