"""The mounts that a process sees, as a tree: what lies where, read-only or not, and how far a change is heard.

From /proc/PID/mountinfo, whose paths begin at the root of that process. Propagation has four kinds, and mounts that
hear each other are a peer group; its number differs from run to run, so each group gets a letter.
man: proc_pid_mountinfo(5), mount_namespaces(7).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contain_lab.labkit.pictures import MONO, SHADES, Picture, outline
from contain_lab.labkit.pictures.outline import Cell, Line
from contain_lab.labkit.sentence import Refused

MEANS = {
    "private": "private: what is mounted below it is heard by nobody, and it hears nobody",
    "shared": "shared: every mount of the same group hears of it",
    "slave": "slave: it hears of its group, and nobody hears of it",
    "unbindable": "unbindable: private, and refuses to be bound elsewhere",
}


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of mountinfo; part: what of the file system lies there; peers: {"shared" or "slave": group}."""

    id: int
    parent: int
    part: str
    point: str
    options: tuple[str, ...]
    kind: str
    peers: dict[str, str]
    bindable: bool = True


def mount_tree(processes: int | Mapping[str, int], below: str = "/") -> Picture:
    """Draw the mounts of a process, or of several: {"host": 1, "box": box.pid}. Groups have the same letters in all.

    below: only mounts at this path or under it. Errors: Refused for a process that has ended.
    """
    named = {"": processes} if isinstance(processes, int) else dict(processes)
    groups: dict[str, str] = {}
    trees = {name: [(depth, mount, _propagation(mount, groups)) for depth, mount in _in_order(read(pid), below)]
             for name, pid in named.items()}
    return Picture(_draw(trees), _write(trees))


def read(pid: int) -> list[Mount]:
    """The mounts of a process, in the order in which they were made. Errors: Refused."""
    try:
        text = Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except (FileNotFoundError, ProcessLookupError, OSError) as error:
        raise Refused(f"process {pid} has ended, or is not yours to look at", "start it again, then draw") from error
    return [parse(line) for line in text.splitlines()]


def parse(line: str) -> Mount:
    """A line of mountinfo; blanks within paths are written as octal numbers."""
    before, _, after = line.partition(" - ")
    id, parent, _, part, point, options, *tags = before.split()
    said = dict(tag.partition(":")[::2] for tag in tags)
    peers = {name: said[key] for name, key in (("shared", "shared"), ("slave", "master")) if key in said}
    return Mount(int(id), int(parent), _unescaped(part), _unescaped(point), tuple(options.split(",")),
                 after.split()[0], peers, "unbindable" not in said)


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def _in_order(mounts: list[Mount], below: str) -> list[tuple[int, Mount]]:
    """(depth, mount), each below the mount that it lies on; only those at or under a path."""
    here = below.rstrip("/") + "/"
    kept = [mount for mount in mounts if f"{mount.point.rstrip('/')}/".startswith(here)]
    ids = {mount.id for mount in kept}

    def under(parent: int, depth: int) -> list[tuple[int, Mount]]:
        on_it = [mount for mount in kept if mount.parent == parent and mount.id != parent]
        return [one for mount in on_it for one in [(depth, mount), *under(mount.id, depth + 1)]]

    tops = dict.fromkeys(mount.parent for mount in kept if mount.parent not in ids or mount.parent == mount.id)
    return [one for top in tops for one in under(top, 0)]


def _propagation(mount: Mount, groups: dict[str, str]) -> str:
    """What mountinfo says of a mount's propagation, with letters for its groups."""
    said = [f"{kind} {groups.setdefault(number, _letter(len(groups)))}" for kind, number in mount.peers.items()]
    return " and ".join(said) or ("private" if mount.bindable else "unbindable")


def _letter(at: int) -> str:
    return chr(ord("A") + at) if at < 26 else f"{chr(ord('A') + at // 26 - 1)}{chr(ord('A') + at % 26)}"


def _what(mount: Mount) -> str:
    """The file system, and the part of it that lies there where it is not the whole."""
    return mount.kind if mount.part == "/" else f"{mount.kind}, {mount.part} of it"


def _place(depth: int, mount: Mount, above: list[tuple[int, Mount, str]]) -> str:
    """The mount point; said when it covers the mount before it."""
    covers = any(d == depth - 1 and one.id == mount.parent and one.point == mount.point for d, one, _ in above)
    return f"{mount.point} (covers the one above)" if covers else mount.point


Trees = dict[str, list[tuple[int, Mount, str]]]


def _write(trees: Trees) -> str:
    lines = []
    for name, tree in trees.items():
        lines.append(f"mounts of {name}" if name else "mounts")
        for depth, mount, said in tree:
            lines.append(f"{'  ' * (depth + bool(name))}{_place(depth, mount, tree)}: {_what(mount)}, "
                         f"{mount.options[0]}, {said}")
        if not tree:
            lines.append("  none")
    return "\n".join([*lines, *_legend(trees)])


def _legend(trees: Trees) -> list[str]:
    said = " ".join(word for tree in trees.values() for *_, word in tree)
    return [means for word, means in MEANS.items() if word in said]


def _draw(trees: Trees) -> str:
    lines = []
    for name, tree in trees.items():
        if name:
            lines.append(Line(0, f"{name}:", (), strong=True))
        for depth, mount, said in tree:
            shade = SHADES[(ord(said[-1]) - ord("A")) % 5 + 1] if mount.peers else SHADES[0]
            access = Cell(mount.options[0], "" if mount.options[0] == "rw" else SHADES[0], MONO)
            cells = (Cell(_short(_what(mount))), access, Cell(said, shade))
            lines.append(Line(depth + bool(name), _place(depth, mount, tree), cells))
    return outline.draw("Mounts" if "" in trees else f"Mounts of {' and '.join(trees)}", _write(trees),
                        {"mount point": 200, "file system": 230, "access": 60, "propagation": 160}, lines,
                        _legend(trees))


def _short(words: str, most: int = 34) -> str:
    return words if len(words) <= most else f"{words[:most // 2 - 1]} … {words[-most // 2 + 2:]}"
