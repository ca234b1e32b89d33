"""The packed modules of the OCI command line: used while they are what the sources are, and no longer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from contain_lab.cli import packed
packed.install(sys.argv[2])
from contain_lab import files, namespaces, steps
from contain_lab.namespaces import uts
print(*(type(each.__spec__.loader).__name__ for each in (steps, files, namespaces, uts)), files.__file__)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the package, and its packed modules in the file `packed` beside it."""
    shutil.copytree(ROOT / "contain_lab", tmp_path / "contain_lab", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "contain_lab.cli.packed", "packed"], cwd=tmp_path, check=True)
    return tmp_path


def loaders(place: Path) -> list[str]:
    """Who loads steps, files, namespaces and namespaces.uts, and where files is."""
    command = [sys.executable, "-IS", "-c", PROGRAM, place, place / "packed"]
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.stderr == ""
    return done.stdout.split()


def test_modules_come_from_the_file(place: Path):
    assert loaders(place) == ["Packed"] * 4 + [str(place / "contain_lab/files.py")]


def test_a_source_that_has_changed_since_is_read_itself(place: Path):
    source = place / "contain_lab/steps.py"
    source.write_text(source.read_text() + "\n")
    os.utime(place / "contain_lab/namespaces/uts.py", (1, 1))
    assert loaders(place)[:4] == ["SourceFileLoader", "Packed", "Packed", "SourceFileLoader"]


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:50], lambda data: b"\xff" * 8 + data[8:]])
def test_a_file_that_cannot_be_used_is_none(place: Path, damage):
    (place / "packed").write_bytes(damage((place / "packed").read_bytes()))
    assert loaders(place)[:4] == ["SourceFileLoader"] * 4


def test_a_file_that_is_not_there_is_none(place: Path):
    (place / "packed").unlink()
    assert loaders(place)[:4] == ["SourceFileLoader"] * 4
