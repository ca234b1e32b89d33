"""A submission, rebuilt: the master's notebook with the student's answers in it, and what had to be repaired.

A cell is the answer to a step by its id (nbgrader's grade_id, which a copy keeps, counts too). Students move,
copy, split, delete and retype cells, and some tools lose the ids, so:
- copied: the last cell that defines the step counts, as when the notebook is run from the top;
- split: pieces that only together define the step are joined in their order;
- retyped (code made markdown): read as code;
- without an id: found by the step's name, among the cells that are not the master's own;
- all other cells are the master's, whatever the student's notebook says in them.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contain_lab.grading import answers
from contain_lab.grading.answers import Answer
from contain_lab.grading.master import Master, unsolved
from contain_lab.grading.notebook import Cell
from contain_lab.grading.submissions import Refused

FEW = 6    # ids that a repair names


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a notebook holds of a lab.

    answers: step -> answer; missing: step -> why there is none; repairs: a sentence each; sources: id of an
    answer cell -> the student's text.
    """

    answers: dict[str, Answer]
    missing: dict[str, str]
    repairs: tuple[str, ...]
    sources: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Version:
    """A text that may answer a step: of one cell, or of several that a split made."""

    cells: tuple[Cell, ...]
    source: str

    def __str__(self) -> str:
        return _places(self.cells)


def rebuild(master: Master, cells: Sequence[Cell], name: str) -> Rebuilt:
    """Match a student's cells with the master's. Errors: Refused where nothing is of this lab."""
    pieces = _by_slot(master, cells)
    mine = [cell for cell in cells if not _is_masters(master, cell)]
    found, missing, repairs, sources = {}, {}, [], {}
    for step in master.lab.steps:
        slot = next(id for id, built in master.slots.items() if built == step.name)
        version, said = _choose(step.name, pieces[slot], mine)
        repairs += said
        if version is None:
            missing[step.name] = _why_missing(step.name, pieces[slot])
            continue
        found[step.name] = answers.take(version.source, step.name, step.room)
        sources[slot] = version.source
    _refuse_stranger(master, cells, name, found)
    return Rebuilt(found, missing, (*repairs, *_other_repairs(master, cells)), sources)


def _by_slot(master: Master, cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """The cells that stand for each answer cell of the master, in the notebook's order.

    A cell of no id that stands right behind such a cell, and begins indented, was split off it.
    """
    pieces: dict[str, list[Cell]] = {slot: [] for slot in master.slots}
    before = ""
    for cell in cells:
        slot = next((id for id in (cell.id, cell.grade_id) if id in master.slots), "")
        if not slot and before and cell.id not in master.by_id and cell.source[:1] in (" ", "\t"):
            slot = before
        if slot:
            pieces[slot].append(cell)
        before = slot
    return pieces


def _is_masters(master: Master, cell: Cell) -> bool:
    """Whether a cell is one of the master's own, as it was given out."""
    own = master.by_id.get(cell.id)
    return own is not None and own.source.strip() == cell.source.strip()


# ---- which text answers a step

def _choose(step: str, pieces: list[Cell], mine: Sequence[Cell]) -> tuple[_Version | None, list[str]]:
    """The text that counts as the answer, and what is to be told of how it was found."""
    versions = _versions(step, pieces)
    good = [version for version in versions if answers.writes(version.source, step)]
    if not good:
        elsewhere = _versions(step, [cell for cell in mine if cell not in pieces and _defines(cell, step)])
        good = [version for version in elsewhere if answers.writes(version.source, step)]
        found = [f"{step}: found by its name in {good[-1]}, its own cell does not hold it"] if good else []
        return (good[-1] if good else None), found
    taken, said = good[-1], []
    if len(versions) > 1:
        said.append(f"{step}: {len(versions)} copies of its cell ({', '.join(map(str, versions))}); {taken} "
                    "counts, the last that defines it, as when the notebook is run from the top")
    if len(taken.cells) > 1:
        said.append(f"{step}: its cell was split into {taken}; joined")
    if retyped := [cell for cell in taken.cells if cell.type != "code"]:
        said.append(f"{step}: {_places(retyped)} had become {retyped[0].type or 'of no type'}; read as code")
    return taken, said


def _versions(step: str, cells: Sequence[Cell]) -> list[_Version]:
    """Cells, each with the pieces that were split off it: a new version begins where the step is defined."""
    groups: list[list[Cell]] = []
    defined = False
    for cell in cells:
        if not groups or (defined and _defines(cell, step)):
            groups.append([])
            defined = False
        groups[-1].append(cell)
        defined = defined or _defines(cell, step)
    return [_version(step, group) for group in groups]


def _version(step: str, group: list[Cell]) -> _Version:
    """All pieces joined where that is Python; else the piece that defines the step."""
    texts = [group[0].source, *(answers.without_cell_magic(cell.source) for cell in group[1:])]
    whole = _Version(tuple(group), "\n".join(texts))
    if answers.parse(whole.source) is not None or len(group) == 1:
        return whole
    first = next((cell for cell in group if _defines(cell, step)), group[0])
    return _Version((first,), first.source)


def _defines(cell: Cell, step: str) -> bool:
    """Whether a cell says `def STEP`, be it whole or not."""
    return any(line.split("(")[0].split() in (["def", step], ["async", "def", step])
               for line in cell.source.split("\n") if "(" in line)


def _why_missing(step: str, pieces: Sequence[Cell]) -> str:
    """One sentence for a step that is not there."""
    if not pieces:
        return f"{step} is not written: its cell is missing"
    for cell in reversed(pieces):
        if answers.parse(cell.source) is None:
            return f"{step}: {_places([cell])} is not Python: {answers.syntax_error(cell.source)}"
        if module := answers.borrows(cell.source, step):
            return f"{step} is imported from {module}, not written: importing the solution solves nothing"
    if not any(_defines(cell, step) for cell in pieces):
        return f"{step} is not written: {_places(pieces)} defines no function of this name"
    return f"{step} is not written: {_places(pieces)} is as the lab gave it"


def _places(cells: Sequence[Cell]) -> str:
    numbers = [str(cell.place) for cell in cells]
    return f"cell {numbers[0]}" if len(numbers) == 1 else f"cells {' and '.join(numbers)}"


# ---- what else was repaired

def _refuse_stranger(master: Master, cells: Sequence[Cell], name: str, found: dict[str, Answer]) -> None:
    ids = {id for cell in cells for id in (cell.id, cell.grade_id)}
    if not found and not ids & set(master.slots):
        raise Refused(f"{name}: no answer cell of lab {master.lab.number}: another notebook of this name")


def _other_repairs(master: Master, cells: Sequence[Cell]) -> list[str]:
    """Cells that were moved, deleted or changed, though they were not the student's to change."""
    own = master.by_id
    order = list(dict.fromkeys(cell.id for cell in cells if cell.id in own))
    due = [id for id in own if id in order]
    blocks = difflib.SequenceMatcher(None, due, order, autojunk=False).get_matching_blocks()
    kept = {id for block in blocks for id in due[block.a:block.a + block.size]}
    moved = [id for id in due if id not in kept]
    copied = {cell.grade_id for cell in cells} - {""}
    gone = [id for id in own if id not in order and own[id].grade_id not in copied]
    changed = dict.fromkeys(cell.id for cell in cells if cell.id in own and own[cell.id].type == "code"
                            and cell.id not in master.slots and not _is_masters(master, cell))
    told = [("moved, taken from where they stand", moved), ("deleted, put back from the master", gone),
            ("changed, the master's count", list(changed))]
    return [f"cells {what}: {_few(ids)}" for what, ids in told if ids]


def _few(ids: Sequence[str]) -> str:
    return ", ".join(ids) if len(ids) <= FEW else f"{', '.join(ids[:FEW])} and {len(ids) - FEW} more"


def document(master: Master, rebuilt: Rebuilt) -> dict[str, Any]:
    """The rebuilt notebook: the master's cells with the student's answers, or stubs, in them."""
    cells = [_filled(master, rebuilt, cell) for cell in master.document["cells"]]
    return {**master.document, "cells": cells}


def _filled(master: Master, rebuilt: Rebuilt, cell: dict[str, Any]) -> dict[str, Any]:
    """An answer cell with the student's text below the master's magic: none of it runs in the kernel."""
    step = master.slots.get(cell["id"])
    if step is None:
        return cell
    own = master.by_id[cell["id"]].source
    answer = rebuilt.sources.get(cell["id"])
    magic, _, _ = own.partition("\n")
    source = unsolved(own, step) if answer is None else f"{magic}\n{answers.without_cell_magic(answer)}"
    return {**cell, "source": source, "outputs": [], "execution_count": None}
