"""The rows that make a container's file system: its root, its mounts, its devices. Pure, as the plan that they are of.

https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md#mounts and config-linux.md#devices.
"""

import os

from contain_lab import rootfs, spec
from contain_lab.container import idmaps
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


def rootfs_rows(config: "Config", root: str, overlay: "tuple[str, str] | None", bound: bool) -> "Iterator[Row]":
    """The root file system, up to the pivot onto it. bound: devices are the host's, for none can be made."""
    if overlay:
        lower, layer = overlay
        step = "mount_user_overlay" if bound else "mount_overlay"
        yield rootfs, step, (root, lower, f"{layer}/upper", f"{layer}/work")
    else:
        yield rootfs, "bind_rootfs", (root,)
    for number, entry in enumerate(config.get("mounts") or []):
        yield from mount_rows(root, number, entry)
    nodes = tuple(devices(config))
    if bound:
        yield rootfs, "bind_devices", (root, tuple(node[:4] for node in nodes if node[1] != "p"))
        nodes = tuple(node for node in nodes if node[1] == "p")
    yield rootfs, "make_devices", (root, nodes)
    yield rootfs, "link_standard_streams", (root,)
    yield rootfs, "pivot_into_rootfs", (root,)


def mount_rows(root: str, number: int, entry: "Config") -> "Iterator[Row]":
    """One entry of `mounts`."""
    target, kind, options = place_of(entry), entry.get("type") or "", options_of(entry)
    if "remount" in options:
        yield rootfs, "remount", (root, target, options)
    elif spec.is_mapped(entry):
        yield idmaps, "attach_mapped_mount", (root, target, number, options)
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
    """The options of a mount; what a deed of ours is asked of another one than it is for is refused by the kernel."""
    return tuple(entry.get("options") or ())


def devices(config: "Config") -> "Iterator[tuple[Any, ...]]":
    """Device nodes: the default ones, and those of the config."""
    for path, (major, minor) in rootfs.DEVICES.items():
        yield path, "c", major, minor, 0o666, 0, 0
    for entry in spec.part(config, "linux.devices") or []:
        mode = entry.get("fileMode")
        yield (entry["path"], entry["type"], entry.get("major") or 0, entry.get("minor") or 0,
               0o666 if mode is None else mode, entry.get("uid") or 0, entry.get("gid") or 0)


# ---- mounts with mapped ids, in which the parent has a part

def prepared_rows(config: "Config") -> "Iterator[Row]":
    """The mounts whose ids the parent maps, before there is a child that inherits them."""
    for number, entry in enumerate(config.get("mounts") or []):
        if spec.is_mapped(entry):
            recursive = bool({"rbind", "ridmap"} & {*options_of(entry)})
            maps = (ranges(entry.get(name) or spec.part(config, f"linux.{name}"))
                    for name in ("uidMappings", "gidMappings"))
            yield idmaps, "prepare_mapped_mount", (number, entry["source"], recursive, *maps)


def forgotten_rows(config: "Config") -> "Iterator[Row]":
    """What the parent lets go of when the child has it."""
    if any(map(spec.is_mapped, config.get("mounts") or [])):
        yield idmaps, "forget_mapped_mounts", ()


def ranges(mappings: "list[Config]") -> "Ranges":
    """uidMappings or gidMappings, as the kernel has them: (first id inside, first id outside, how many) each."""
    return tuple((each["containerID"], each["hostID"], each["size"]) for each in mappings)


