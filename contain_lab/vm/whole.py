"""A folder that is there whole, or not at all: made by one at a time, under another name, and renamed when it is whole.

Images and templates are such folders. What begins with `cl-` is being made, or was left by whoever was killed.
"""

import os
import shutil
from collections.abc import Callable

from contain_lab import files


def make(path: str, fill: Callable[[str], None]) -> None:
    """Make a folder where it is not there: fill(work) puts into an empty one what it is to hold.

    Errors: those of fill, with nothing left of it.
    """
    folder = os.path.dirname(path)
    with files.Alone(folder):
        _sweep(folder)
        if os.path.isdir(path):  # made while we waited
            return
        work = os.path.join(folder, f"cl-{os.getpid()}")
        os.mkdir(work, 0o700)
        try:
            fill(work)
            os.rename(work, path)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def sweep(folder: str) -> list[str]:
    """Remove what was left by whoever was killed in a making; their names. A making that goes on is left alone."""
    if not os.path.isdir(folder):
        return []
    handle = files.lock(os.path.join(folder, "lock"))
    try:
        return _sweep(folder) if handle is not None else []
    finally:
        files.let_go(handle)


def _sweep(folder: str) -> list[str]:
    left = [name for name in os.listdir(folder) if name.startswith("cl-")]
    for name in left:
        shutil.rmtree(os.path.join(folder, name))
    return left
