"""Whose notebooks are in a folder of submissions, and the bytes of each.

A student is a folder, ada/01_uts.ipynb (or deeper: ada/labs/01_uts.ipynb), or a name before the lab's in a
flat folder, ada_01_uts.ipynb, as learning platforms write it. Nothing here is believed: symbolic links are
not followed, what is no regular file is not read, and what is too long is not read whole.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contain_lab.errors import ContainLabError, NotFound
from contain_lab.labkit.table import Lab

LONGEST = 20 << 20    # bytes of a notebook; a lab with all its outputs has less than one MiB
DEEPEST = 3           # folders below a student's that are looked into


class Refused(ContainLabError):
    """A submission that cannot be read: a sentence, zero points for its lab, and the others go on."""


@dataclass(slots=True)
class Student:
    """A name, and for each lab (by number) the notebooks that may be its; problem: why there are none."""

    name: str
    claims: dict[str, list[Path]] = field(default_factory=dict)
    problem: str = ""


def find(folder: Path, labs: Sequence[Lab]) -> tuple[list[Student], list[str]]:
    """The students of a folder, by name, and the entries that are no student's.

    Errors: NotFound for a folder that is none, or that holds no submission.
    """
    if not folder.is_dir():
        raise NotFound(f"{folder}: no such folder", "name the folder that holds a folder for each student")
    students: dict[str, Student] = {}
    others: list[str] = []
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        if not entry.name.startswith(".") and not _take(Path(entry.path), students, labs):
            others.append(entry.name)
    if not students:
        raise NotFound(f"{folder}: no submission in it",
                       "it holds a folder for each student, with notebooks named as labs: ada/01_uts.ipynb")
    return [students[name] for name in sorted(students)], others


def _take(path: Path, students: dict[str, Student], labs: Sequence[Lab]) -> bool:
    """Add an entry of the folder to the student whose it is; whether it is any student's."""
    if path.is_dir():
        student = students.setdefault(path.name, Student(path.name))
        if path.is_symlink():
            student.problem = "a symbolic link, which is not followed"
            return True
        for inside in _notebooks(path):
            _claim(student, inside, labs)
        return True
    for lab in labs:
        if (match := _pattern(lab).fullmatch(path.name)) and match["before"]:
            name = match["before"].rstrip("_- ")
            students.setdefault(name, Student(name)).claims.setdefault(lab.number, []).append(path)
            return True
    return False


def _claim(student: Student, path: Path, labs: Sequence[Lab]) -> None:
    for lab in labs:
        if _pattern(lab).fullmatch(path.name):
            student.claims.setdefault(lab.number, []).append(path)


def _pattern(lab: Lab) -> re.Pattern[str]:
    """01_uts.ipynb, and what browsers and platforms make of it: 01_uts (1).ipynb, 77_01_uts-Copy1.ipynb."""
    return re.compile(rf"(?P<before>.*[_\- ])?{re.escape(lab.stem)}([ ._(\-].*)?\.ipynb",
                      re.IGNORECASE | re.DOTALL)


def _notebooks(folder: Path) -> Iterator[Path]:
    """Every entry below a folder that is named like a notebook; hidden folders and links are not entered."""
    for place, folders, names in os.walk(folder):
        inside = Path(place)
        yield from (inside / name for name in sorted([*folders, *names]) if name.lower().endswith(".ipynb"))
        deep = len(inside.relative_to(folder).parts) >= DEEPEST
        folders[:] = [] if deep else sorted(each for each in folders if not each.startswith("."))


def choose(claims: Sequence[Path], lab: Lab) -> tuple[Path, list[Path]]:
    """The notebook of a lab among those that may be it, and those that are left aside.

    The lab's own name goes before other names, and the folder's top before what lies deeper. Errors: Refused
    when two are equal in that.
    """
    def rank(path: Path) -> tuple[bool, int]:
        return path.name != f"{lab.stem}.ipynb", len(path.parts)

    if not claims:
        raise Refused(f"{lab.stem}.ipynb: not handed in")
    first, *rest = sorted(claims, key=rank)
    if twins := [path for path in rest if rank(path) == rank(first)]:
        names = ", ".join(path.name if path.parent == first.parent else f"{path.parent.name}/{path.name}"
                          for path in [first, *twins])
        raise Refused(f"lab {lab.number}: {len(twins) + 1} notebooks, and nothing says which counts: {names}",
                      f"leave one, named {lab.stem}.ipynb")
    return first, rest


def read(path: Path) -> bytes:
    """The bytes of a submission. Errors: Refused for what is no file, a link, too long or not readable."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        link = path.is_symlink()
        reason = "a symbolic link, which is not followed" if link else (error.strerror or "").lower()
        raise Refused(f"{path.name}: {reason}") from error
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{path.name}: not a file")
        if found.st_size > LONGEST:
            raise Refused(f"{path.name}: {found.st_size >> 20} MiB, and {LONGEST >> 20} MiB are read at most",
                          "clear its outputs and save it")
        with open(handle, "rb", closefd=False) as file:
            return file.read(LONGEST + 1)
    finally:
        os.close(handle)
