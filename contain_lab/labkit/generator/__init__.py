"""From the one source of a lab, solutions/NN_concept.py, to its two notebooks.

    build(root, labs)    labs/ (unsolved, no outputs) and solutions/ (solved, executed); writes what changed
    stale(root, labs)    what is not as its source would make it; nothing is executed

labs/index.ipynb comes from solutions/index.py and is executed nowhere. Invariants: lab and solution have the
same cells with the same ids; a Build cell's solution is the package's own source, unless the cell holds a
teaching version; no line of a solution stands in a lab; a build that is run twice writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from contain_lab import files
from contain_lab.errors import NotFound
from contain_lab.labkit.generator.build import read_answer
from contain_lab.labkit.generator.index import exercises, fill
from contain_lab.labkit.generator.notebook import make_cell, make_notebook, read_notebook, step_of, text_of
from contain_lab.labkit.generator.outputs import execute, keep_outputs, take_outputs
from contain_lab.labkit.generator.rules import refuse_gaps, refuse_leak, refuse_levels, refuse_long, refuse_untold
from contain_lab.labkit.generator.source import read_source
from contain_lab.labkit.table import LABS, Lab


def build(root: Path, labs: Sequence[Lab]) -> Iterator[str]:
    """Write the notebooks of these labs, and the index; yields one line for each file.

    root: the folder that holds labs/ and solutions/. Errors: ContainLabError that names file, line and cell.
    """
    for lab in labs:
        unsolved, solved = notebooks(root, lab)
        yield _write(root / "labs" / f"{lab.stem}.ipynb", text_of(unsolved))
        path = root / "solutions" / f"{lab.stem}.ipynb"
        execute(solved, _name(path))
        new = keep_outputs(solved, read_notebook(path))
        yield _write(path, text_of(solved)) + (f" (new outputs: {', '.join(new)})" if new else "")
    if (root / "solutions/index.py").exists():
        yield _write(root / "labs/index.ipynb", text_of(index(root, labs)))


def stale(root: Path, labs: Sequence[Lab]) -> list[str]:
    """Generated files that are missing, edited, out of date or without a source."""
    due: dict[Path, Any] = {}
    for lab in labs:
        unsolved, solved = notebooks(root, lab)
        path = root / "solutions" / f"{lab.stem}.ipynb"
        take_outputs(solved, read_notebook(path))
        due |= {root / "labs" / path.name: unsolved, path: solved}
    if (root / "solutions/index.py").exists():
        due[root / "labs/index.ipynb"] = index(root, labs)
    found = [_name(path) for path, notebook in due.items() if not _holds(path, text_of(notebook))]
    return found + list(_without_source(root, {lab.stem for lab in (*LABS, *labs)}))


def notebooks(root: Path, lab: Lab) -> tuple[Any, Any]:
    """The unsolved and the solved notebook of a lab, neither executed."""
    source = root / "solutions" / f"{lab.stem}.py"
    if not source.exists():
        raise NotFound(f"{_name(source)}: not found", "the table of labs names this lab: write its source")
    cells = read_source(source)
    answers = {cell.id: read_answer(cell, step_of(cell, lab)) for cell in cells if cell.build}
    refuse_gaps(lab, cells, _name(source))
    refuse_untold(cells, list(answers.values()), _name(source))
    unsolved, solved = (make_notebook(lab.number, [make_cell(cell, lab, answers.get(cell.id), answered)
                                                   for cell in cells]) for answered in (False, True))
    refuse_levels(lab, exercises(cells), _name(source))
    refuse_leak(unsolved, list(answers.values()), _name(source))
    refuse_long(unsolved, _name(source))
    return unsolved, solved


def index(root: Path, labs: Sequence[Lab]) -> Any:
    """The notebook that leads to all labs: plain cells only, with the map of these labs in it."""
    every = [*labs, *(lab for lab in LABS if lab not in labs and (root / f"solutions/{lab.stem}.py").exists())]
    every.sort(key=lambda lab: lab.number)
    cells = [replace(cell, text=fill(cell.text, root, every)) for cell in read_source(root / "solutions/index.py")]
    for cell in cells:
        if cell.build or cell.check:
            raise cell.refused("the index has no Build and no Check cells")
    return make_notebook("index", [make_cell(cell, None, None, solved=False) for cell in cells])


def _without_source(root: Path, made: set[str]) -> Iterator[str]:
    """Notebooks named like a lab that no lab makes."""
    for folder in ("labs", "solutions"):
        for path in sorted((root / folder).glob("[0-9][0-9]_*.ipynb")):
            if path.stem not in made:
                yield _name(path)


def _write(path: Path, text: str) -> str:
    if _holds(path, text):
        return f"{_name(path)}: unchanged"
    path.parent.mkdir(exist_ok=True)
    files.write(str(path), text, mode=0o644)
    return f"{_name(path)}: written"


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
