"""Mounts whose ids are mapped: a file of 5000 on the disk is one of 100007 in the container. man: mount_setattr(2).

Only a process with privileges over the file system may map, which a container's own may not have: so the parent clones
the mount and maps it, and the child, which inherits the descriptor, attaches it.
"""

import os

from contain_lab import rootfs
from contain_lab.namespaces import user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.namespaces.user import Ranges

prepared: dict[int, int] = {}  # descriptors of mounts, by their number in the config


def prepare_mapped_mount(number: int, source: str, recursive: bool, uids: "Ranges", gids: "Ranges") -> None:
    """Clone the mount at a path, and map the ids in it: each range is (on the disk, seen, count)."""
    ids = user.open_namespace(uids, gids)
    try:
        prepared[number] = rootfs.open_mapped(source, recursive, ids)
    finally:
        os.close(ids)


def attach_mapped_mount(root: str, target: str, number: int, options: tuple[str, ...]) -> None:
    """Attach a mount whose ids are mapped at its place in the container."""
    rootfs.attach_bind(root, target, prepared.pop(number), options)


def forget_mapped_mounts() -> None:
    """Let go of the mounts that the child has inherited."""
    while prepared:
        os.close(prepared.popitem()[1])
