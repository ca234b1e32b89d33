"""Stay with a container that runs in the foreground: its terminal, its signals, its end.

man: tty_ioctl(2), termios(3), pidfd_open(2). Without a terminal of its own the container has our input and output,
and signals that reach us are passed on to it. With one, our terminal goes into raw mode while it runs, and what is
typed and shown is carried between the two.
"""

import _signal as signal  # signal itself imports enum, which costs 3 ms
import fcntl
import os
from errno import EIO
from select import POLLOUT

from contain_lab import syscalls
from contain_lab.container import console
from contain_lab.container.launch import Child, Loop, go_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
PATIENCE = 3  # so many Ctrl-C, and a process that does not care is killed: PID 1 ignores what it does not handle


class Foreground:
    """Serves one container: give `loop` and `socket` to verbs.run, and `serve` as well.

    terminal: whether it has a terminal of its own, whose master end comes over a socket; typing: whether it gets
    what is typed into ours.
    """

    def __init__(self, terminal: bool, typing: bool = True) -> None:
        self.typing = typing
        self.loop = Loop()
        self.ours, self.socket = console.socket_pair() if terminal else (-1, -1)
        self.master = -1
        self.typed = b""  # and not yet taken by the container
        self.unseen = False  # our terminal has gone
        self.saved: tuple[int, list[Any]] | None = None  # which of our streams is a terminal, and how it was
        self.interrupts = 0
        self.child: Child | None = None
        self.early: list[int] = []  # signals that came before the program could begin
        self.before = {number: signal.signal(number, self.pass_on) for number in PASSED_ON}
        if terminal:
            self.loop.add(self.ours, self.take_master)

    def serve(self, loop: Loop, child: Child) -> int:
        """Turn the loop until the child has ended: its wait status."""
        self.child = child
        self.before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, self.copy_size)
        ended: list[bool] = []
        loop.add(child.pidfd, lambda: ended.append(True))
        try:
            if self.early:  # the program has not begun, and shall not
                child.kill()
                return self.early[0]
            go_on(child)
            while not ended:
                loop.turn()
            _, status = os.waitpid(child.pid, 0)
            child.ended = True
            while child.up in loop.handlers:  # what it said last, to us and to the person
                loop.turn()
            if self.master >= 0:
                os.set_blocking(self.master, True)  # what it showed last may still be on its way
            while self.master >= 0 and self.from_master():
                pass
            return status
        finally:
            self.restore()

    def pass_on(self, number: int, frame: "FrameType | None") -> None:
        """Hand a signal to the container's process; before it begins, a signal ends the start, and two at once."""
        if self.child is None:
            if number == signal.SIGINT and number in self.early:
                raise KeyboardInterrupt
            self.early.append(number)
            return
        self.interrupts += number == signal.SIGINT
        if not self.child.ended:
            signal.pidfd_send_signal(self.child.pidfd, signal.SIGKILL if self.interrupts >= PATIENCE else number)

    # ---- the terminal

    def take_master(self) -> None:
        """The master end has come: from now on, what is typed goes there."""
        import termios  # 0.2 ms, which a container without a terminal need not pay

        self.loop.remove(self.ours)
        self.master = console.receive_descriptor(self.ours)
        if self.master < 0:
            return
        self.copy_size()
        ours = [stream for stream in ((0, 1) if self.typing else (1,)) if os.isatty(stream)]
        if ours:
            self.saved = ours[0], termios.tcgetattr(ours[0])
            make_raw(ours[0], typing=ours[0] == 0)
        os.set_blocking(self.master, False)  # who waits until the container reads cannot take what it shows meanwhile
        self.to_master()

    def from_terminal(self) -> None:
        """Take what was typed."""
        try:
            self.typed = os.read(0, 4096)
        except OSError:  # EIO: our terminal has gone
            self.typed = b""
        if not self.typed:
            self.typing = False
            self.typed = b"\x04"  # the end of our input is the end of its
        self.to_master()

    def to_master(self) -> None:
        """Carry what was typed to the container; more is taken once it has that."""
        try:
            taken = os.write(self.master, self.typed) if self.typed else 0
        except BlockingIOError:
            taken = 0
        except OSError:  # EIO: nobody has the other end open
            taken = len(self.typed)
        self.typed = self.typed[taken:]
        self.loop.add(self.master, self.carry, POLLOUT if self.typed else 0)
        self.loop.remove(0)
        if self.typing and not self.typed:
            self.loop.add(0, self.from_terminal)

    def carry(self) -> None:
        """Carry what there is, in both directions."""
        if self.typed:
            self.to_master()
        self.from_master()

    def from_master(self) -> bool:
        """Carry what the container shows to our output; False where there is nothing more."""
        try:
            data = os.read(self.master, 65536)
        except BlockingIOError:
            return False
        except OSError:  # EIO: nobody has the other end open
            data = b""
        if not data:
            self.loop.remove(self.master)
            return False
        while data and not self.unseen:
            data = data[self.show(data):]
        return True

    def show(self, data: bytes) -> int:
        """Write to our output; how much of it. A container whose terminal here has gone runs on unseen."""
        try:
            return os.write(1, data)
        except OSError as error:
            self.unseen = error.errno == EIO
            if not self.unseen:
                raise
        return 0

    def copy_size(self, number: int = 0, frame: "FrameType | None" = None) -> None:
        """Give the container's terminal the size of ours."""
        import termios

        for stream in (1, 0, 2):
            if self.master >= 0 and os.isatty(stream):
                size = fcntl.ioctl(stream, termios.TIOCGWINSZ, bytes(8))
                fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
                return

    def restore(self) -> None:
        """Give our signals and our terminal back as they were."""
        while self.before:
            signal.signal(*self.before.popitem())
        saved, self.saved = self.saved, None
        if saved:
            import termios

            try:
                termios.tcsetattr(saved[0], termios.TCSADRAIN, saved[1])
            except termios.error:  # it has gone
                return


def make_raw(terminal: int, typing: bool) -> None:
    """Show what comes as it is; typing: hand on every key, too, without echo, lines and signals. man: cfmakeraw(3)."""
    import termios

    mode = termios.tcgetattr(terminal)
    mode[1] &= ~termios.OPOST
    if typing:
        mode[0] &= ~(termios.BRKINT | termios.ICRNL | termios.INPCK | termios.ISTRIP | termios.IXON)
        mode[2] = mode[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    termios.tcsetattr(terminal, termios.TCSADRAIN, mode)


# ---- a shell in the half-built container

def open_shell(step: str) -> None:
    """Give the person a shell where the calling process stands, and wait for its end."""
    note = f"broken off after {step}: a shell in the half-built container, `exit` ends the run\n"
    os.write(2, note.encode())
    pid = os.fork()
    if pid == 0:
        become_shell({"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PS1": f"({step}) # ", "HOME": "/", "TERM": "linux"})
    os.waitpid(pid, 0)


def become_shell(env: dict[str, str]) -> None:
    """Become a shell, interactive where there is a terminal; it ends with its parent."""
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        os.execve("/bin/sh", ["sh", "-i"] if os.isatty(0) else ["sh"], env)
    finally:
        os.write(2, b"there is no /bin/sh here\n")
        os._exit(127)


def close_input() -> None:
    """Give the container an input that is at its end: /dev/null."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
