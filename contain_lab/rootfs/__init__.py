"""The root file system of a container: its mounts, its devices, and the pivot onto it.

man: mount_setattr(2), open_tree(2), fsopen(2), move_mount(2), pivot_root(2), openat2(2). Invariants:
- a place below the root is opened by `files.make_in_root` (openat2, RESOLVE_IN_ROOT) and mounted onto its
  descriptor, never by a path that an image could have laid a symbolic link into (CVE-2021-30465);
- /proc and /sys are real directories of the root, or it is refused (CVE-2019-16884);
- all of it happens in the container's own mount namespace, so the kernel takes it away with the last process.
"""

import os
import stat

from contain_lab import files, syscalls
from contain_lab.errors import ContainLabError, InvalidConfig
from contain_lab.rootfs import copying
from contain_lab.rootfs.options import ATTRIBUTES, DEEDS, NOTHING, PROPAGATION
from contain_lab.syscalls import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_RECURSIVE,
    FSCONFIG_CMD_CREATE,
    FSCONFIG_CMD_RECONFIGURE,
    FSCONFIG_SET_FLAG,
    FSCONFIG_SET_STRING,
    MNT_DETACH,
    MOUNT_ATTR_IDMAP,
    MOUNT_ATTR_RDONLY,
    OPEN_TREE_CLOEXEC,
    OPEN_TREE_CLONE,
    RESOLVE_IN_ROOT,
    RESOLVE_NO_SYMLINKS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.rootfs.options import Changes, Options, Settings

DEVICES = {  # path -> (major, minor), of the kernel's Documentation/admin-guide/devices.txt
    "/dev/null": (1, 3), "/dev/zero": (1, 5), "/dev/full": (1, 7), "/dev/random": (1, 8), "/dev/urandom": (1, 9),
    "/dev/tty": (5, 0),
}
LINKS = {"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1",
         "/dev/stderr": "/proc/self/fd/2", "/dev/ptmx": "pts/ptmx"}


# ---- the root itself

def bind_rootfs(root: str) -> None:
    """Make a mount of the root directory, for pivot_root wants one."""
    tree = syscalls.open_tree(AT_FDCWD, root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)
    attach(tree, os.open(root, os.O_PATH | os.O_CLOEXEC))


def mount_overlay(root: str, lower: str, upper: str, work: str) -> None:
    """Mount an image as the root, with a writable layer of the container's own above it."""
    settings: Settings = [("lowerdir", lower), ("upperdir", upper), ("workdir", work)]
    attach(new_filesystem("overlay", "overlay", settings), os.open(root, os.O_PATH | os.O_CLOEXEC))


def mount_user_overlay(root: str, lower: str, upper: str, work: str) -> None:
    """As mount_overlay, in a user namespace; where there is no upper, the root is the image's copy already."""
    if not os.path.isdir(upper):
        bind_rootfs(root)
        return
    # overlay's marks are in attributes "trusted." elsewhere, which the machine's root alone may set
    settings: Settings = [("lowerdir", lower), ("upperdir", upper), ("workdir", work), ("userxattr", None)]
    attach(new_filesystem("overlay", "overlay", settings), os.open(root, os.O_PATH | os.O_CLOEXEC))


def pivot_into_rootfs(root: str) -> None:
    """Make root the root of this mount namespace, and let go of the old one."""
    os.chdir(root)
    syscalls.pivot_root(".", ".")
    syscalls.umount2(".", MNT_DETACH)
    os.chdir("/")


def make_root_readonly() -> None:
    """Make the root file system read-only; mounts below it stay as they are."""
    handle = os.open("/", os.O_PATH | os.O_CLOEXEC)
    syscalls.mount_setattr(handle, AT_EMPTY_PATH, MOUNT_ATTR_RDONLY)
    os.close(handle)


# ---- mounts below it

def mount_proc(root: str, target: str, options: tuple[str, ...]) -> None:
    """Mount a new /proc: the processes of this PID namespace."""
    check_real_directory(root, target)
    mount_new(root, target, "proc", "proc", options)


def mount_sysfs(root: str, target: str, options: tuple[str, ...]) -> None:
    """Mount a new /sys: the devices of this network namespace."""
    check_real_directory(root, target)
    mount_new(root, target, "sysfs", "sysfs", options)


def mount_tmpfs(root: str, target: str, options: tuple[str, ...]) -> None:
    """Mount an empty file system that lives in memory."""
    mount_new(root, target, "tmpfs", "tmpfs", options)


def mount_tmpfs_with_copy(root: str, target: str, options: tuple[str, ...]) -> None:
    """Mount a file system that lives in memory, with a copy of what stood at its place."""
    on, off, settings, *_ = split_options(options)
    tree = new_filesystem("tmpfs", "tmpfs", settings)
    place = files.make_in_root(root, target)
    source = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place)
    copying.copy_directory(source, tree)
    os.close(source)
    syscalls.mount_setattr(tree, AT_EMPTY_PATH, on, off)
    attach(tree, place)


def mount_filesystem(root: str, target: str, kind: str, source: str, options: tuple[str, ...]) -> None:
    """Mount a new file system of any kind."""
    mount_new(root, target, kind, source, options)


def mount_new(root: str, target: str, kind: str, source: str, options: tuple[str, ...]) -> None:
    """A new file system, attached at its place below the root."""
    attributes, _, settings, *_ = split_options(options)
    attach(new_filesystem(kind, source, settings, attributes), files.make_in_root(root, target))


def bind_path(root: str, target: str, source: str, options: tuple[str, ...]) -> None:
    """Mount a file or directory of the host at a place in the container."""
    deep = AT_RECURSIVE if split_options(options)[4] else 0
    attach_bind(root, target, syscalls.open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | deep), options)


def attach_bind(root: str, target: str, tree: int, options: tuple[str, ...]) -> None:
    """Attach a copy of a mount with its options, and close its descriptor."""
    on, off, unknown, _, _, deep, _ = split_options(options)
    if unknown:
        raise InvalidConfig(f"mount {target}: option {unknown[0][0]!r} says nothing to a bind mount")
    if any(deep):
        syscalls.mount_setattr(tree, AT_RECURSIVE, *deep)
    if on or off:
        syscalls.mount_setattr(tree, AT_EMPTY_PATH, on, off)
    attach(tree, files.make_in_root(root, target, directory=stat.S_ISDIR(os.fstat(tree).st_mode)))


def clone_mount(source: str, recursive: bool, propagation: int) -> int:
    """A copy of the mount at a path, which exchanges mounts with its peers as it is said here: its descriptor."""
    deep = AT_RECURSIVE if recursive else 0
    tree = syscalls.open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | deep)
    try:
        syscalls.mount_setattr(tree, AT_EMPTY_PATH | deep, 0, 0, propagation)
    except OSError:
        os.close(tree)
        raise
    return tree


def map_ids(tree: int, recursive: bool, ids: int) -> None:
    """Map the ids of a mount that is attached nowhere as a user namespace has them; both are descriptors."""
    syscalls.mount_setattr(tree, AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0), MOUNT_ATTR_IDMAP, userns=ids)


def remount(root: str, target: str, options: tuple[str, ...]) -> None:
    """Change a mount that is there already: its attributes, and the settings of its file system."""
    on, off, settings, _, _, deep, _ = split_options(options)
    place = files.open_in_root(root, target)
    if any(deep):
        syscalls.mount_setattr(place, AT_RECURSIVE, *deep)
    if on or off:
        syscalls.mount_setattr(place, AT_EMPTY_PATH, on, off)
    if settings:
        configure(syscalls.fspick(place), settings, FSCONFIG_CMD_RECONFIGURE)
    os.close(place)


def set_mount_propagation(root: str, target: str, options: tuple[str, ...]) -> None:
    """Say what a mount exchanges with its peers: private, slave, shared, and all below it with an r before."""
    handle = files.open_in_root(root, target)
    for propagation, deep in split_options(options)[3]:
        syscalls.mount_setattr(handle, AT_EMPTY_PATH | deep, 0, 0, propagation)
    os.close(handle)


def mount_cgroups(root: str, target: str, groups: tuple[tuple[str, str], ...], options: tuple[str, ...]) -> None:
    """Show the container its own cgroups, each hierarchy at its name: groups are (name, path on the host)."""
    mount_tmpfs(root, target, ("nosuid", "nodev", "noexec", "mode=755"))
    for name, path in groups:
        bind_path(root, f"{target}/{name}", path, ("nosuid", "nodev", "noexec", *options))
    if "ro" in options:
        make_path_readonly(root, target)


def make_path_readonly(root: str, path: str) -> None:
    """Make a path read-only by a bind mount over itself; where there is none, nothing is done."""
    try:
        place = files.open_in_root(root, path)
    except FileNotFoundError:
        return
    tree = syscalls.open_tree(place, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE)
    syscalls.mount_setattr(tree, AT_EMPTY_PATH | AT_RECURSIVE, MOUNT_ATTR_RDONLY)
    attach(tree, place)


def mask_path(root: str, path: str) -> None:
    """Hide a path: /dev/null over a file, an empty read-only file system over a directory."""
    try:
        place = files.open_in_root(root, path)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(os.fstat(place).st_mode):
        tree = new_filesystem("tmpfs", "tmpfs", [("mode", "555"), ("size", "0k")], MOUNT_ATTR_RDONLY)
    else:
        null = files.open_in_root(root, "/dev/null")
        what = os.fstat(null)
        # an image could have put another file there (CVE-2025-31133)
        if not stat.S_ISCHR(what.st_mode) or what.st_rdev != os.makedev(1, 3):
            raise ContainLabError(f"{path}: /dev/null in the container is not the null device, so nothing masks it")
        tree = syscalls.open_tree(null, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)
    attach(tree, place)


# ---- /dev

def make_devices(root: str, devices: "tuple[tuple[str, str, int, int, int, int, int], ...]") -> None:
    """Make device nodes: each (path, type, major, minor, mode, uid, gid)."""
    for path, kind, major, minor, mode, uid, gid in devices:
        folder, name = os.path.split(path)
        parent = files.make_in_root(root, folder)
        if not _there(parent, name):
            os.mknod(name, mode | NODE_TYPES[kind], os.makedev(major, minor), dir_fd=parent)
            os.chmod(name, mode, dir_fd=parent)  # mknod's mode has gone through the umask
            os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        os.close(parent)


def bind_devices(root: str, devices: "tuple[tuple[str, str, int, int], ...]") -> None:
    """Show devices of the host where none can be made, in a user namespace: each (path, type, major, minor)."""
    for path, kind, major, minor in devices:
        tree = syscalls.open_tree(AT_FDCWD, find_device(path, kind, major, minor), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
        attach(tree, files.make_in_root(root, path, directory=False))


def find_device(path: str, kind: str, major: int, minor: int) -> str:
    """The node of a device on the host: at the same path, or where the kernel says. Errors: ContainLabError."""
    folder = "block" if kind == "b" else "char"
    uevent = f"/sys/dev/{folder}/{major}:{minor}/uevent"
    names = [line[8:] for line in files.get(uevent).splitlines() if line.startswith("DEVNAME=")] \
        if os.path.exists(uevent) else []
    for place in (path, *(f"/dev/{name}" for name in names)):
        if os.path.exists(place) and os.stat(place).st_rdev == os.makedev(major, minor):
            return place
    raise ContainLabError(f"device {path}: the host has no node of {kind} {major}:{minor}",
                          "in a user namespace none can be made")


NODE_TYPES = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


def link_standard_streams(root: str) -> None:
    """Make the links in /dev that programs expect: fd, stdin, stdout, stderr, ptmx."""
    for path, target in LINKS.items():
        folder, name = os.path.split(path)
        parent = files.open_in_root(root, folder)
        if not _there(parent, name):
            os.symlink(target, name, dir_fd=parent)
        os.close(parent)


def _there(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


# ---- the layer that a container writes to

def make_layer(folder: str) -> None:
    """Make the writable layer of a container: the folders that overlay calls upper and work."""
    os.makedirs(os.path.dirname(folder), 0o711, exist_ok=True)
    os.mkdir(folder, 0o700)
    for name in ("upper", "work", "root"):
        os.mkdir(f"{folder}/{name}", 0o755)


def remove_layer(folder: str) -> None:
    """Remove the writable layer of a container, and all that was written to it."""
    import shutil  # human door only: nothing on the way to execve removes a layer

    for line in reversed(files.get("/proc/self/mountinfo").splitlines()):
        if line.split()[4].startswith(f"{folder}/"):  # a shared mount has let it out of the container's namespace
            syscalls.umount2(line.split()[4], MNT_DETACH)
    if os.path.isdir(folder):
        shutil.rmtree(folder)


# ---- what they are made of

def new_filesystem(kind: str, source: str, settings: "Settings", attributes: int = 0) -> int:
    """A new file system with its settings, as a detached mount: its descriptor. man: fsopen(2)."""
    context = syscalls.fsopen(kind)
    try:
        configure(context, [("source", source), *settings], FSCONFIG_CMD_CREATE)
        return syscalls.fsmount(context, attributes)
    finally:
        os.close(context)


def configure(context: int, settings: "Settings", command: int) -> None:
    """Set what a file system has to know, then create it, or change it. man: fsconfig(2)."""
    for key, value in settings:
        syscalls.fsconfig(context, FSCONFIG_SET_FLAG if value is None else FSCONFIG_SET_STRING, key, value)
    syscalls.fsconfig(context, command)


def attach(tree: int, place: int) -> None:
    """Attach a detached mount onto a descriptor, and close both."""
    try:
        syscalls.move_mount(tree, place)
    finally:
        os.close(tree)
        os.close(place)


def split_options(options: tuple[str, ...]) -> "Options":
    """Mount options as (attributes set, cleared, file system settings, [(propagation, recursive)], rbind, deep, deeds).

    deep: attributes (set, cleared) of the mount and all below it; deeds: words of DEEDS. Of two options that say the
    contrary the later one counts.
    """
    (on, off), deep, recursive = (0, 0), (0, 0), False
    settings: Settings = []
    propagation: list[tuple[int, int]] = []
    for option in options:
        plain = option.removeprefix("r")
        if option in ATTRIBUTES:
            on, off = changed(on, off, *ATTRIBUTES[option])
        elif plain in ATTRIBUTES:
            deep = changed(*deep, *ATTRIBUTES[plain])
            on, off = changed(on, off, *ATTRIBUTES[plain])
        elif plain in PROPAGATION:
            propagation.append((PROPAGATION[plain], AT_RECURSIVE if option != plain else 0))
        elif option in ("bind", "rbind"):
            recursive = option == "rbind"
        elif option not in DEEDS | NOTHING:
            key, equals, value = option.partition("=")
            settings.append((key, value if equals else None))
    return on, off, settings, propagation, recursive, deep, DEEDS & {*options}


def changed(on: int, off: int, set_: int, clear: int) -> "Changes":
    """Attributes to set and to clear, after one more option."""
    return on & ~clear | set_, off & ~set_ | clear


def check_real_directory(root: str, target: str) -> None:
    """Refuse a root in which the place of /proc or /sys is a symbolic link, or lies behind one."""
    handle = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(syscalls.openat2(handle, target, os.O_PATH | os.O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS))
    except FileNotFoundError:
        return
    except OSError as error:
        raise InvalidConfig(f"{target}: it is a symbolic link in the root file system, or lies behind one",
                            "an image that does this is broken or hostile: make it a directory") from error
    finally:
        os.close(handle)
