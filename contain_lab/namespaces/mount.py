"""Mount: which file systems stand where. man: mount_namespaces(7).

A new mount namespace begins with a copy of every mount. A copy of a *shared* mount goes on exchanging mounts with
the original, so unsharing alone hides nothing: propagation has to be cut, too.
"""

from contain_lab import steps, syscalls
from contain_lab.syscalls import CLONE_NEWNS, MS_REC

steps.readers["propagation"] = lambda flags: syscalls.flag_names(flags, "MS_")


def unshare_mount() -> None:
    """Move into a mount namespace of our own."""
    syscalls.unshare(CLONE_NEWNS)


def set_propagation(path: str, propagation: int) -> None:
    """Say what the mounts at and below a path exchange with their peers: MS_PRIVATE, MS_SLAVE, MS_SHARED."""
    syscalls.mount(None, path, None, MS_REC | propagation)
