"""The keeper: a process per machine, the parent of its QEMU, and what is left of `vm up` when that has ended.

It holds the lock of the machine's folder. Until `vm up` has said that the machine is up, its end of a socket pair is
the keeper's life: whatever ends `vm up`, the keeper ends QEMU and removes the folder. When QEMU ends, the keeper does
so, too; when the keeper is killed, the kernel kills QEMU, and who comes next finds a folder whose lock is free.
man: fork(2), flock(2), prctl(2).
"""

import os
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable

from contain_lab import files
from contain_lab.errors import ContainLabError, explain

Start = Callable[[], subprocess.Popen[bytes]]


class Keeper:
    """The side of `vm up`: `with Keeper(folder, start) as keeper: …; keeper.is_up()`. Without that all is undone."""

    def __init__(self, folder: str, start: Start) -> None:
        """Make the folder, lock it, and start QEMU by `start`, in the keeper. Errors: ContainLabError."""
        self.ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            _be_keeper(folder, start, theirs)
        theirs.close()
        try:
            said = self.ours.recv(1 << 16).decode()
        except BaseException:
            self.undo()
            raise
        if said != "started":
            self.undo()
            message, _, hint = said.partition("\n")
            raise ContainLabError(message or "vm up: the keeper of the machine ended", hint)

    def __enter__(self) -> "Keeper":
        return self

    def is_up(self) -> None:
        """From now on the machine stays."""
        self.ours.send(b"u")
        self.ours.recv(1)

    def __exit__(self, *error: object) -> None:
        if error == (None, None, None):
            self.ours.close()
        else:
            self.undo()

    def undo(self) -> None:
        """End the machine, and wait until nothing is left of it."""
        self.ours.close()
        os.waitpid(self.pid, 0)


def _be_keeper(folder: str, start: Start, channel: socket.socket) -> None:
    """All that the keeper does; it does not return."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _let_go_of_all_but(channel.fileno())
        os.makedirs(folder, 0o700)
        lock = files.lock_folder(folder, wait=True)
        try:
            _keep(start, channel)
            code = 0
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            files.let_go(lock)
    except BaseException as error:  # noqa: BLE001  # whatever it is, `vm up` says it
        channel.send("\n".join(explain(error)).encode())
    finally:
        os._exit(code)


def _keep(start: Start, channel: socket.socket) -> None:
    process = start()
    try:
        channel.send(b"started")
        handle = os.pidfd_open(process.pid)
        poll = select.poll()
        poll.register(channel, select.POLLIN)
        poll.register(handle, select.POLLIN)
        ready = dict(poll.poll())
        if channel.fileno() in ready and channel.recv(1):
            channel.send(b"u")
            channel.close()
            process.wait()
    finally:
        process.kill()
        process.wait()


def _let_go_of_all_but(channel: int) -> None:
    """The terminal, whatever pipe `vm up` writes to, and its locks are not the keeper's to hold."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(nothing, handle)
    os.closerange(3, channel)
    os.closerange(channel + 1, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")
