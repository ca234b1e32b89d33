"""The command server: the third program of a machine (PID 1), and the words that both its sides speak.

Each virtio-serial port is served by a process of its own, one command at a time. What goes over it is frames: a byte
for the kind, four for the length (big-endian), then bytes. From outside: `h` a client is there (16 bytes, which are
answered), `w` wake after a restore (JSON), `c` a piece of the command (JSON: argv, env, cwd, rows and columns of a
terminal), `r` run it, `i` input (none: its end), `z` the terminal's size. From inside: `h`, `o` and `e` output, `x`
the exit code.

A client may be killed in the middle of a frame. So a zero byte between frames means nothing, no frame from outside is
longer than LONGEST, and a client first sends more zeros than that: they end what another has begun. A client that
hangs up, or says `h`, ends the command of the one before.

It runs alone inside the machine, so it imports nothing of the package. Linux: driver-api/virtio, virtio_console.c.
"""

import contextlib
import errno
import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time
import traceback
from typing import Any

LONGEST = 4096
"""Bytes of a frame from outside, without its head."""

HEAD = struct.Struct(">cI")
PREFIX = "contain_lab."  # of the ports' names
AT_ONCE = 1 << 16        # bytes that are read of a pipe
FULL = 1 << 18           # bytes waiting to be sent, above which no more are read
RNDADDENTROPY, RNDRESEEDCRNG = 0x40085203, 0x5207  # <linux/random.h>
READY = "contain_lab: ready"


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """A frame as bytes."""
    return HEAD.pack(kind, len(payload)) + payload


def take_frames(data: bytearray) -> list[tuple[bytes, bytes]]:
    """Take the whole frames, (kind, payload), out of what has arrived."""
    found: list[tuple[bytes, bytes]] = []
    while True:
        while data[:1] == b"\0":
            del data[:len(data) - len(data.lstrip(b"\0"))]
        if len(data) < HEAD.size:
            return found
        kind, length = HEAD.unpack_from(data)
        if len(data) < HEAD.size + length:
            return found
        found.append((kind, bytes(data[HEAD.size:HEAD.size + length])))
        del data[:HEAD.size + length]


class HungUp(Exception):
    """The client has gone."""


class Command:
    """A process, its descriptors, and what waits to be its input."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.inputs, self.ending = bytearray(), False
        size = asked.get("terminal")
        self.outputs: dict[int, bytes] = {}
        if size:
            self.stdin, terminal = pty.openpty()
            self.resize(size)
            self.outputs[os.dup(self.stdin)] = b"o"
            inside = (terminal, os.dup(terminal), os.dup(terminal))
        else:
            (stdin, self.stdin), (out, stdout), (err, stderr) = os.pipe(), os.pipe(), os.pipe()
            self.outputs = {out: b"o", err: b"e"}
            inside = (stdin, stdout, stderr)
        try:
            self.process = subprocess.Popen(
                asked["argv"], cwd=asked["cwd"], env=asked["env"], stdin=inside[0], stdout=inside[1], stderr=inside[2],
                start_new_session=True, preexec_fn=take_terminal if size else None)  # noqa: PLW1509  # one thread
        except OSError:
            for handle in (self.stdin, *self.outputs):
                os.close(handle)
            raise
        finally:
            for handle in inside:
                os.close(handle)
        self.pid_handle = os.pidfd_open(self.process.pid)
        for handle in (self.stdin, *self.outputs):
            os.set_blocking(handle, False)

    def resize(self, size: list[int]) -> None:
        """Tell a terminal its rows and columns."""
        fcntl.ioctl(self.stdin, termios.TIOCSWINSZ, struct.pack("4H", *size, 0, 0))

    def read(self, handle: int) -> bytes | None:
        """What a descriptor has; None at its end, which a terminal tells by EIO."""
        try:
            return os.read(handle, AT_ONCE) or None
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return None

    def feed(self) -> None:
        """Write what waits; close at its end. Who reads no more gets no more."""
        try:
            while self.inputs:
                del self.inputs[:os.write(self.stdin, self.inputs[:AT_ONCE])]
        except BlockingIOError:
            return
        except OSError:  # EPIPE; EIO of a terminal
            self.inputs.clear()
            self.ending = True
        if self.ending:
            os.close(self.stdin)
            self.stdin = -1

    def end(self) -> None:
        """Kill its process group, and close what is open."""
        with contextlib.suppress(ProcessLookupError):  # it has ended, and left nobody behind
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.close()

    def close(self) -> None:
        """Close what is open."""
        for handle in (self.stdin, self.pid_handle, *self.outputs):
            if handle >= 0:
                os.close(handle)


class Session:
    """What a client and a command say to each other, until the client hangs up."""

    def __init__(self, port: int) -> None:
        self.port, self.inbox, self.outbox, self.asked = port, bytearray(), bytearray(), bytearray()
        self.command: Command | None = None

    def serve(self) -> None:
        """Until the client hangs up."""
        try:
            while True:
                self.turn()
        except HungUp:
            return
        finally:
            self.end_command()

    def turn(self) -> None:
        """Wait until something can be done, and do it."""
        poll, command = select.poll(), self.command
        busy = command is not None and len(command.inputs) > FULL
        poll.register(self.port, (0 if busy else select.POLLIN) | (select.POLLOUT if self.outbox else 0))
        if command is not None:
            poll.register(command.pid_handle, select.POLLIN)
            if command.stdin >= 0 and (command.inputs or command.ending):
                poll.register(command.stdin, select.POLLOUT)
            for handle in command.outputs if len(self.outbox) < FULL else ():
                poll.register(handle, select.POLLIN)
        ready = dict(poll.poll())
        if ready.get(self.port, 0) & (select.POLLHUP | select.POLLERR):
            raise HungUp
        if command is not None:
            self.attend(command, ready)
        if ready.get(self.port, 0) & select.POLLIN:
            self.read()
        if self.outbox:
            self.write()

    def attend(self, command: Command, ready: dict[int, int]) -> None:
        """Carry a command's input and output; its end, when it has ended and all it said is read."""
        if command.stdin in ready:
            command.feed()
        for handle in [each for each in command.outputs if each in ready]:
            self.carry(command, handle)
        if command.pid_handle in ready:
            for handle in list(command.outputs):
                while self.carry(command, handle):
                    continue
            code = command.process.wait()
            self.outbox += frame(b"x", bytes([code if code >= 0 else 128 - code]))
            self.command = None
            command.close()

    def carry(self, command: Command, handle: int) -> bool:
        """Carry what a descriptor has; whether there may be more."""
        data = command.read(handle)
        if data:
            self.outbox += frame(command.outputs[handle], data)
        if data is None:
            os.close(handle)
            del command.outputs[handle]
        return bool(data)

    def read(self) -> None:
        """Read from the client, and do what it says."""
        try:
            data = os.read(self.port, AT_ONCE)
        except BlockingIOError:
            return
        if not data:
            raise HungUp
        self.inbox += data
        for kind, payload in take_frames(self.inbox):
            self.obey(kind, payload)

    def write(self) -> None:
        """Write to the client what waits."""
        try:
            del self.outbox[:os.write(self.port, self.outbox[:AT_ONCE // 2])]
        except BlockingIOError:
            return

    def obey(self, kind: bytes, payload: bytes) -> None:
        """Do what a frame says."""
        if kind == b"h":
            self.end_command()
            self.asked.clear()
            self.outbox[:] = frame(b"h", payload)
        elif kind == b"w":
            wake(json.loads(payload))
            self.outbox += frame(b"w")
        elif kind == b"c":
            self.asked += payload
        elif kind == b"r":
            asked = json.loads(bytes(self.asked))
            self.asked.clear()
            self.start(asked)
        elif self.command is not None and kind == b"i":
            self.command.inputs += payload
            self.command.ending = not payload
        elif self.command is not None and kind == b"z":
            self.command.resize(json.loads(payload))

    def start(self, asked: dict[str, Any]) -> None:
        """Start a command; one that cannot be started ends as a shell has it: 127 where it is not there, else 126."""
        try:
            self.command = Command(asked)
        except OSError as error:
            reason = f"{error.filename or asked['argv'][0]}: {(error.strerror or '').lower()}\n"
            code = 127 if error.errno == errno.ENOENT else 126
            self.outbox += frame(b"e", reason.encode()) + frame(b"x", bytes([code]))

    def end_command(self) -> None:
        """End the command, if one runs."""
        if self.command is not None:
            self.command.end()
            self.command = None


def take_terminal() -> None:
    """Make standard input the terminal of this session. man: ioctl_tty(2)."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def wake(said: dict[str, Any]) -> None:
    """After a restore all copies are one: set the clock, the name and the ids, and stir the random numbers."""
    time.clock_settime_ns(time.CLOCK_REALTIME, said["time"])
    socket.sethostname(said["name"])
    seed = bytes.fromhex(said["seed"])
    with open("/dev/random", "wb", buffering=0) as random:
        fcntl.ioctl(random, RNDADDENTROPY, struct.pack("ii", 8 * len(seed), len(seed)) + seed)
        fcntl.ioctl(random, RNDRESEEDCRNG)
    with open("/etc/machine-id", "w", encoding="ascii") as file:
        file.write(os.urandom(16).hex() + "\n")


def ports() -> list[str]:
    """The devices of our ports; their numbers depend on what else the machine has."""
    found = {}
    for name in os.listdir("/sys/class/virtio-ports"):
        with open(f"/sys/class/virtio-ports/{name}/name", encoding="ascii") as file:
            label = file.read().strip()
        if label.startswith(PREFIX):
            found[label] = f"/dev/{name}"
    return [found[label] for label in sorted(found)]


def serve_port(device: str) -> None:
    """Serve a port, one client after the other. The kernel sends SIGIO when one comes or goes."""
    port = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    wakeup, signals = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGIO, lambda *_: None)
    signal.set_wakeup_fd(signals, warn_on_full_buffer=False)
    fcntl.fcntl(port, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(port, fcntl.F_SETFL, fcntl.fcntl(port, fcntl.F_GETFL) | os.O_ASYNC)
    client, sign = select.poll(), select.poll()
    client.register(port, select.POLLIN)
    sign.register(wakeup, select.POLLIN)
    while True:
        if any(not events & select.POLLHUP for _, events in client.poll(0)):
            Session(port).serve()
        if sign.poll(1000):
            os.read(wakeup, AT_ONCE)


def main() -> None:
    """PID 1: a server for each port, made anew when it dies; and whoever has no parent left is waited for."""
    serving = {}
    for device in ports():
        serving[_fork(device)] = device
    with open("/dev/console", "w", encoding="ascii") as console:
        console.write(f"{READY}\n")
    while True:
        pid, _ = os.wait()
        if pid in serving:
            device = serving.pop(pid)
            serving[_fork(device)] = device


def _fork(device: str) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            serve_port(device)
        finally:  # the console shows why
            traceback.print_exc()
            os._exit(1)
    return pid


if __name__ == "__main__":
    main()
