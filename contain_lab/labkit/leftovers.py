"""Clean up: count what this notebook has left on the machine, and fail where it is not nothing.

What stood there when the notebook began is not its own. Neither is the control group of a container that
another notebook runs now: its processes do not descend from this one.
"""

from __future__ import annotations

import os
from pathlib import Path

from contain_lab.labkit import host, live
from contain_lab.labkit.sentence import Refused, Sentence

KINDS = ("mount", "cgroup", "link", "network namespace", "process")
_before: set[str] = set()


def note_beginning() -> None:
    """Remember what stands on the host now; only the first call in a kernel counts."""
    if not _before:
        _before.update(host.look())


def clean_up() -> Sentence:
    """Stop this notebook's containers, then count what is ours and new: mounts, groups, links, namespaces, processes.

    Errors: Refused that names each, with the way out.
    """
    for box in live.running():
        box.stop()
    found = [each for each in host.left_since(_before) if not _someone_elses(each)]
    if not found:
        counted = ", ".join(f"{_plural(kind)} 0" for kind in KINDS)
        return Sentence(f"left on this machine: {counted}; the host name is as it was")
    raise Refused(f"left on this machine: {'; '.join(found)}", "end what still runs, then: contain-lab clean")


def _plural(kind: str) -> str:
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


def _someone_elses(thing: str) -> bool:
    """A control group of another user, or one with a process that descends neither from this kernel nor from nobody."""
    kind, _, path = thing.partition(" ")
    try:
        if kind == "cgroup" and os.stat(path).st_uid != os.geteuid():
            return True
        pids = Path(path, "cgroup.procs").read_text().split() if kind == "cgroup" else []
    except OSError:
        return kind == "cgroup"  # it is being removed
    return any(_foreign(int(pid)) for pid in pids)


def _foreign(pid: int) -> bool:
    above = _ancestors(pid)
    return os.getpid() not in above and len(above) > 1


def _ancestors(pid: int) -> list[int]:
    """The parents of a process, up to process 1; one that lost its parent has that alone."""
    found: list[int] = []
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            break
        found.append(pid)
    return found
