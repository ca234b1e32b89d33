"""Processes as /proc shows them: what /proc/PID/status says, and who descends from whom. man: proc(5).

A process may end between two looks: what is read of one that has gone is empty, and nothing is raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def status(pid: int) -> dict[str, str]:
    """/proc/PID/status as a table, {} for a process that has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def everyone() -> dict[int, dict[str, str]]:
    """The status of every process that this /proc shows, by number."""
    found = {int(each.name): status(int(each.name)) for each in Path("/proc").glob("[0-9]*")}
    return {pid: its for pid, its in found.items() if its}


def numbers(its: dict[str, str]) -> list[int]:
    """The numbers of a process, from this /proc's PID namespace to its own: the line NSpid."""
    return [int(each) for each in its.get("NSpid", "").split()]


def children(pid: int) -> list[int]:
    """The children of a process; none of one that has gone. man: proc_tid_children(5)."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def below(everyone: dict[int, dict[str, str]], pids: Iterable[int]) -> list[int]:
    """Who descends from these processes, nearest first, without them."""
    first = list(pids)
    found = list(first)
    for parent in found:
        found += [each for each, its in everyone.items() if int(its["PPid"]) == parent and each not in found]
    return found[len(first):]
