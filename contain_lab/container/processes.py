"""Which processes belong to a container: for `ps`, and for `kill --all`. man: cgroups(7), pid_namespaces(7).

Its groups know them all. Where none were made, they are what is in its PID namespace, and what descends from that;
where it shares that, too, the first process and what descends from it.
"""

import os

from contain_lab import cgroups, files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.container.state import State


def of_container(kept: "State") -> list[int]:
    """The pids on the host, in order. kept: the container's state."""
    if made_groups(kept):
        return in_groups(kept)
    first, everyone = kept["pid"], [int(name) for name in os.listdir("/proc") if name.isdigit()]
    if has_own_numbers(first):
        space = _read(first, "ns/pid")
        firsts = {pid for pid in everyone if _read(pid, "ns/pid") == space}
    else:
        firsts = {first}
    return sorted(descendants(firsts, {pid: parent_of(pid) for pid in everyone}))


def send(kept: "State", number: int, stopped: bool = False) -> None:
    """Send a signal to all of them; stopped: the first has gone, and only its groups know who is left."""
    for pid in in_groups(kept) if stopped else of_container(kept):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # it has ended meanwhile


def made_groups(kept: "State") -> "list[tuple[str, list[str]]]":
    """The groups that were made for a container, (name, [controller, ...]) each; not one for its freezer alone."""
    return [(args[0], args[1]) for _, step, args in kept["undo"] if step == "remove_group" and args[1] != ["freezer"]]


def in_groups(kept: "State") -> list[int]:
    """The processes in a container's groups, and in the groups below them."""
    return [pid for name, controllers in made_groups(kept)[:1] for pid in in_group(controllers[0], name)]


def in_group(controller: str, name: str) -> list[int]:
    """The processes in a group, and in the groups below it."""
    found: set[int] = set()
    for folder, _, _ in os.walk(cgroups.group_path(controller, name)):
        found.update(map(int, files.get(f"{folder}/cgroup.procs").split()))
    return sorted(found - {0})  # v1 shows 0 for who is in a PID namespace that is not ours


def has_own_numbers(pid: int) -> bool:
    """Whether a process is the first of a PID namespace."""
    lines = _read(pid, "status").splitlines()
    numbers = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
    return len(numbers) > 1 and numbers[-1] == "1"


def descendants(firsts: set[int], parents: dict[int, int]) -> set[int]:
    """Processes and all that descend from them. parents: the parent of each process."""
    found, before = firsts & parents.keys(), -1
    while len(found) != before:
        before = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found


def parent_of(pid: int) -> int:
    """The parent of a process, 0 where it has none or has ended. man: proc_pid_stat(5)."""
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def _read(pid: int, name: str) -> str:
    """A file or link of /proc/PID, "" where the process has ended or is none of ours."""
    path = f"/proc/{pid}/{name}"
    try:
        return os.readlink(path) if name.startswith("ns/") else files.get(path)
    except OSError:
        return ""
