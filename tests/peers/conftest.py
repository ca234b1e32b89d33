"""What the tests of Podman have in common."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def group() -> Iterator[str]:
    """The name of a parent group for Podman's containers; it leaves it, so it is removed here."""
    name = f"cl-podman-{os.getpid()}"
    yield name
    end = time.monotonic() + 10
    while groups := sorted(Path("/sys/fs/cgroup").glob(f"*/{name}/**/"), reverse=True):
        for each in groups:
            with contextlib.suppress(OSError):  # conmon is in one, and about to end
                each.rmdir()
        assert time.monotonic() < end, groups
        time.sleep(0.05)
