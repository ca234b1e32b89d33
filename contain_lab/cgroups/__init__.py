"""Control groups: which processes are counted and limited together. man: cgroups(7).

groups here     made, joined and removed
a file each     cpu, cpuset, memory, io, pids, hugetlb, rdma, devices: what a controller limits; freezer;
                unified: any file of v2

On cgroup v2 there is one tree, and its groups have the controllers that their parents hand on; on v1 there is a
hierarchy for each controller. A *hybrid* machine has v1 controllers and a v2 tree with few of them. Names of
controllers and files are v2's: where a machine has a controller in v1, its files there are written in their stead.
"""

import os

from contain_lab import files
from contain_lab.errors import Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    Setting = tuple[str, str | int]  # a file of a group, and what it is to say

ROOT = "/sys/fs/cgroup"
OLD_NAMES = {"io": "blkio"}  # what v1 calls a controller
BUILT_IN = ("freezer",)  # what every group of v2 has without a controller


# ---- where groups are

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


def hierarchy(controller: str) -> tuple[str, int]:
    """The mount point of a controller, and its version, 1 or 2. Errors: Unsupported where no hierarchy has it."""
    mounts = hierarchies(files.get("/proc/self/mountinfo"))
    first = mounts.get(OLD_NAMES.get(controller, controller))
    if first:
        return first, 1
    if "unified" in mounts and controller in [*BUILT_IN, *files.get(f"{mounts['unified']}/cgroup.controllers").split()]:
        return mounts["unified"], 2
    raise Unsupported(f"cgroup controller {controller}: no hierarchy of this machine has it",
                      "`contain-lab doctor` says what there is")


def group_path(controller: str, name: str) -> str:
    """The directory of a group in the hierarchy of a controller. Errors: Unsupported where no hierarchy has it."""
    return f"{hierarchy(controller)[0]}/{name}"


def available(controller: str) -> bool:
    """Whether a group with this controller can be made here."""
    try:
        return os.access(os.path.dirname(group_path(controller, "x")), os.W_OK)
    except Unsupported:
        return False


def put(controller: str, name: str, second: "Setting", first: "Setting") -> None:
    """Write a file of a group: (file, value) as v2 has them, and as v1 has them; ("", why) where there is no such file.

    Errors: Unsupported, and OSError with the path of the file: EINVAL for a value that the kernel does not take.
    """
    place, version = hierarchy(controller)
    file, value = second if version == 2 else first
    if not file:
        raise Unsupported(f"cgroup controller {controller}: {value}", "leave that limit out")
    files.put(f"{place}/{name}/{file}", str(value))


def get(controller: str, name: str, second: str, first: str) -> str:
    """What a file of a group says: the one of v2, or the one that v1 has in its stead."""
    place, version = hierarchy(controller)
    return files.get(f"{place}/{name}/{second if version == 2 else first}")


def number_in(text: str, key: str) -> int:
    """The number of a key in a file of lines like "oom_kill 3"; 0 where it has no such line."""
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{key} ")), 0)


# ---- steps

def create_group(name: str, controllers: "tuple[str, ...]") -> None:
    """Make a group in the hierarchies of these controllers, with its parents.

    Errors: Unsupported for a controller that the machine has not, FileExistsError; no group is left then.
    """
    made: list[str] = []
    try:
        for path in places(name, controllers):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.mkdir(path)
            made.append(path)
        hand_on(name, controllers)
    except OSError:
        for path in made:
            _remove(path, name)
        raise


def add_process(name: str, pid: int, controllers: "tuple[str, ...]") -> None:
    """Move a process into a group."""
    for path in places(name, controllers):
        files.put(f"{path}/cgroup.procs", str(pid))


def remove_group(name: str, controllers: "tuple[str, ...]") -> None:
    """Remove a group, and those of its parents that are empty then."""
    for path in places(name, controllers):
        _remove(path, name)


# ---- how they are made and removed

def places(name: str, controllers: "tuple[str, ...]") -> list[str]:
    """The directories of a group: on v2 one for all controllers, on v1 one for each. Errors: Unsupported."""
    return list(dict.fromkeys(group_path(each, name) for each in controllers))


def hand_on(name: str, controllers: "tuple[str, ...]") -> None:
    """On v2, let each parent of a group hand the controllers on to its children; v1 knows nothing of that."""
    parents = name.split("/")[:-1]
    for top, controller in [(top, each) for each in controllers for top, version in [hierarchy(each)]
                            if version == 2 and each not in BUILT_IN]:
        for depth in range(len(parents) + 1):
            files.put("/".join([top, *parents[:depth], "cgroup.subtree_control"]), f"+{controller}")


def _remove(path: str, name: str) -> None:
    """Remove a group, and its parents up to the top of the hierarchy as far as nothing else is in them."""
    top, parent = path[:-len(name) - 1], os.path.dirname(path)
    if os.path.isdir(path):
        os.rmdir(path)
    while parent != top and os.path.isdir(parent) and not _in_use(parent):
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
