"""The words of mount options, each kind by the call that it belongs to; `rootfs.split_options` sorts by them.

https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md#linux-mount-options. What a mount forbids (ro,
nosuid, and with an r before for all below it) is an attribute, for mount_setattr(2); what it exchanges with its peers
is its propagation; some words ask for a deed of our own; the rest are the file system's own settings, for fsconfig(2).
"""

from contain_lab import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    Settings = list[tuple[str, str | None]]
    Changes = tuple[int, int]  # attributes set, attributes cleared
    Options = tuple[int, int, Settings, list[tuple[int, int]], bool, Changes, frozenset[str]]

# name -> (attributes set, attributes cleared); with an r before it they are those of all mounts below, too
ATTRIBUTES = {
    "ro": (1, 0), "rw": (0, 1), "nosuid": (2, 0), "suid": (0, 2), "nodev": (4, 0), "dev": (0, 4),
    "noexec": (8, 0), "exec": (0, 8), "noatime": (0x10, 0x70), "relatime": (0, 0x70), "strictatime": (0x20, 0x70),
    "atime": (0, 0x70), "norelatime": (0, 0x70), "nostrictatime": (0, 0x70), "nodiratime": (0x80, 0),
    "diratime": (0, 0x80), "nosymfollow": (0x200000, 0), "symfollow": (0, 0x200000),
}
PROPAGATION = {
    "private": syscalls.MS_PRIVATE, "slave": syscalls.MS_SLAVE, "shared": syscalls.MS_SHARED,
    "unbindable": syscalls.MS_UNBINDABLE,
}
DEEDS = frozenset(("tmpcopyup", "remount", "idmap", "ridmap"))
# What is so anyhow, or says how much the kernel shall write into its log.
NOTHING = frozenset(("defaults", "async", "nomand", "nolazytime", "noiversion", "loud", "silent"))


def known() -> set[str]:
    """The names of all options that are understood, as `features` tells them."""
    both = {f"{r}{name}" for name in (*ATTRIBUTES, *PROPAGATION) for r in ("", "r")}
    return both | DEEDS | NOTHING | {"bind", "rbind", "sync", "dirsync", "lazytime", "mand"}
