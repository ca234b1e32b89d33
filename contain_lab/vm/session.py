"""A command in a machine, seen from outside: input, output and exit code are those of the command.

A port whose lock is free is taken; the command server inside answers the 16 bytes that we send, and what came
before the answer was meant for another. man: termios(3).
"""

import contextlib
import json
import os
import select
import socket
import termios
import time
import tty
from collections.abc import Iterator
from typing import Any

from contain_lab import files
from contain_lab.errors import ContainLabError
from contain_lab.vm import qemu
from contain_lab.vm.command_server import HEAD, LONGEST, frame, take_frames

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LANG": "C.UTF-8", "USER": "root", "LOGNAME": "root"}
FOLDER = "/contain_lab"  # where commands are begun, and the repository is
ANSWER = 5.0  # seconds for the answer of a command server that runs


class Session:
    """A port of a machine, taken: `with Session(name, folder) as session: session.run(["true"])`."""

    def __init__(self, name: str, folder: str, wait: float = ANSWER) -> None:
        """wait: seconds for its command server's answer. Errors: ContainLabError: all ports taken, or no answer."""
        self.name, self.inbox = name, bytearray()
        self.lock, self.socket = _take(name, folder, wait)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()
        os.close(self.lock)

    def wake(self) -> None:
        """Tell a machine that was restored the time, its name, and random numbers of its own."""
        said = {"time": time.time_ns(), "name": self.name, "seed": os.urandom(64).hex()}
        self.send(b"w", json.dumps(said).encode())
        while not take_frames(self.inbox):
            self._read(0)

    def run(self, argv: list[str], folder: str = FOLDER, terminal: bool = False,
            handles: tuple[int, int, int] = (0, 1, 2), env: dict[str, str] | None = None) -> int:
        """Run a command to its end; its exit code. handles: its input, output and errors."""
        asked: dict[str, Any] = {"argv": argv, "cwd": folder, "env": {**ENVIRONMENT, **(env or {})}}
        if terminal:
            asked["terminal"] = _size(handles[0])
            asked["env"]["TERM"] = os.environ.get("TERM", "linux")
        text = json.dumps(asked).encode()
        for start in range(0, len(text), LONGEST):
            self.send(b"c", text[start:start + LONGEST])
        self.send(b"r")
        with _raw(handles[0]) if terminal else contextlib.nullcontext():
            return self._carry(handles, terminal)

    def _carry(self, handles: tuple[int, int, int], terminal: bool) -> int:
        """Carry input and output until the exit code comes."""
        poll, size = select.poll(), _size(handles[0]) if terminal else []
        poll.register(self.socket, select.POLLIN)
        poll.register(handles[0], select.POLLIN)
        while True:
            ready = dict(poll.poll(0 if _holds_frame(self.inbox) else 500))
            if handles[0] in ready:
                data = b"" if ready[handles[0]] & select.POLLNVAL else os.read(handles[0], LONGEST)
                self.send(b"i", data)
                if not data:
                    poll.unregister(handles[0])
            if terminal and size != (size := _size(handles[0])):
                self.send(b"z", json.dumps(size).encode())
            if self.socket.fileno() in ready:
                self._read()
            for kind, payload in take_frames(self.inbox):
                if kind == b"x":
                    return payload[0]
                _write(handles[1] if kind == b"o" else handles[2], payload)

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send a frame; what arrives meanwhile is kept, so that neither side waits for the other."""
        data, poll = memoryview(frame(kind, payload)), select.poll()
        poll.register(self.socket, select.POLLIN | select.POLLOUT)
        while data:
            events = dict(poll.poll())[self.socket.fileno()]
            if events & select.POLLIN:
                self._read()
            if events & select.POLLOUT:
                data = data[self.socket.send(data, socket.MSG_DONTWAIT):]

    def _read(self, flags: int = socket.MSG_DONTWAIT) -> None:
        """What has arrived; nothing where `send` has taken it meanwhile."""
        try:
            data = self.socket.recv(1 << 16, flags)
        except BlockingIOError:
            return
        if not data:
            raise ContainLabError(f"machine '{self.name}': it went away while the command ran", "contain-lab vm status")
        self.inbox += data


def _holds_frame(data: bytearray) -> bool:
    return len(data) >= HEAD.size and len(data) >= HEAD.size + HEAD.unpack_from(data)[1]


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data):]


def _take(name: str, folder: str, wait: float) -> tuple[int, socket.socket]:
    """A port's lock and connection, when its server has answered."""
    tried = 0
    for number in range(qemu.PORTS):
        handle = files.lock(os.path.join(folder, f"port{number}.lock"))
        if handle is None:
            continue
        try:
            connection = qemu.connect(folder, f"port{number}")
        except OSError:
            os.close(handle)
            raise ContainLabError(f"machine '{name}': it does not run", f"contain-lab vm up --name {name}") from None
        if _answers(connection, wait):
            return handle, connection
        connection.close()
        os.close(handle)
        tried += 1
    if tried:
        raise ContainLabError(f"machine '{name}': no answer from its command server in {wait:.0f} s",
                              f"its console is {folder}/console; contain-lab vm down --name {name} ends it")
    raise ContainLabError(f"machine '{name}': {qemu.PORTS} commands run in it already, which is all that it takes")


def _answers(connection: socket.socket, wait: float) -> bool:
    """Whether the command server answers; what an earlier client left is passed over."""
    mine, seen, end = frame(b"h", os.urandom(16)), bytearray(), time.monotonic() + wait
    connection.settimeout(wait)
    try:
        connection.sendall(bytes(LONGEST + HEAD.size) + mine)
        while mine not in seen:
            connection.settimeout(max(end - time.monotonic(), 0.001))
            data = connection.recv(1 << 16)
            if not data:
                return False
            seen += data
    except (TimeoutError, ConnectionError, BrokenPipeError):
        return False
    connection.settimeout(None)
    return True


def _size(handle: int) -> list[int]:
    """Rows and columns of a terminal."""
    columns, rows = os.get_terminal_size(handle)
    return [rows, columns]


@contextlib.contextmanager
def _raw(handle: int) -> Iterator[None]:
    """The terminal hands each key on."""
    before = termios.tcgetattr(handle)
    tty.setraw(handle)
    try:
        yield
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
