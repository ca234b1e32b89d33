"""Bundles and places for tests that run containers; each has a name of its own, and nothing of it is left."""

import json
import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import Bundle, make_rootfs, map_ids
from people import Run

from contain_lab import syscalls


@pytest.fixture(scope="session")
def shared_rootfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root file system that nobody writes to."""
    return make_rootfs(tmp_path_factory.mktemp("root") / "rootfs")


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """A root file system for a test that changes it."""
    return make_rootfs(tmp_path / "rootfs")


@pytest.fixture
def subreaper() -> Iterator[None]:
    """Containers whose creator has gone become children of this process, as they become an engine's."""
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    yield
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 0)


@pytest.fixture
def bundle(tmp_path: Path, shared_rootfs: Path, runtime: str, subreaper: None) -> Iterator[Bundle]:
    """A bundle whose root nobody writes to, for the runtime under test."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    made = Bundle(folder, shared_rootfs, runtime)
    yield made
    made.remove()


@pytest.fixture
def own_bundle(bundle: Bundle, rootfs: Path) -> Bundle:
    """A bundle with a root of its own."""
    bundle.rootfs = rootfs
    bundle.config["root"]["path"] = str(rootfs)
    return bundle


@pytest.fixture
def mapped(bundle: Bundle, tmp_path: Path) -> Bundle:
    """A bundle with a user namespace, whose ids begin at 100000, and their groups at 200000."""
    map_ids(bundle)
    return bundle


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State and data of contain-lab in a folder of the test, with the image busybox in it."""
    for name in ("data", "state"):
        monkeypatch.setenv(f"CONTAIN_LAB_{name.upper()}", str(tmp_path / name))
        (tmp_path / name).mkdir()
    image = tmp_path / "data/images/busybox"
    make_rootfs(image / "rootfs")
    (image / "config.json").write_text(json.dumps({"config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]}}))
    return tmp_path


@pytest.fixture
def run(place: Path, cli: str) -> Iterator[Run]:
    """`contain-lab`, with state and data of the test; nothing may be left."""
    made = Run(place, cli)
    yield made
    assert made.left() == []


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: the end of who types and looks, and the end of programs."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)
