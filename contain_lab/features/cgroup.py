"""How this machine mounts cgroups: v1, hybrid or v2, and where each controller is (cgroups(7))."""

import os

from contain_lab import files
from contain_lab.features.feature import Feature

CONTROLLERS = ("cpu", "memory", "pids", "io", "cpuset", "devices", "freezer")
BUILT_IN = {"devices": "BPF programs", "freezer": "cgroup.freeze"}
"""What v2 has in place of these controllers; they are in every group."""

UNIFIED = "boot with systemd.unified_cgroup_hierarchy=1 for pure v2"
MODES = {(False, False): "none", (True, False): "v1", (True, True): "hybrid", (False, True): "v2"}
"""What is said of a machine by whether it mounts v1 and v2 hierarchies."""

NONE = "mount -t cgroup2 none /sys/fs/cgroup, or run where it is mounted"


def cgroups() -> list[Feature]:
    """The mode, pure v2 ("cgroup2"), and a feature for each controller ("cgroup memory")."""
    first, second = read_mounts(files.get("/proc/self/mountinfo"))
    second = {path: _enabled(path) for path in second}
    mode = MODES[bool(first), bool(second)]
    places = {name: path for path, names in (first | second).items() for name in names}
    return [
        Feature("cgroup", mode != "none", f"{mode}{_described('v1', first)}{_described('v2', second)}",
                NONE if mode == "none" else ""),
        Feature("cgroup2", mode == "v2", f"the mode is {mode}", "" if mode == "v2" else UNIFIED),
        *(_controller(name, places, mode) for name in CONTROLLERS),
    ]


def read_mounts(mountinfo: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Mount points and controllers of the v1 and of the v2 hierarchies, from proc_pid_mountinfo(5).

    A v2 hierarchy's controllers are not in its mount options, so its list is empty.
    """
    first: dict[str, list[str]] = {}
    second: dict[str, list[str]] = {}
    for line in mountinfo.splitlines():
        mount, _, filesystem = line.partition(" - ")
        path, (kind, _, options) = mount.split()[4], filesystem.split(maxsplit=2)
        if kind == "cgroup2":
            second[path] = []
        elif kind == "cgroup":
            first[path] = [word for word in options.split(",") if word not in ("rw", "ro", "xattr", "none")]
    return first, second


def _described(version: str, hierarchies: dict[str, list[str]]) -> str:
    """The controllers of one version, and the folder that its hierarchies are in."""
    if not hierarchies:
        return ""
    names = " ".join(name for names in hierarchies.values() for name in names) or "no controller"
    return f"; {version} at {os.path.commonpath(hierarchies)}: {names}"


def _enabled(path: str) -> list[str]:
    """The controllers that a v2 hierarchy can give to its groups."""
    listed = os.path.join(path, "cgroup.controllers")
    return files.get(listed).split() if os.path.exists(listed) else []


def _controller(name: str, places: dict[str, str], mode: str) -> Feature:
    """Where a controller is, and whether this process can make groups there; v1 calls io blkio."""
    path = places.get(name) or (places.get("blkio") if name == "io" else None)
    if path is None and mode == "v2" and name in BUILT_IN:
        return Feature(f"cgroup {name}", True, f"v2 does it with {BUILT_IN[name]}")
    if path is None:
        hint = NONE if mode == "none" else f"boot with cgroup_enable={name}, or a kernel that has it"
        return Feature(f"cgroup {name}", False, "no hierarchy has this controller", hint)
    if os.access(path, os.W_OK):
        return Feature(f"cgroup {name}", True, f"at {path}")
    hint = "run as root" if os.geteuid() else "the mount is read-only: run on the machine itself"
    return Feature(f"cgroup {name}", False, f"at {path}, where this process cannot make groups", hint)
