"""Where a student stands: which steps are theirs, which checks have passed; from the folder my_runtime."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from contain_lab import files

FOLDER = "my_runtime"


def here() -> str:
    """The student's folder beside us, or in labs/, where we are beside that and have none."""
    below = f"labs/{FOLDER}"
    return below if not Path(FOLDER).is_dir() and Path(below).is_dir() else FOLDER


@dataclass(frozen=True, slots=True)
class Standing:
    """steps: names of the student's functions; passed: ids of checks."""

    steps: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()


def read(folder: str = FOLDER) -> Standing:
    """Look into a student's folder; a file that is no Python counts for nothing."""
    steps: set[str] = set()
    for path in sorted(Path(folder).glob("*.py")):
        steps |= _functions(path)
    progress = Path(folder, "progress.json")
    return Standing(frozenset(steps), frozenset(files.read_json(str(progress)) if progress.exists() else ()))


def _functions(path: Path) -> set[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return set()
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not is_stub(node)}


def is_stub(function: ast.FunctionDef) -> bool:
    """Whether it ends in `raise NotImplementedError(...)`, as a Build cell does before it is written."""
    last = function.body[-1]
    raised = last.exc if isinstance(last, ast.Raise) else None
    name = raised.func if isinstance(raised, ast.Call) else raised
    return isinstance(name, ast.Name) and name.id == "NotImplementedError"
