"""The shape of the code (CONTRIBUTING.md): short files and functions, telling names, docstrings."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = sorted((ROOT / "contain_lab").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SAYS_NOTHING = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def lines_but_tables(path: Path) -> int:
    """Lines of a file; what is assigned to a name at the top of a module is a table and does not count."""
    tables = [node for node in parse(path).body if isinstance(node, ast.Assign | ast.AnnAssign)]
    return len(path.read_text().splitlines()) - sum(node.end_lineno - node.lineno + 1 for node in tables)


def functions(path: Path) -> list[tuple[str, int]]:
    """(where, lines) of every function in a file."""
    return [(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1)
            for node in ast.walk(parse(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_no_file_is_longer_than_400_lines():
    assert [str(path.relative_to(ROOT)) for path in PACKAGE + TESTS if lines_but_tables(path) > 400] == []


def test_functions_are_short():
    found = [each for path in PACKAGE for each in functions(path)]
    lengths = sorted(length for _, length in found)
    assert statistics.median(lengths) <= 15
    assert lengths[len(lengths) * 9 // 10] <= 30
    assert [where for where, length in found if length > 45] == []


def test_no_name_says_nothing():
    parts = {part.removesuffix(".py") for path in PACKAGE + TESTS for part in path.relative_to(ROOT).parts}
    assert parts & SAYS_NOTHING == set()


@pytest.mark.parametrize("path", PACKAGE, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_functions_have_docstrings(path: Path):
    module = parse(path)
    public = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
    assert [node.name for node in public if not ast.get_docstring(node)] == []
    assert ast.get_docstring(module), f"{path.relative_to(ROOT)} does not say what it is"
