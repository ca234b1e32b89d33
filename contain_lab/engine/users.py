"""Users and groups by name, as a container's own /etc/passwd and /etc/group have them. man: passwd(5), group(5).

These files are an image's: they are opened below its root (`files.open_in_root`), must be files, and have bounds.
"""

import os
import stat

from contain_lab import files
from contain_lab.errors import ContainLabError, NotFound, UsageError

LARGEST = 4 << 20  # bytes of such a file
TOO_LARGE = 1 << 31
HINT = "a number will do, too: --user UID:GID"


class User:
    """Who a process is: uid, gid, the additional groups, and the home directory."""

    __slots__ = ("gid", "groups", "home", "uid")

    def __init__(self, uid: int, gid: int, groups: list[int], home: str) -> None:
        if max(uid, gid, *groups) >= TOO_LARGE:
            raise UsageError(f"user {uid}:{gid}: an id is not below 2^31", HINT)
        self.uid, self.gid, self.groups, self.home = uid, gid, groups, home


def look_up(root: str, asked: str) -> User:
    """The user that "USER[:GROUP]" names below a root; "" is root. What is all digits is a number, never a name.

    A user of the file brings its group and home, and the groups that list it, unless a group is asked for. Errors:
    NotFound for a name that is not there, UsageError for a number that is too large.
    """
    name, _, group = asked.partition(":")
    name = name or "0"
    entries = [line for line in read(root, "/etc/passwd") if len(line) >= 6 and is_number(line[2], line[3])]
    found = next((line for line in entries if name == line[2 if is_number(name) else 0]), None)
    if found is None and not is_number(name):
        raise NotFound(f"user {name}: no such name in the container's /etc/passwd", HINT)
    uid, gid = (number(found[2]), number(found[3])) if found else (number(name), 0)
    home = found[5] if found and found[5] else "/root" if uid == 0 else "/"
    groups = [line for line in read(root, "/etc/group") if len(line) >= 4 and is_number(line[2])]
    if group:
        return User(uid, group_id(groups, group), [], home)
    return User(uid, gid, [number(line[2]) for line in groups if found and found[0] in line[3].split(",")], home)


def group_id(groups: list[list[str]], asked: str) -> int:
    """The number of a group. Errors: NotFound."""
    if is_number(asked):
        return number(asked)
    for line in groups:
        if line[0] == asked:
            return number(line[2])
    raise NotFound(f"group {asked}: no such name in the container's /etc/group", HINT)


def is_number(*words: str) -> bool:
    """Whether all words are numbers; int() takes more than digits, and `isdecimal` more than ours."""
    return all(word.isdecimal() and word.isascii() for word in words)


def number(word: str) -> int:
    """An id of digits; int() refuses thousands of them."""
    return int(word) if len(word) <= 20 else TOO_LARGE


def read(root: str, path: str) -> list[list[str]]:
    """The lines of such a file, each cut at its colons; [] where there is none. Errors: ContainLabError."""
    try:
        handle = files.open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        return []
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ContainLabError(f"{path} in the container: it is no file", HINT)
    with open(handle, "rb") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ContainLabError(f"{path} in the container: it is larger than {LARGEST >> 20} MiB", HINT)
    return [line.split(":") for line in text.decode(errors="surrogateescape").splitlines()]
