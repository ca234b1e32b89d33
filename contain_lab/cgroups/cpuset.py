"""CPU sets: on which processors, and from which memory nodes, a group runs. man: cpuset(7)."""

import os

from contain_lab import cgroups, files


def set_cpuset(name: str, cpus: str, mems: str) -> None:
    """Bind a group to processors and memory nodes, as lists like "0-2,4"; "" leaves them as the parent has them."""
    fill(name)
    for file, chosen in (("cpuset.cpus", cpus), ("cpuset.mems", mems)):
        if chosen:
            cgroups.put("cpuset", name, (file, chosen), (file, chosen))


def fill(name: str) -> None:
    """On v1, give a new group and its parents what theirs have: nothing can run in one that has nothing (ENOSPC)."""
    top, version = cgroups.hierarchy("cpuset")
    parts = name.split("/") if version == 1 else []
    for depth in range(1, len(parts) + 1):
        path = os.path.join(top, *parts[:depth])
        for file in ("cpuset.cpus", "cpuset.mems"):
            if not files.get(f"{path}/{file}").strip():
                files.put(f"{path}/{file}", files.get(f"{os.path.dirname(path)}/{file}").strip())
