"""Looking at a process from outside: what the kernel shows of it below /proc, and what a reader sees in its namespaces.

man: proc(5), setns(2), namespaces(7). Every process is named by its number here, in the judge's PID namespace:
box.student, box.init, box.neighbour, or what `Container.start` returns. Nothing is asked of the process itself. One
that has ended meanwhile is Failed("went_away").
"""

import os

from contain_lab import files
from contain_lab.capabilities import BITS
from contain_lab.labkit.looking import mount_table
from contain_lab.labkit.looking import network as network_reader
from contain_lab.labkit.looking.reader import look_in
from contain_lab.labkit.sandbox.run_inside import run_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain_lab.labkit.looking.mount_table import Mount
    from contain_lab.labkit.looking.network import Link

SETS = {"CapInh": "inheritable", "CapPrm": "permitted", "CapEff": "effective", "CapBnd": "bounding",
        "CapAmb": "ambient"}
READ = 1 << 16  # bytes of a file in there that are read


class Failed(Exception):
    """A step that a check does not accept: the id of a message, and the values of its gaps."""

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message)
        self.message, self.values = message, values


class Looking:
    """What a check may ask of a process; a sandbox is one, so it is box.status(pid), box.links(pid)."""

    init = 0

    # ---- of the process

    def namespaces(self, pid: int) -> dict[str, str]:
        """The namespaces of a process by the names below /proc/PID/ns: {"uts": "uts:[4026531838]", ...}.

        "" for one that its next child will be the first to be in: unshare(CLONE_NEWPID).
        """
        found = {}
        for kind in os.listdir(f"/proc/{pid}/ns"):
            try:
                found[kind] = os.readlink(f"/proc/{pid}/ns/{kind}")
            except FileNotFoundError:
                found[kind] = ""
        return found

    def descriptors(self, pid: int) -> set[str]:
        """The numbers of the open descriptors of a process."""
        return set(os.listdir(f"/proc/{pid}/fd"))

    def program(self, pid: int) -> str:
        """The program that a process runs, as a path in its own root; "" where it has ended.

        "?" where an ordinary user may not see it: a container's process before execve, which is not dumpable.
        """
        try:
            return os.readlink(f"/proc/{pid}/exe")
        except (FileNotFoundError, ProcessLookupError):
            return ""
        except PermissionError:
            return "?"

    def status(self, pid: int) -> dict[str, list[str]]:
        """/proc/PID/status, word by word: {"NSpid": ["812", "4", "1"], "Seccomp": ["2"], "Uid": [...], ...}.

        NSpid has the numbers of a process from the judge's PID namespace inwards: the last is its own name of itself.
        """
        return {name: words.split() for name, _, words in (
            line.partition(":") for line in _file(f"/proc/{pid}/status").splitlines())}

    def capabilities(self, pid: int) -> dict[str, set[str]]:
        """The five sets by name: {"effective": {"CAP_CHOWN", ...}, "bounding": ..., ...}. man: capabilities(7)."""
        said = self.status(pid)
        return {name: {each for each, bit in BITS.items() if int(said[line][0], 16) >> bit & 1}
                for line, name in SETS.items()}

    def id_maps(self, pid: int) -> dict[str, list[tuple[int, int, int]]]:
        """The id maps of a process's user namespace, "uid" and "gid": (first inside, first outside, how many).

        Outside is the sandbox, where 0 is its root; a process in the sandbox's own user namespace has the machine's
        ids there. man: user_namespaces(7).
        """
        found = self.within(self.init, ("user",), lambda: {
            kind: [[int(word) for word in line.split()] for line in files.get(f"/proc/{pid}/{kind}_map").splitlines()]
            for kind in ("uid", "gid")})
        return {kind: [(inside, outside, count) for inside, outside, count in lines] for kind, lines in found.items()}

    # ---- of its file systems

    def mounts(self, pid: int) -> "list[Mount]":
        """What is mounted where, as the process sees it from its root; `mount_table.whole` has the whole namespace."""
        return mount_table.seen(pid)

    def mount_at(self, pid: int, place: str) -> "Mount | None":
        """The mount that is seen at a place, the last one laid there; None where nothing is mounted."""
        return next((mount for mount in reversed(self.mounts(pid)) if mount.place == place), None)

    def listing(self, pid: int, path: str = "/") -> list[str]:
        """The names in a directory of a process's root, sorted; links lead nowhere out of it. Errors: OSError."""
        handle = files.open_in_root(f"/proc/{pid}/root", path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return sorted(os.listdir(handle))
        finally:
            os.close(handle)

    def read(self, pid: int, path: str) -> str:
        """The first 64 KiB of a file in a process's root; a named pipe holds nobody up. Errors: OSError."""
        handle = files.open_in_root(f"/proc/{pid}/root", path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return os.read(handle, READ).decode(errors="replace")
        finally:
            os.close(handle)

    def stat(self, pid: int, path: str) -> os.stat_result:
        """What a path of a process's root leads to: mode, owner, device, inode. Errors: OSError."""
        handle = files.open_in_root(f"/proc/{pid}/root", path)
        try:
            return os.fstat(handle)
        finally:
            os.close(handle)

    # ---- by a reader in its namespaces

    def names(self, pid: int) -> tuple[str, str]:
        """Host name and NIS domain name in the UTS namespace of a process."""
        name, domain = self.within(pid, ("uts",), lambda: [
            os.uname().nodename, files.get("/proc/sys/kernel/domainname").strip()])
        return name, domain

    def hostname(self, pid: int) -> str:
        """The host name in the UTS namespace of a process."""
        return self.names(pid)[0]

    def sysctl(self, pid: int, name: str) -> str:
        """A kernel parameter of the namespaces of a process: sysctl(pid, "kernel.msgmax") -> "8192"."""
        path = f"/proc/sys/{name.replace('.', '/')}"
        return str(self.within(pid, ("uts", "ipc", "network"), lambda: files.get(path).strip()))

    def links(self, pid: int) -> "dict[str, Link]":
        """The links of a process's network namespace by name, with flags, addresses, kind and peer."""
        return network_reader.links(self.within(pid, ("network",), network_reader.read_links))

    def run(self, pid: int, *args: str, seconds: float = 2.0) -> tuple[int, str]:
        """Run a program of the process's own root beside it, as root there: (exit code, what it printed).

        Errors: Failed("went_away") where there is no such process any more, TimeoutError.
        """
        try:
            return run_inside(pid, args, seconds)
        except (FileNotFoundError, ProcessLookupError):
            raise gone() from None

    def within(self, pid: int, kinds: tuple[str, ...], look: "Callable[[], Any]") -> "Any":
        """What look() returns in namespaces of a process: text, numbers, lists, dicts; see `reader`.

        kinds: as the runtime specification calls them ("uts", "network", "mount", ...; `namespaces.KINDS`). /proc is
        the judge's own, unless the mount namespace is entered. look may do things there, too: connect, mount.
        Errors: Failed("went_away") where there is no such process any more, ContainLabError for what look raises.
        """
        try:
            return look_in(pid, kinds, look)
        except ProcessLookupError:
            raise gone() from None


def _file(path: str) -> str:
    try:
        return files.get(path)
    except (FileNotFoundError, ProcessLookupError):
        raise gone() from None


def gone() -> Failed:
    """The failure for a process that has ended."""
    return Failed("went_away", step="your step", how="it was gone when it was looked at")
