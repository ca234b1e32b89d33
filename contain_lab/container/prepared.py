"""Mounts that the parent makes and the child attaches, for the child lacks the privileges. man: mount_setattr(2).

In a user namespace it may not go where only root of the machine may, such as to a volume below /root. And whose ids are
mapped, so that a file of 5000 on the disk is one of 100007 in the container, is for root of the file system to say. So
the parent clones the mount, and the child inherits its descriptor. Such a clone is a peer of the host's mount until it
is told otherwise, at once: what is mounted in the container must not appear on the host.
"""

import os

from contain_lab import rootfs
from contain_lab.namespaces import user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.namespaces.user import Ranges

mounts: dict[int, int] = {}  # descriptors, by the number of the mount in the config


def prepare_mount(number: int, source: str, recursive: bool, propagation: int) -> None:
    """Clone the mount at a path, for the child to attach."""
    mounts[number] = rootfs.clone_mount(source, recursive, propagation)


def prepare_mapped_mount(number: int, source: str, recursive: bool, propagation: int, uids: "Ranges",
                         gids: "Ranges") -> None:
    """Clone the mount at a path, and map the ids in it: each range is (on the disk, seen, count)."""
    ids = user.open_namespace(uids, gids)
    try:
        mounts[number] = rootfs.clone_mount(source, recursive, propagation)
        rootfs.map_ids(mounts[number], recursive, ids)
    finally:
        os.close(ids)


def attach_prepared_mount(root: str, target: str, number: int, options: tuple[str, ...]) -> None:
    """Attach a mount of the parent's at its place in the container."""
    rootfs.attach_bind(root, target, mounts.pop(number), options)


def forget_prepared_mounts() -> None:
    """Let go of the mounts that the child has inherited."""
    while mounts:
        os.close(mounts.popitem()[1])
