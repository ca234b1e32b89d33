"""A student's notebook as plain cells, read from bytes that nobody vouches for.

Of a notebook only the cells' ids, types and sources are taken; outputs, execution counts and points are never
looked at. Format: nbformat 4 (https://nbformat.readthedocs.io); cells have ids since 4.5, and nbgrader's
grade_id, which a copy keeps, in their metadata.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from contain_lab.grading.submissions import Refused

LONGEST_CELL = 100_000    # characters


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; place: its number from the top, from 1; type: "code", "markdown" or "raw"."""

    place: int
    id: str
    grade_id: str
    type: str
    source: str


def read_cells(raw: bytes, name: str) -> list[Cell]:
    """The cells of a notebook. Errors: Refused, with a sentence that begins with `name`."""
    document = _document(raw, name)
    if document.get("nbformat") != 4:
        raise Refused(f"{name}: not a notebook of format 4", "open it in JupyterLab and save it anew")
    cells = document.get("cells")
    if not isinstance(cells, list) or not cells:
        raise Refused(f"{name}: a notebook without cells")
    return [_cell(place, cell) for place, cell in enumerate(cells, 1) if isinstance(cell, dict)]


def _document(raw: bytes, name: str) -> dict[str, Any]:
    if not raw.strip():
        raise Refused(f"{name}: an empty file")
    try:
        document = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Refused(f"{name}: not a notebook: not text in UTF-8") from error
    except json.JSONDecodeError as error:
        reason = f"{error.msg[:1].lower()}{error.msg[1:]} (line {error.lineno}, column {error.colno})"
        raise Refused(f"{name}: damaged: {reason}", "open it in JupyterLab and save it anew") from error
    except (ValueError, RecursionError) as error:    # a number of 10,000 digits, lists 10,000 deep
        raise Refused(f"{name}: not a notebook: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise Refused(f"{name}: not a notebook: JSON of another kind")
    return document


def _cell(place: int, cell: dict[str, Any]) -> Cell:
    metadata = cell.get("metadata")
    grader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = grader.get("grade_id") if isinstance(grader, dict) else None
    source = _source(cell.get("source"))
    if len(source) > LONGEST_CELL:
        source = f"# {len(source)} characters: too long for an answer"
    return Cell(place, _text(cell.get("id")), _text(grade_id), _text(cell.get("cell_type")), source)


def _source(value: object) -> str:
    """nbformat keeps a text as itself or as a list of its lines."""
    return "".join(_text(line) for line in value) if isinstance(value, list) else _text(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
