"""The mounts of the sandbox: made ready by the judge, locked by the kernel for whoever is in another user namespace.

man: mount_setattr(2), open_tree(2), mount_namespaces(7) (restrictions on mount namespaces).
"""

import os

from contain_lab import files, rootfs, syscalls
from contain_lab.syscalls import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_RECURSIVE,
    CLONE_NEWNS,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_REC,
    OPEN_TREE_CLOEXEC,
    OPEN_TREE_CLONE,
)

HIDDEN = ("/tmp", "/run", "/dev")  # covered by empty file systems: sockets and disks can be used on a read-only mount


def make_mounts(needed: "tuple[str, ...]") -> None:
    """Move into a mount namespace in which nothing of the machine can be changed.

    needed: paths that must stay visible though they lie below one of HIDDEN.
    """
    syscalls.unshare(CLONE_NEWNS)
    syscalls.mount(None, "/", None, MS_REC | MS_PRIVATE)
    nodes = take_trees(tuple(rootfs.DEVICES))
    root = os.open("/", os.O_PATH | os.O_CLOEXEC)
    closed = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID
    syscalls.mount_setattr(root, AT_EMPTY_PATH | AT_RECURSIVE, closed)
    os.close(root)
    kept = take_trees(tuple(path for path in map(os.path.realpath, needed) if below(path, HIDDEN)))
    for path in HIDDEN:
        mode = "mode=1777" if path == "/tmp" else "mode=755"
        rootfs.mount_tmpfs("/", path, ("nosuid", mode, "size=64m"))
    put_trees({**nodes, **kept})
    rootfs.link_standard_streams("/")
    rootfs.mount_tmpfs("/", "/dev/shm", ("nosuid", "nodev", "mode=1777", "size=64m"))


def cover_sources(modules: "tuple[str, ...]", place: str) -> None:
    """Lay an empty file over the source and the bytecode of modules, so that a step cannot read or reload ours there.

    modules: their names; place: the folder that the package is in. They must have been imported before.
    """
    empty = "/run/withheld"
    os.close(os.open(empty, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
    for module in sorted(set(modules)):
        folder, name = os.path.split(f"{place}/{module.replace('.', '/')}")
        cached = f"{folder}/__pycache__"
        compiled = [f"{cached}/{each}" for each in os.listdir(cached) if each.startswith(f"{name}.")] if os.path.isdir(
            cached) else []
        for path in [f"{folder}/{name}.py", *compiled]:
            put_trees({path: take_trees((empty,))[empty]})


def take_trees(paths: "tuple[str, ...]") -> dict[str, int]:
    """Copies of what stands at these paths, as detached mounts: {path: descriptor}; none of what is not there."""
    return {path: syscalls.open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)
            for path in sorted(set(paths)) if os.path.exists(path)}


def put_trees(trees: dict[str, int]) -> None:
    """Mount copies where they were taken from."""
    for path, tree in trees.items():
        place = files.make_in_root("/", path, os.path.isdir(f"/proc/self/fd/{tree}"))
        syscalls.move_mount(tree, place)
        os.close(tree)
        os.close(place)


def below(path: str, folders: "tuple[str, ...]") -> bool:
    """Whether a path lies in one of these folders, or is one."""
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
