"""Configs that are malformed or hostile, made by hypothesis after the shapes of the runtime-spec's JSON schema.

A valid config is changed in a few places. What stands there then is of the wrong type, or of the right one and still
nothing that anybody should ask for. Nothing here harms a machine whose runtime does what it is asked to: the root
stays the bundle's, and no hook is another program than true and false.
"""

import copy
from typing import Any

from hypothesis import strategies as st

Config = dict[str, Any]

# path: kind; a number in a path stands for an entry of a list, made where there is none
SHAPES = {
    "ociVersion": "text", "hostname": "text", "domainname": "text", "annotations": "map", "annotations.a": "text",
    "root": "object", "root.path": "root", "root.readonly": "switch",
    "process": "object", "process.terminal": "switch", "process.consoleSize": "object",
    "process.consoleSize.height": "number", "process.args": "list", "process.args.0": "text", "process.env": "list",
    "process.env.0": "text", "process.cwd": "path", "process.user": "object", "process.user.uid": "number",
    "process.user.gid": "number", "process.user.umask": "number", "process.user.additionalGids": "list",
    "process.user.additionalGids.0": "number", "process.noNewPrivileges": "switch", "process.oomScoreAdj": "number",
    "process.capabilities": "object", "process.capabilities.bounding": "list", "process.capabilities.ambient.0": "text",
    "process.rlimits": "list", "process.rlimits.0": "object", "process.rlimits.0.type": "limit",
    "process.rlimits.0.soft": "number", "process.rlimits.0.hard": "number", "process.apparmorProfile": "text",
    "process.ioPriority": "object", "process.scheduler.policy": "text",
    "mounts": "list", "mounts.0": "object", "mounts.0.destination": "path", "mounts.1.type": "text",
    "mounts.1.source": "path", "mounts.2.options": "list", "mounts.2.options.0": "option",
    "mounts.9.destination": "path", "mounts.9.type": "mount", "mounts.9.source": "path",
    "mounts.9.options.0": "option", "mounts.3.uidMappings": "list",
    "mounts.6.uidMappings.0.hostID": "number", "mounts.6.gidMappings.0.size": "number", "mounts.6.options.1": "option",
    "linux.timeOffsets.monotonic.nanosecs": "number", "linux.uidMappings.0.hostID": "number",
    "linux.seccomp.syscalls.0.args.0.index": "number", "linux.seccomp.flags.0": "text",
    "hooks": "object", "hooks.createRuntime": "list", "hooks.createRuntime.0": "object",
    "hooks.createRuntime.0.path": "hook", "hooks.createContainer.0.path": "hook", "hooks.prestart.0.args": "list",
    "hooks.poststop.0.path": "hook", "hooks.startContainer.0.path": "hook", "hooks.createRuntime.0.timeout": "number",
    "linux": "object", "linux.namespaces": "list", "linux.namespaces.0": "object", "linux.namespaces.0.type": "kind",
    "linux.namespaces.1.path": "path", "linux.namespaces.7.type": "kind", "linux.uidMappings": "list",
    "linux.uidMappings.0.size": "number", "linux.gidMappings.0.hostID": "number", "linux.timeOffsets": "map",
    "linux.timeOffsets.boottime.secs": "number", "linux.devices": "list", "linux.devices.0.path": "path",
    "linux.devices.0.type": "text", "linux.devices.0.major": "number", "linux.devices.0.fileMode": "number",
    "linux.cgroupsPath": "path", "linux.sysctl": "map", "linux.sysctl.kernel.msgmax": "text",
    "linux.rootfsPropagation": "option", "linux.maskedPaths": "list", "linux.maskedPaths.0": "path",
    "linux.readonlyPaths.0": "path", "linux.resources": "object", "linux.resources.pids.limit": "number",
    "linux.resources.devices": "list", "linux.resources.devices.0.access": "text", "linux.resources.memory": "object",
    "linux.resources.unified": "map", "linux.seccomp": "object", "linux.seccomp.defaultAction": "text",
    "linux.seccomp.syscalls": "list", "linux.seccomp.syscalls.0.names.0": "text", "linux.intelRdt": "object",
    "linux.personality.domain": "text", "linux.mountLabel": "text", "vm": "object", "windows": "object",
}
WORDS = {
    "text": ["", "a\0b", "\ud800", "a\nb", "\x1b[2J", "x" * 5000, "/", "..", "$(id)", "%s%n", "ü" * 65],
    "path": ["", "/", "relative", "/no/such", "/../../../..", "/proc/self/fd/3", "/proc/1/root", "/dev/null/x",
             "a\0b", "/" + "x" * 300, "/x" * 2500, "/etc/passwd", "/proc/self/exe", "../../cl-up"],
    "root": ["", "no-such-root", "a\0b", "/dev/null", "rootfs/bin/sh", "/" + "x" * 300],
    "hook": ["", "true", "/no/such", "/etc/passwd", "/bin/false", "/bin/true", "/bin/true\0", "/"],
    "option": ["", "bind", "rbind", "ro", "rro", "shared", "rslave", "idmap", "ridmap", "rrw", "lazytime", "tmpcopyup",
               "size=1k", "mode=x", "x=y", "remount", "nosuchoption", "lowerdir=/", "a\0b"],
    "mount": ["", "bind", "proc", "sysfs", "tmpfs", "cgroup", "cgroup2", "devpts", "mqueue", "overlay", "nosuchfs",
              "fuse"],
    "kind": ["", "pid", "mount", "user", "time", "ipc", "network", "dream", "PID"],
    "limit": ["", "RLIMIT_NOFILE", "RLIMIT_AS", "RLIMIT_NPROC", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOSUCH",
              "NOFILE"],
}
NUMBERS = [0, 1, -1, 2, 7, 1 << 31, (1 << 31) - 1, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63)]
ODD = [None, True, 0, -1, 1.5, "", "x", [], [None], [[]], [{}], {}, {"": None}, {"a": {"b": []}}, "\0"]


def values(kind: str) -> st.SearchStrategy[Any]:
    """What may stand where this kind is due: a quarter of it of another type."""
    due: dict[str, st.SearchStrategy[Any]] = {
        "number": st.sampled_from(NUMBERS) | st.integers(), "switch": st.booleans(),
        "list": st.lists(st.sampled_from(ODD), max_size=3), "object": st.dictionaries(
            st.sampled_from(["type", "path", "a", ""]), st.sampled_from(ODD), max_size=3),
        "map": st.dictionaries(st.sampled_from(["a", "", "../x", "net.a", "memory.max", "a\0"]), st.sampled_from(ODD),
                               max_size=3)}
    words = st.sampled_from(WORDS[kind if kind in WORDS else "text"])
    return st.integers(0, 3).flatmap(lambda quarter: due.get(kind, words) if quarter else st.sampled_from(ODD))


def changes(below: str = "") -> st.SearchStrategy[list[tuple[str, Any]]]:
    """A few places of a config, or of a part of it, and what is put there."""
    places = st.sampled_from(sorted(path for path in SHAPES if path.startswith(below)))
    one = places.flatmap(lambda path: st.tuples(st.just(path), values(SHAPES[path])))
    return st.lists(one, min_size=1, max_size=3)


def changed(config: Config, made: list[tuple[str, Any]]) -> Config:
    """A copy of a config with the changes in it; one that finds no place any more is left out."""
    result = copy.deepcopy(config)
    for path, value in made:
        *folders, last = path.split(".") if not path.startswith("linux.sysctl.") else ["linux", "sysctl", path[13:]]
        place: Any = result
        for at, name in enumerate(folders):
            following = [*folders, last][at + 1]
            place = step_into(place, name, [] if following.isdigit() else {})
        put(place, last, value)
    return result


def step_into(place: Any, name: str, empty: Any) -> Any:
    """What stands at a name or number, made where there is nothing; None where nothing can be."""
    if isinstance(place, dict):
        return place.setdefault(name, empty)
    if isinstance(place, list) and name.isdigit():
        if int(name) >= len(place):
            place.append(empty)
        return place[min(int(name), len(place) - 1)]
    return None


def put(place: Any, name: str, value: Any) -> None:
    """Put a value at a name or number, where something can stand."""
    if isinstance(place, dict):
        place[name] = value
    elif isinstance(place, list) and name.isdigit():
        place[int(name):int(name) + 1] = [value]
