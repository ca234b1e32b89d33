"""Control groups: which processes are counted and limited together. man: cgroups(7).

On cgroup v2 there is one tree; on v1 a hierarchy for each controller; a *hybrid* machine has v1 controllers and a v2
tree with few of them. Here is what a first container needs of it: groups, joining, devices and a number of processes.
"""

import os

from contain_lab import files
from contain_lab.errors import Unsupported

ROOT = "/sys/fs/cgroup"

# What every container may use, whatever else is denied: make any node, open the harmless ones and terminals.
HARMLESS = tuple((True, rule) for rule in (
    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm",
    "c 5:2 rwm", "c 136:* rwm"))


def hierarchies(mountinfo: str) -> dict[str, str]:
    """The cgroup mounts of a machine: {controller or v1 name: mount point}; the v2 tree is "unified".

    mountinfo: what /proc/self/mountinfo says. man: proc_pid_mountinfo(5).
    """
    found: dict[str, str] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            found.setdefault("unified", before.split(" ")[4])
        elif kind == "cgroup":
            for name in options.split(","):
                if name not in ("rw", "ro", "xattr", "clone_children", "noprefix"):
                    found.setdefault(name.removeprefix("name="), before.split(" ")[4])
    return found


def group_path(controller: str, name: str) -> str:
    """The directory of a group in the hierarchy of a controller. Errors: Unsupported where no hierarchy has it."""
    mounts = hierarchies(files.get("/proc/self/mountinfo"))
    if controller in mounts:
        return f"{mounts[controller]}/{name}"
    if "unified" in mounts and controller in files.get(f"{mounts['unified']}/cgroup.controllers").split():
        return f"{mounts['unified']}/{name}"
    raise Unsupported(f"cgroup controller {controller}: no hierarchy of this machine has it",
                      "`contain-lab doctor` says what there is")


def available(controller: str) -> bool:
    """Whether a group with this controller can be made here."""
    try:
        return os.access(os.path.dirname(group_path(controller, "x")), os.W_OK)
    except Unsupported:
        return False


# ---- steps

def create_group(controller: str, name: str) -> None:
    """Make a group in the hierarchy of a controller, with its parents."""
    path = group_path(controller, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.mkdir(path)
    top = path[:-len(name) - 1]
    if os.path.exists(f"{top}/cgroup.subtree_control"):  # v2: each parent hands the controller on
        for end in [at for at, letter in enumerate(path) if letter == "/" and at >= len(top)]:
            files.put(f"{path[:end]}/cgroup.subtree_control", f"+{controller}")


def set_pids_limit(name: str, limit: int) -> None:
    """Limit how many processes the group may have."""
    files.put(f"{group_path('pids', name)}/pids.max", str(limit) if limit > 0 else "max")


def allow_devices(name: str, rules: "tuple[tuple[bool, str], ...]") -> None:
    """Allow and deny devices, one rule after the other: (allow, "c 1:3 rwm")."""
    path = group_path("devices", name)
    for allow, rule in rules:
        files.put(f"{path}/devices.{'allow' if allow else 'deny'}", rule)


def add_process(controller: str, name: str, pid: int) -> None:
    """Move a process into a group."""
    files.put(f"{group_path(controller, name)}/cgroup.procs", str(pid))


def remove_group(controller: str, name: str) -> None:
    """Remove a group, and those of its parents that are empty then."""
    path = group_path(controller, name)
    top = path[:-len(name) - 1]
    if os.path.isdir(path):
        os.rmdir(path)
    parent = os.path.dirname(path)
    while parent != top and not _in_use(parent):
        os.rmdir(parent)
        parent = os.path.dirname(parent)


def abandoned(prefix: str, seconds: float) -> list[tuple[str, str]]:
    """The groups of this prefix that nothing is in and nobody has touched for so long: pairs (controller, name).

    seconds: the least age. A group is empty for a moment while its container is being made.
    """
    import time

    found = {}
    for controller, place in hierarchies(files.get("/proc/self/mountinfo")).items():
        for entry in os.scandir(place) if os.path.isdir(place) else ():
            if entry.is_dir(follow_symlinks=False) and entry.name.startswith(prefix) and not _in_use(entry.path) \
                    and time.time() - entry.stat().st_mtime >= seconds:
                found[entry.path] = controller, entry.name
    return sorted(found.values())


def _in_use(path: str) -> bool:
    """Whether a group has groups or processes in it."""
    return any(entry.is_dir() for entry in os.scandir(path)) or bool(files.get(f"{path}/cgroup.procs"))


def own_groups(pid: int | str = "self") -> tuple[tuple[str, str], ...]:
    """The groups of a process, a pair for each hierarchy: (name of its mount point, path on the host)."""
    mounts = hierarchies(files.get("/proc/self/mountinfo"))
    found = []
    for line in files.get(f"/proc/{pid}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        controller = names.removeprefix("name=").split(",")[0] or "unified"
        if controller in mounts:
            place = mounts[controller]
            found.append((os.path.relpath(place, ROOT), f"{place}{path if path != '/' else ''}"))
    return tuple(found)
