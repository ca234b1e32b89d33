"""What stands on the host under our names: mounts, cgroups, links, named network namespaces.

Only names of ours are looked at: other people's things come and go. What is new is looked at several times,
because a container that is being removed, or one of another test, goes by itself. The host name is looked at
too: nothing but a step in the wrong namespace changes it.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

MARK = "CONTAIN_LAB_NOTEBOOK"  # a variable of a notebook's kernel: what it started and left has it too
OURS = re.compile(r"contain_lab|contain-lab|\bcl-")
WAIT = 3.0  # seconds that things have to go by themselves


def look() -> set[str]:
    """Everything of ours, each as its kind and name ("mount cl-box at /run/cl-box"), and the host name."""
    found = {f"link {path.name}" for path in Path("/sys/class/net").iterdir()}
    found |= {f"network namespace {path.name}" for path in Path("/run/netns").glob("*")}
    found |= {f"cgroup {folder}" for folder, *_ in os.walk("/sys/fs/cgroup")}
    found |= {_mount(line) for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    return {each for each in found if OURS.search(each)} | {f"host name {os.uname().nodename}"}


def _mount(line: str) -> str:
    """A line of mountinfo by source and place: its options may name the checkout's folder. man: proc(5)."""
    before, _, after = line.partition(" - ")
    return f"mount {after.split()[1]} at {before.split()[4]}"


def processes(mark: str) -> dict[int, str]:
    """Process id -> command line of every process that has this mark in its environment."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = command.decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # gone since, or another user's: not ours
    return found


def left_since(before: set[str], mark: str = "") -> list[str]:
    """What is there and was not before, and stays so for WAIT seconds; with a mark, processes too. Sorted."""
    left, end = _new(before, mark), time.monotonic() + WAIT
    while left and time.monotonic() < end:
        time.sleep(0.1)
        left &= _new(before, mark)
    return sorted(left)


def _new(before: set[str], mark: str) -> set[str]:
    marked = processes(mark) if mark else {}
    return (look() - before) | {f"process {pid} ({command[:80]})" for pid, command in marked.items()}
