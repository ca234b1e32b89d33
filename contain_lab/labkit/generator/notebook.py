"""Notebooks as nbformat has them: cells with their metadata, and a notebook as the text of its file.

Graded cells have nbgrader's metadata, schema 3: a Build cell is a solution, a Check cell is a grade, locked.
What is ours stands in metadata.contain_lab: kind, step and room, or check.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from contain_lab.labkit.generator.build import Answer
from contain_lab.labkit.generator.source import SourceCell
from contain_lab.labkit.table import Lab, Step

# jsonschema, which nbformat imports, builds the grammars of rfc3987_syntax at import: two seconds, for URIs
# that no notebook holds. Without that module it does not.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
nbformat: Any = importlib.import_module("nbformat")  # its functions have no types

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_TABLE = "contain_lab/labkit/table.py says which"


def step_of(cell: SourceCell, lab: Lab) -> Step:
    """The step that a Build cell builds. Errors: ContainLabError when its lab has none of that name."""
    for step in lab.steps:
        if step.name == cell.build:
            return step
    raise cell.refused(f"lab {lab.stem} has no step {cell.build!r}", _TABLE)


def points_of(cell: SourceCell, lab: Lab) -> int:
    """What a Check cell is worth. Errors: ContainLabError for an unknown check, or text of the cell's own."""
    if cell.text.strip() not in ("", f'check("{cell.check}")'):
        raise cell.refused("a Check cell has no text of its own")
    for check in lab.checks:
        if check.id == cell.check:
            return check.points
    raise cell.refused(f"lab {lab.stem} has no check {cell.check!r}", _TABLE)


def make_notebook(name: str, cells: list[Any]) -> Any:
    """A notebook, format 4.5, with our kernel; name: the lab's number. Errors: nbformat's ValidationError."""
    metadata = {"contain_lab": {"lab": name}, "kernelspec": KERNEL, "language_info": {"name": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return notebook


def make_cell(cell: SourceCell, lab: Lab | None, answer: Answer | None, solved: bool) -> Any:
    """The cell of a lab (solved=False) or a solution; lab is None for the index."""
    source = cell.text
    if answer:
        source = answer.solution() if solved else answer.stub()
    elif cell.check:
        source = f'check("{cell.check}")'
    make = nbformat.v4.new_markdown_cell if cell.type == "markdown" else nbformat.v4.new_code_cell
    return make(source, id=cell.id, metadata=_metadata(cell, lab))


def _metadata(cell: SourceCell, lab: Lab | None) -> dict[str, Any]:
    ours: dict[str, Any] = {"kind": cell.kind} if cell.kind else {}
    made: dict[str, Any] = {"tags": list(cell.tags)} if cell.tags else {}
    grader = {"grade_id": cell.id, "schema_version": 3, "task": False}
    if cell.build and lab:
        step = step_of(cell, lab)
        ours = {"kind": "Build", "step": step.name, "room": step.room}
        made["nbgrader"] = {**grader, "grade": False, "locked": False, "solution": True}
    elif cell.check and lab:
        ours = {"kind": "Check", "check": cell.check}
        made |= {"deletable": False, "editable": False}
        made["nbgrader"] = {**grader, "grade": True, "locked": True, "solution": False,
                            "points": points_of(cell, lab)}
    return {**made, "contain_lab": ours} if ours else made


def text_of(notebook: Any) -> str:
    """The notebook as its file holds it: keys sorted, one newline at the end."""
    return str(nbformat.writes(notebook, version=nbformat.NO_CONVERT)).rstrip("\n") + "\n"


def read_notebook(path: Path) -> Any:
    """A notebook as it stands; None when the file is missing or holds no notebook."""
    try:
        return nbformat.read(path, as_version=4)
    except (FileNotFoundError, nbformat.reader.NotJSONError, nbformat.ValidationError):
        return None
