"""The image store: `data_dir()/images/NAME/` with `rootfs/`, `config.json` and the fingerprint of its recipe.

Image folders are 0700: a root file system holds set-user-ID programs that other users of this machine
must not reach. One lock is held while images are made or swept; the kernel lets it go when its holder dies
(flock(2)). Every `contain-lab run` comes through here, so nothing slow is imported.
"""

import os
import re

from contain_lab import files
from contain_lab.errors import ContainLabError, InvalidConfig, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*")
TEMPORARY = "cl-"


class Image:
    """A stored image: its name, the path of its root file system, its image-spec configuration."""

    __slots__ = ("config", "name", "rootfs")

    def __init__(self, name: str, rootfs: str, config: "dict[str, Any]") -> None:
        self.name = name
        self.rootfs = rootfs
        self.config = config


def find(name: str) -> Image:
    """The image of this name. Errors: NotFound, or InvalidConfig for a damaged config.json."""
    rootfs = os.path.join(place(name), "rootfs")
    if not is_name(name) or not os.path.isdir(rootfs):
        raise NotFound(f"image '{name}': not found", "contain-lab image bootstrap makes busybox and debian")
    try:
        return Image(name, rootfs, files.read_json(os.path.join(place(name), "config.json")))
    except (OSError, InvalidConfig) as error:
        hint = f"contain-lab image bootstrap {name} makes it anew"
        raise InvalidConfig(f"image '{name}': config.json cannot be read: {error}", hint) from error


def images() -> list[Image]:
    """All images of the store, by name."""
    if not os.path.isdir(folder()):
        return []
    return [find(name) for name in sorted(os.listdir(folder())) if is_name(name)]


def size(image: Image) -> int:
    """Bytes of the files of an image; a file with two names counts once."""
    seen: dict[int, int] = {}
    for below, _, names in os.walk(image.rootfs):
        for name in names:
            info = os.lstat(os.path.join(below, name))
            seen[info.st_ino] = info.st_size
    return sum(seen.values())


def sweep() -> list[str]:
    """Remove what killed commands left in the store, unless images are being made now; the names removed."""
    if not os.path.isdir(folder()) or (handle := files.lock(lock_file())) is None:
        return []
    try:
        return remove_temporary()
    finally:
        os.close(handle)


def folder() -> str:
    """The folder of all images."""
    return os.path.join(files.data_dir(), "images")


def place(name: str) -> str:
    """The folder of this image, whether there is one or not."""
    return os.path.join(folder(), name)


def lock_file() -> str:
    """Whoever makes or removes something in the store holds the lock of this file."""
    return os.path.join(folder(), ".lock")


def is_name(name: str) -> bool:
    """Whether an image may have this name: lower case as in a registry, no path, nothing temporary."""
    return NAME.fullmatch(name) is not None and not name.startswith(TEMPORARY)


def remove_temporary() -> list[str]:
    """Remove what is half made, or half removed; the caller holds the lock."""
    left = sorted(name for name in os.listdir(folder()) if name.startswith(TEMPORARY))
    for name in left:
        remove(place(name))
    return left


def remove(path: str) -> None:
    """Delete a folder of the store, unless something is mounted in it: that would be emptied too."""
    import shutil  # 6 ms that `find` need not pay

    below = os.path.realpath(path) + "/"
    mounted = [line.split()[4] for line in files.get("/proc/self/mountinfo").splitlines()]
    if inside := next((point for point in mounted if point.startswith(below)), None):
        raise ContainLabError(f"remove {path}: {inside} is mounted", f"umount {inside}")
    shutil.rmtree(path)
