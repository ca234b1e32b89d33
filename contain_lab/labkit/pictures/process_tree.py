"""The processes of a container from both sides: the number that each has on the host, and the one it has inside.

A process has one number in every PID namespace from its own up to the host's: the line NSpid of /proc/PID/status.
There is no table that translates; the kernel keeps all of them. man: pid_namespaces(7).
"""

from __future__ import annotations

import os

from contain_lab.labkit.looking import processes
from contain_lab.labkit.pictures import MONO, SHADES, Picture, outline
from contain_lab.labkit.pictures.outline import Cell, Line
from contain_lab.labkit.sentence import Refused

OUTSIDE, INSIDE = SHADES[0], SHADES[1]


def process_tree(pid: int) -> Picture:
    """Draw the PID namespace of a process: all who live in it, and who on the outside is their parent.

    Of the notebook's own PID namespace, only what descends from the process. pid: as the notebook
    sees it. Errors: Refused for a process that has ended.
    """
    everyone = processes.everyone()
    if pid not in everyone:
        raise Refused(f"process {pid} has ended", "start it again, then draw")
    depth = len(processes.numbers(processes.status(os.getpid())))
    tree = _tree(everyone, _members(everyone, pid))
    return Picture(_draw(tree, everyone, pid, depth), _write(tree, everyone, depth))


def _members(everyone: dict[int, dict[str, str]], pid: int) -> list[int]:
    """Who is in the PID namespace of a process, or in one below it, in the order of their numbers inside."""
    namespace, level = _namespace(pid), len(processes.numbers(everyone[pid]))
    found = {pid}
    if namespace != _namespace(os.getpid()):
        found |= {each for each in everyone if _namespace(each) == namespace}
    found |= set(processes.below(everyone, found))
    return sorted(found, key=lambda each: processes.numbers(everyone[each])[level - 1:])


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:    # it has gone, or is not ours to ask
        return f"of process {pid}"


def _tree(everyone: dict[int, dict[str, str]], members: list[int]) -> list[tuple[int, int]]:
    """(depth, pid) in the order of the drawing; parents that are no members stand above their children."""
    children: dict[int, list[int]] = {}
    for each in members:
        children.setdefault(int(everyone[each]["PPid"]), []).append(each)

    def below(pid: int, depth: int) -> list[tuple[int, int]]:
        return [(depth, pid), *(one for child in children.get(pid, []) for one in below(child, depth + 1))]

    tops = [top for parent in children if parent not in members
            for top in ([parent] if parent in everyone else children[parent])]    # 0: a parent outside this /proc
    return [one for top in tops for one in below(top, 0)]


def _name(its: dict[str, str]) -> str:
    return its["Name"] + (" (zombie: it has ended, nobody has waited)" if its["State"].startswith("Z") else "")


def _inside(its: dict[str, str], depth: int) -> list[int]:
    """The numbers that a process has in the namespaces below the notebook's, the outermost first."""
    return processes.numbers(its)[depth:]


def _write(tree: list[tuple[int, int]], everyone: dict[int, dict[str, str]], depth: int) -> str:
    lines = []
    for indent, pid in tree:
        inner = "".join(f", pid {number} inside" for number in _inside(everyone[pid], depth))
        lines.append(f"{'  ' * indent}{_name(everyone[pid])}: pid {pid} outside{inner or ', not seen inside'}")
    return "\n".join(["processes from both sides", *lines])


def _draw(tree: list[tuple[int, int]], everyone: dict[int, dict[str, str]], asked: int, depth: int) -> str:
    lines = []
    for indent, pid in tree:
        inner = _inside(everyone[pid], depth)
        inside = ", ".join(f"pid {number}" for number in inner)
        cells = (Cell(f"pid {pid}", OUTSIDE, MONO), Cell(inside or "not seen", INSIDE if inside else "", MONO))
        lines.append(Line(indent, _name(everyone[pid]), cells, pid == asked))
    return outline.draw("Processes from both sides", _write(tree, everyone, depth),
                        {"process": 250, "outside": 120, "inside": 190}, lines,
                        ["one process, one number in each PID namespace from its own upwards: NSpid"])
