"""The master of a lab: its solved notebook, of which every cell but the answers is taken.

Which cell answers which step stands in its metadata, written by the generator: nbgrader.solution and
contain_lab.step. Points are not read from it: they are in the table of labs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contain_lab.errors import ContainLabError, NotFound
from contain_lab.grading.answers import Answer, take
from contain_lab.grading.notebook import Cell, read_cells
from contain_lab.labkit.table import Lab

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


@dataclass(frozen=True, slots=True)
class Master:
    """A lab, the cells of its notebook in order, and which of them (by id) answers which step (by name)."""

    lab: Lab
    path: Path
    document: dict[str, Any]
    cells: tuple[Cell, ...]
    slots: dict[str, str]

    @property
    def answers(self) -> dict[str, Answer]:
        """The master's own answer to each step."""
        rooms = {step.name: step.room for step in self.lab.steps}
        return {step: take(self.by_id[id].source, step, rooms[step]) for id, step in self.slots.items()}

    @property
    def by_id(self) -> dict[str, Cell]:
        """Its cells by their ids."""
        return {cell.id: cell for cell in self.cells}


def read_master(folder: Path, lab: Lab) -> Master:
    """The master of a lab, from folder/NN_concept.ipynb.

    Errors: NotFound where there is none, ContainLabError where it lacks the cell of a step.
    """
    path = folder / f"{lab.stem}.ipynb"
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"{path}: no such file, and it is what a submission is compared with",
                       "make it with contain-lab labs build, or name another folder with --master") from error
    document, cells = json.loads(raw), tuple(read_cells(raw, str(path)))
    slots = {str(cell.get("id")): step for cell in document["cells"] if (step := _step(cell))}
    if missing := sorted({step.name for step in lab.steps} - set(slots.values())):
        raise ContainLabError(f"{path}: no Build cell for {', '.join(missing)}",
                              "make it with contain-lab labs build")
    return Master(lab, path, document, cells, slots)


def _step(cell: dict[str, Any]) -> str:
    """The name of the step that a cell answers; "" for every other cell."""
    metadata = cell.get("metadata", {})
    if not metadata.get("nbgrader", {}).get("solution"):
        return ""
    return str(metadata.get("contain_lab", {}).get("step", ""))


def unsolved(source: str, step: str) -> str:
    """An answer cell of the master as the lab gives it: what is between the marks is cut."""
    lines, inside = [], False
    for line in source.split("\n"):
        if line.strip() == BEGIN:
            lines.append(line.replace(BEGIN, f'raise NotImplementedError("write {step}")'))
            inside = True
        elif line.strip() == END:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)
