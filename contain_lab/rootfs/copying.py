"""Copy what a directory holds into another one, by descriptors: no symbolic link is followed on the way."""

import os
import stat


def copy_directory(source: int, target: int) -> None:
    """Copy directories, files and links with their owners and modes; what is neither stays. Both are descriptors."""
    for name in os.listdir(source):
        info = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(info.st_mode):
            os.mkdir(name, 0o700, dir_fd=target)
            _inside(name, source, target, os.O_RDONLY | os.O_DIRECTORY, os.O_RDONLY | os.O_DIRECTORY, copy_directory)
        elif stat.S_ISREG(info.st_mode):
            _inside(name, source, target, os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _copy_file)
        elif stat.S_ISLNK(info.st_mode):
            os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        else:
            continue
        os.chown(name, info.st_uid, info.st_gid, dir_fd=target, follow_symlinks=False)
        if not stat.S_ISLNK(info.st_mode):
            os.chmod(name, stat.S_IMODE(info.st_mode), dir_fd=target)


def _inside(name: str, source: int, target: int, read: int, write: int,
            copy: "Callable[[int, int], None]") -> None:
    """Open a name in two directories, and copy the one to the other."""
    ours = os.open(name, read | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    theirs = os.open(name, write | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=target)
    try:
        copy(ours, theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def _copy_file(source: int, target: int) -> None:
    while os.sendfile(target, source, None, 1 << 20):
        pass


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
