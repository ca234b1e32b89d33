"""Where a grading puts the steps that it has judged: a folder of its own, removed with it.

<state_dir>/grade/<name>/lock is held (flock) as long as the grading lives. What has a free lock was killed, and is
removed by the next grading or by `sweep`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contain_lab import files

PREFIX = "cl-grade-"


@contextmanager
def desk() -> Iterator[Path]:
    """A folder that is removed at the end, whatever the end is. Errors: OSError."""
    with files.Alone(_root()):
        _sweep()
        folder = Path(_root()) / f"{PREFIX}{os.getpid()}"
        folder.mkdir(mode=0o700)
        lock = files.lock(f"{folder}/lock", wait=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        files.let_go(lock)


def sweep() -> list[str]:
    """Remove what killed gradings left; their names."""
    if not os.path.isdir(_root()):
        return []
    with files.Alone(_root()):
        return _sweep()


def _root() -> str:
    return f"{os.path.realpath(files.state_dir())}/grade"


def _sweep() -> list[str]:
    removed = []
    for name in sorted(name for name in os.listdir(_root()) if name.startswith(PREFIX)):
        lock = files.lock(f"{_root()}/{name}/lock")
        if lock is not None:
            shutil.rmtree(f"{_root()}/{name}")
            os.close(lock)
            removed.append(name)
    return removed
