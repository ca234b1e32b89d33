"""The namespaces of processes, from /proc/PID/ns: a row a process, a column a kind. man: namespaces(7).

Two processes are in the same namespace of a kind if the links of that kind name the same inode. Inodes differ
from run to run, so each gets a letter: A is the namespace of the first row. The drawing shows the inodes, too.
"""

from __future__ import annotations

import os

from contain_lab import namespaces
from contain_lab.labkit.pictures import FAINT, INK, MONO, SHADES, Picture, box, card, text
from contain_lab.labkit.sentence import Refused

LEFT, ROW, COLUMN, TOP = 176, 40, 72, 62

Rows = dict[str, list[tuple[str, str]]]    # name of a process -> a letter and an inode for each kind


def show_namespaces(processes: dict[str, int]) -> Picture:
    """Draw who shares what; processes: {name: pid}. Errors: Refused for a process that has ended."""
    rows = _letters(processes)
    return Picture(_draw(rows), _write(rows))


def _letters(processes: dict[str, int]) -> Rows:
    """For each process a letter a kind: the same letter in a column is the same namespace."""
    seen: dict[str, list[str]] = {kind: [] for kind in namespaces.KINDS}
    table: Rows = {name: [] for name in processes}
    for name, pid in processes.items():
        for kind, (file, _) in namespaces.KINDS.items():
            link = _link(name, pid, file)
            if link not in seen[kind]:
                seen[kind].append(link)
            table[name].append((chr(ord("A") + seen[kind].index(link)), link.partition("[")[2].rstrip("]")))
    return table


def _link(name: str, pid: int, file: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/{file}")
    except (FileNotFoundError, ProcessLookupError) as error:
        raise Refused(f"{name}: process {pid} has ended", "start it again, then draw") from error


def _write(rows: Rows) -> str:
    wide = max(len(name) for name in rows)
    head = f"{'':{wide}}  {'  '.join(namespaces.KINDS)}"
    lines = ["  ".join([f"{name:{wide}}", *(f"{letter:{len(kind)}}" for kind, (letter, _)
                                             in zip(namespaces.KINDS, cells, strict=True))]).rstrip()
             for name, cells in rows.items()]
    return "\n".join([head, *lines, "the same letter in a column: the same namespace"])


def _draw(rows: Rows) -> str:
    width = LEFT + COLUMN * len(namespaces.KINDS) + 14
    height = TOP + ROW * len(rows) + 34
    parts = [text(14, 24, "Who is in which namespace", 15, bold=True)]
    for at, kind in enumerate(namespaces.KINDS):
        parts.append(text(LEFT + COLUMN * at + COLUMN / 2, TOP - 8, kind, 12, FAINT, anchor="middle"))
    for line, (name, cells) in enumerate(rows.items()):
        y = TOP + ROW * line
        parts.append(text(14, y + 24, name, 13))
        for at, (letter, inode) in enumerate(cells):
            x = LEFT + COLUMN * at
            shade = SHADES[(ord(letter) - ord("A")) % len(SHADES)]
            parts += [box(x + 2, y + 2, COLUMN - 4, ROW - 4, shade),
                      text(x + COLUMN / 2, y + 18, letter, 13, INK, MONO, bold=True, anchor="middle"),
                      text(x + COLUMN / 2, y + 32, inode, 10, INK, MONO, anchor="middle")]
    parts.append(text(14, height - 12, "same letter, colour and inode in a column: the same namespace", 12, FAINT))
    return card(width, height, "namespaces of processes", _write(rows), parts)
