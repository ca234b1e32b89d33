"""The floors of the house, as pyproject.toml has them: they hold, and an import upwards is seen."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package in a folder, wherever the installed one is."""
    command = [ROOT / ".venv/bin/lint-imports", "--no-cache"]
    environment = {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, env=environment)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to be spoiled."""
    unseen = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "contain_lab", tmp_path / "contain_lab", ignore=unseen)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(("room", "line", "contract"), [
    ("errors", "from contain_lab import files", "imports point down"),
    ("spec", "from contain_lab import image", "imports point down"),
    ("files", "import ctypes", "only syscalls imports ctypes"),
    ("container", "from contain_lab.image import store", "container knows no image"),
])
def test_a_broken_contract_is_named(copy: Path, room: str, line: str, contract: str):
    as_folder = copy / "contain_lab" / room / "__init__.py"
    place = as_folder if as_folder.exists() else copy / f"contain_lab/{room}.py"
    with place.open("a") as file:
        file.write(f"\n{line}\n")
    done = lint_imports(copy)
    assert done.returncode != 0
    broken = [said for said in done.stdout.splitlines() if " BROKEN" in said]
    assert any(said.startswith(contract) for said in broken), done.stdout


def test_a_room_on_no_floor_is_named(copy: Path):
    (copy / "contain_lab/attic.py").write_text('"""A room that the floors do not know."""\n')
    done = lint_imports(copy)
    assert done.returncode != 0
    assert "attic" in done.stdout
