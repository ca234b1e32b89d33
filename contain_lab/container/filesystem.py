"""The rows that make a container's file system: its root, its mounts, its devices. Pure, as the plan that they are of.

https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md#mounts and config-linux.md#devices.
"""

import os

from contain_lab import rootfs, spec, syscalls
from contain_lab.container import prepared
from contain_lab.errors import InvalidConfig
from contain_lab.rootfs.options import PROPAGATION
from contain_lab.steps import Later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain_lab.namespaces.user import Ranges
    from contain_lab.spec import Config
    from contain_lab.steps import Row

GROUPS = Later("GROUPS")  # the groups that the child has joined
OWN_STEPS = {"proc": "mount_proc", "sysfs": "mount_sysfs", "tmpfs": "mount_tmpfs"}


def rootfs_rows(config: "Config", root: str, overlay: "tuple[str, str] | None", bound: bool,
                all_binds: bool) -> "Iterator[Row]":
    """The root file system, up to the pivot onto it.

    bound: devices are the host's, for none can be made; all_binds: the parent makes every bind mount.
    """
    if overlay:
        lower, layer = overlay
        step = "mount_user_overlay" if bound else "mount_overlay"
        yield rootfs, step, (root, lower, f"{layer}/upper", f"{layer}/work")
    else:
        yield rootfs, "bind_rootfs", (root,)
    for number, entry in enumerate(config.get("mounts") or []):
        yield from mount_rows(root, number, entry, all_binds)
    nodes = tuple(devices(config))
    if bound:
        yield rootfs, "bind_devices", (root, tuple(node[:4] for node in nodes if node[1] != "p"))
        nodes = tuple(node for node in nodes if node[1] == "p")
    yield rootfs, "make_devices", (root, nodes)
    yield rootfs, "link_standard_streams", (root,)
    yield rootfs, "pivot_into_rootfs", (root,)


def mount_rows(root: str, number: int, entry: "Config", all_binds: bool) -> "Iterator[Row]":
    """One entry of `mounts`."""
    target, kind, options = place_of(entry), entry.get("type") or "", options_of(entry)
    if "remount" in options:
        yield rootfs, "remount", (root, target, options)
    elif is_prepared(entry, all_binds):
        yield prepared, "attach_prepared_mount", (root, target, number, options)
    elif spec.is_bind(entry):
        yield rootfs, "bind_path", (root, target, entry["source"], options)
    elif kind == "tmpfs" and "tmpcopyup" in options:
        yield rootfs, "mount_tmpfs_with_copy", (root, target, options)
    elif kind in OWN_STEPS:
        yield rootfs, OWN_STEPS[kind], (root, target, options)
    elif kind == "cgroup":
        yield rootfs, "mount_cgroups", (root, target, GROUPS, tuple(each for each in options if each == "ro"))
    else:
        yield rootfs, "mount_filesystem", (root, target, kind, entry.get("source") or kind, options)
    if any(option.removeprefix("r") in PROPAGATION for option in options):
        yield rootfs, "set_mount_propagation", (root, target, options)


def place_of(entry: "Config") -> str:
    """Where a mount goes; a relative place is relative to the root, as the specification demands of old configs."""
    return os.path.join("/", entry["destination"])


def options_of(entry: "Config") -> tuple[str, ...]:
    """The options of a mount."""
    return tuple(entry.get("options") or ())


def devices(config: "Config") -> "Iterator[tuple[Any, ...]]":
    """Device nodes: the default ones, and those of the config."""
    for path, (major, minor) in rootfs.DEVICES.items():
        yield path, "c", major, minor, 0o666, 0, 0
    for entry in spec.part(config, "linux.devices") or []:
        mode = entry.get("fileMode")
        yield (entry["path"], entry["type"], entry.get("major") or 0, entry.get("minor") or 0,
               0o666 if mode is None else mode, entry.get("uid") or 0, entry.get("gid") or 0)


# ---- mounts in which the parent has a part

def prepared_rows(config: "Config", all_binds: bool) -> "Iterator[Row]":
    """The mounts that the parent makes, before there is a child that inherits them."""
    propagation = root_propagation(config)
    for number, entry in enumerate(config.get("mounts") or []):
        recursive = bool({"rbind", "ridmap"} & {*options_of(entry)})
        if spec.is_mapped(entry):
            maps = (ranges(entry.get(name) or spec.part(config, f"linux.{name}"))
                    for name in ("uidMappings", "gidMappings"))
            yield prepared, "prepare_mapped_mount", (number, entry["source"], recursive, propagation, *maps)
        elif is_prepared(entry, all_binds):
            yield prepared, "prepare_mount", (number, entry["source"], recursive, propagation)


def forgotten_rows(config: "Config", all_binds: bool) -> "Iterator[Row]":
    """What the parent lets go of when the child has it."""
    if any(is_prepared(entry, all_binds) for entry in config.get("mounts") or []):
        yield prepared, "forget_prepared_mounts", ()


def is_prepared(entry: "Config", all_binds: bool) -> bool:
    """Whether a mount is made by the parent. all_binds: whether every bind mount is."""
    return spec.is_mapped(entry) or (all_binds and spec.is_bind(entry) and "remount" not in options_of(entry))


def root_propagation(config: "Config") -> int:
    """pivot_root refuses a shared root, so what is asked to be shared is a slave of the host until then."""
    asked = (spec.part(config, "linux.rootfsPropagation") or "rprivate").removeprefix("r")
    if asked not in PROPAGATION:
        raise InvalidConfig(f"linux.rootfsPropagation: {asked!r} is none", "private, slave, shared or unbindable")
    return syscalls.MS_SLAVE if asked in ("shared", "slave") else syscalls.MS_PRIVATE


def ranges(mappings: "list[Config]") -> "Ranges":
    """uidMappings or gidMappings, as the kernel has them: (first id inside, first id outside, how many) each."""
    return tuple((each["containerID"], each["hostID"], each["size"]) for each in mappings)


