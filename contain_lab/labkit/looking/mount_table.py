"""The mount table of a process, read from outside: /proc/PID/mountinfo. man: proc_pid_mountinfo(5).

That file lists what can be reached from the *process's* root: one that has called chroot(2) shows less than its
namespace holds. `whole` enters the namespace, which leads to the namespace's own root, and reads there.
"""

import os

from contain_lab import files, syscalls
from contain_lab.syscalls import CLONE_NEWNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class Mount:
    """One line of mountinfo.

    id, parent: numbers; device: "8:1"; shown: which folder of its file system it shows; place: where it stands, as
    seen from the root; options: of the mount, ("ro", "nosuid"); peers: ("shared:1", "master:2"); kind: "tmpfs";
    source: "tmpfs"; settings: options of the file system.
    """

    __slots__ = ("device", "id", "kind", "options", "parent", "peers", "place", "settings", "shown", "source")

    def __init__(self, line: str) -> None:
        before, _, after = line.partition(" - ")
        number, parent, self.device, shown, place, options, *peers = before.split()
        self.id, self.parent = int(number), int(parent)
        self.shown, self.place = unescape(shown), unescape(place)
        self.options, self.peers = tuple(options.split(",")), tuple(peers)
        self.kind, self.source, settings = after.split(" ", 2)
        self.settings = tuple(settings.split(","))


def unescape(text: str) -> str:
    """A path as it is: mountinfo writes blanks, tabs, line ends and backslashes as octal numbers."""
    for code, letter in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        text = text.replace(f"\\{code}", letter)
    return text


def parse(text: str) -> list[Mount]:
    """The lines of a mountinfo file."""
    return [Mount(line) for line in text.splitlines()]


def seen(pid: int | str) -> list[Mount]:
    """What a process sees, from its root. Errors: FileNotFoundError where it has ended."""
    return parse(files.get(f"/proc/{pid}/mountinfo"))


def below(table: list[Mount], top: int) -> set[int]:
    """The numbers of a mount and of all that stand on it, in whatever depth."""
    found = {top}
    while new := {mount.id for mount in table if mount.parent in found} - found:
        found |= new
    return found


def whole(pid: int) -> list[Mount]:
    """What the mount namespace of a process holds, from the namespace's own root. Errors: OSError."""
    hear, say = os.pipe()
    reader = os.fork()
    if reader == 0:
        _read_there(pid, say)
    os.close(say)
    said = b""
    while data := os.read(hear, 65536):
        said += data
    os.close(hear)
    os.waitpid(reader, 0)
    return parse(said.decode(errors="replace"))


def _read_there(pid: int, say: int) -> "NoReturn":
    """Enter the mount namespace of a process, and write its mountinfo to a pipe, through our own /proc."""
    try:
        ours = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        there = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        syscalls.setns(there, CLONE_NEWNS)
        table = os.open("self/mountinfo", os.O_RDONLY | os.O_CLOEXEC, dir_fd=ours)
        while data := os.read(table, 65536):
            while data:
                data = data[os.write(say, data):]
    finally:
        os._exit(0)
