"""The mounts of the sandbox: a root made of what a step may see, and nothing else of the machine.

    /bin /sbin /lib… /usr /etc /sys     the machine's, read-only, without devices
    the package, site-packages, …       the machine's, read-only, readable though they lie below a closed folder
    my_runtime                          copies of the student's files, read-only
    /proc                               of the sandbox; the kernel says who may write what
    /tmp /run /dev/shm                  empty, and the sandbox's own
    /dev                                the six nodes that are in every container

The judge makes all but /proc and /dev ready, in a mount namespace of its own. It is then copied into that of another
user namespace, and the kernel locks what it copies there: root in the sandbox can neither make them writable nor
take them away (mount_namespaces(7), restrictions). The rest is made by init, while the machine's /proc can still be
seen: without that the kernel refuses a new one. Then it lets go of all that is the machine's (pivot_root(2)).

man: mount_setattr(2), open_tree(2).
"""

import os
import sys

from contain_lab import files, rootfs, syscalls
from contain_lab.labkit.sandbox import ids as sandbox_ids
from contain_lab.syscalls import (
    AT_FDCWD,
    AT_RECURSIVE,
    MNT_DETACH,
    MOUNT_ATTR_IDMAP,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_BIND,
    MS_NODEV,
    MS_NOSUID,
    OPEN_TREE_CLOEXEC,
    OPEN_TREE_CLONE,
)

ROOT = "/tmp"  # where the new root stands until it is one, in the judge's own mount namespace
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/etc", "/sys")
CLOSED = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID
SCRATCH = {"/tmp": "mode=1777,size=256m", "/run": "mode=755,size=64m"}  # what is needed may lie below them
OWN = {"/proc": ("proc", None), "/dev": ("tmpfs", "mode=755,size=16m"), "/dev/shm": ("tmpfs", "mode=1777,size=64m")}


# ---- the judge's

def raise_root(package: str, needed: "tuple[str, ...]", covered: "tuple[str, ...]") -> None:
    """Make the root ready at ROOT.

    package: the folder of the student's files; needed: other paths that must be seen; covered: paths below these
    over which something empty lies.
    """
    trees = take_trees(tuple(path for path in SYSTEM if os.path.isdir(path) and not os.path.islink(path)))
    for tree in trees.values():
        syscalls.mount_setattr(tree, AT_RECURSIVE, CLOSED)
    trees |= take_readable(tuple(path for path in needed if not below(os.path.realpath(path), tuple(trees))))
    trees[package] = copy_package(package)
    owner = f"uid={sandbox_ids.choose('uid')[0]},gid={sandbox_ids.choose('gid')[0]}"
    links = {path: os.readlink(path) for path in SYSTEM if os.path.islink(path)}
    syscalls.mount("cl-sandbox", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=4m")
    for path, target in links.items():
        os.symlink(target, f"{ROOT}{path}")
    for path in ("/proc", "/dev", *SCRATCH):
        os.mkdir(f"{ROOT}{path}")
    for path, settings in SCRATCH.items():
        syscalls.mount("cl-sandbox", f"{ROOT}{path}", "tmpfs", MS_NOSUID | MS_NODEV, f"{settings},{owner}")
    put_trees(trees)
    cover(covered)
    place = os.open(ROOT, os.O_PATH | os.O_CLOEXEC)
    syscalls.mount_setattr(place, 0, MOUNT_ATTR_RDONLY)
    os.close(place)


def drop_root() -> None:
    """Take it away again, in the judge's own mount namespace."""
    syscalls.umount2(ROOT, MNT_DETACH)


def take_readable(paths: "tuple[str, ...]") -> dict[str, int]:
    """Copies of trees in which the ids of the machine are those of the sandbox, so that its root may read all of it.

    Where a file system does not do that (overlayfs does not), or we may not ask for it, they are as they are.
    """
    trees = take_trees(paths)
    ids = sandbox_ids.hold() if trees else -1
    for tree in trees.values():
        try:
            syscalls.mount_setattr(tree, AT_RECURSIVE, CLOSED | MOUNT_ATTR_IDMAP, userns=ids)
        except OSError:
            syscalls.mount_setattr(tree, AT_RECURSIVE, CLOSED)
    return trees


def take_trees(paths: "tuple[str, ...]") -> dict[str, int]:
    """Copies of what stands at these paths, as detached mounts: {path: descriptor}; none of what is not there."""
    return {path: syscalls.open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)
            for path in sorted(set(paths)) if os.path.exists(path)}


def put_trees(trees: dict[str, int]) -> None:
    """Mount copies where they were taken from, below ROOT."""
    for path, tree in trees.items():
        rootfs.attach(tree, files.make_in_root(ROOT, path, os.path.isdir(f"/proc/self/fd/{tree}")))


def copy_package(package: str) -> int:
    """A file system with copies of the student's files: whoever may read the originals, the sandbox's root may."""
    tree = rootfs.new_filesystem("tmpfs", "cl-sandbox", [("mode", "755"), ("size", "16m")])
    for name in os.listdir(package) if os.path.isdir(package) else ():
        if name.endswith(".py") and os.path.isfile(f"{package}/{name}"):
            with open(f"{package}/{name}", "rb") as source, \
                    open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=tree), "wb") as copy:
                copy.write(source.read())
    syscalls.mount_setattr(tree, 0, CLOSED)
    return tree


def sources(modules: "tuple[str, ...]") -> "tuple[str, ...]":
    """The files of modules that are loaded, source and bytecode."""
    found = []
    for path in {str(sys.modules[module].__file__) for module in modules}:
        folder, name = os.path.split(path)
        cached = f"{folder}/__pycache__"
        found.append(path)
        found += [f"{cached}/{each}" for each in os.listdir(cached)
                  if each.startswith(f"{name[:-3]}.")] if os.path.isdir(cached) else []
    return tuple(sorted(found))


def cover(paths: "tuple[str, ...]") -> None:
    """Lay something empty over paths below ROOT: nobody in there can take it away."""
    os.mkdir(f"{ROOT}/dev/folder")
    os.close(os.open(f"{ROOT}/dev/file", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
    for path in paths:
        if os.path.exists(f"{ROOT}{path}"):
            empty = f"{ROOT}/dev/{'folder' if os.path.isdir(f'{ROOT}{path}') else 'file'}"
            tree = take_trees((empty,))[empty]
            syscalls.mount_setattr(tree, 0, CLOSED)
            put_trees({path: tree})


def below(path: str, folders: "tuple[str, ...]") -> bool:
    """Whether a path lies in one of these folders, or is one."""
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


# ---- init's

def settle() -> None:
    """In the sandbox's own namespaces: mount what is its own, make the new root the root, let go of the old one."""
    tree = syscalls.open_tree(AT_FDCWD, ROOT, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)
    rootfs.attach(tree, os.open(ROOT, os.O_PATH | os.O_CLOEXEC))
    for path, (kind, settings) in OWN.items():
        os.makedirs(f"{ROOT}{path}", exist_ok=True)
        syscalls.mount("cl-sandbox", f"{ROOT}{path}", kind, MS_NOSUID | MS_NODEV, settings)
        if path == "/dev":
            make_nodes()
    os.chdir(ROOT)
    syscalls.pivot_root(".", ".")
    syscalls.umount2(".", MNT_DETACH)
    os.chdir("/")


def make_nodes() -> None:
    """The nodes of /dev: files onto which those of the machine are bound, for a user namespace may make none."""
    for path in rootfs.DEVICES:
        if os.path.exists(path):
            os.close(os.open(f"{ROOT}{path}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
            syscalls.mount(path, f"{ROOT}{path}", None, MS_BIND)
    rootfs.link_standard_streams(ROOT)
