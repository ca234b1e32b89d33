"""What the repository holds: no path of one machine, no secret, nothing put off, no hidden failure."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PICTURES = {".png", ".jpg", ".svg"}
FORBIDDEN = {    # each written so that it does not find itself
    "a path of one machine": r"/home/(?!student|vagrant|alice|user\b)\w+/|/Users/\w|" + re.escape(f"{ROOT}/"),
    "something put off": r"\b(TO[D]O|FIX[M]E|X[X]X|for n[o]w|not implemented y[e]t|place[h]older)\b",
    "a key": r"-----BEGI[N] [A-Z ]*PRIVATE KEY|\bgh[pousr]_[A-Za-z0-9]{30}|\bAKI[A][A-Z0-9]{16}\b",
}


def tracked() -> list[Path]:
    """Text files that git knows."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, text=True, capture_output=True, check=True)
    paths = [ROOT / name for name in done.stdout.split("\0")[:-1]]
    return [path for path in paths if path.is_file() and path.suffix not in PICTURES]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str):
    pattern = re.compile(FORBIDDEN[what])
    found = [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for path in tracked()
             for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
             if pattern.search(line)]
    assert found == []


def test_tests_skip_in_one_place_only():
    pattern = re.compile(r"\bpytest\.(skip|importorskip)\b|\bmark\.skip|\bskipTest\b|\bSkipTest\b")
    here = Path(__file__)
    skipping = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")
                if path != here and pattern.search(path.read_text())]
    assert skipping == ["tests/conftest.py"]


def goes_on(statement: ast.stmt) -> bool:
    """Whether a statement of an `except` does nothing with the exception."""
    return isinstance(statement, ast.Pass | ast.Continue | ast.Return) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))


def test_no_test_swallows_an_exception():
    swallowing = [f"{path.relative_to(ROOT)}:{node.lineno}" for path in (ROOT / "tests").rglob("*.py")
                  for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ExceptHandler)
                  and all(goes_on(each) for each in node.body)]
    assert swallowing == []


def test_no_two_test_files_have_one_name():
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]  # pytest takes them for one module
    assert sorted(names) == sorted(set(names))
