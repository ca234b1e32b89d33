"""What a lab must and must not hold; each rule raises ContainLabError that names the source and the cell."""

from __future__ import annotations

import json
from typing import Any

from contain_lab.errors import ContainLabError
from contain_lab.labkit.generator.build import Answer
from contain_lab.labkit.generator.index import Exercise
from contain_lab.labkit.generator.source import SourceCell
from contain_lab.labkit.table import Lab

LEAK = 12  # characters; a line of a solution that is no longer tells nothing
LINES = 15  # of a code cell, blank ones not counted: what a student reads at one look


def refuse_gaps(lab: Lab, cells: list[SourceCell], source: str) -> None:
    """Every step and every check of the table has exactly one cell in its lab."""
    built = [cell.build for cell in cells if cell.build], [step.name for step in lab.steps]
    checked = [cell.check for cell in cells if cell.check], [check.id for check in lab.checks]
    for kind, (there, due) in (("Build", built), ("Check", checked)):
        if wrong := sorted({name for name in (*there, *due) if there.count(name) != due.count(name)}):
            raise ContainLabError(f"{source}: not exactly one {kind} cell for {', '.join(wrong)}",
                                  "contain_lab/labkit/table.py says what a lab has")


def refuse_levels(lab: Lab, exercises: list[Exercise], source: str) -> None:
    """The prose before a Build cell says the level and the minutes that the table has for its step."""
    said = {each.name: (each.level, each.minutes) for each in exercises}
    for step in lab.steps:
        if (there := said.get(f"`{step.name}`")) != (step.level, step.minutes):
            raise ContainLabError(f"{source}: before {step.name} the prose says {there or 'no level'}, the table "
                                  f"{step.level}, {step.minutes}",
                                  f"write *{step.level.capitalize()}, {step.minutes} minutes.* before its Build cell, "
                                  "or mend contain_lab/labkit/table.py")


def refuse_leak(notebook: Any, answers: list[Answer], source: str) -> None:
    """No line of a solution is a line of the lab, nor stands within its prose, comments or metadata."""
    for cell in notebook.cells:
        lines = [" ".join(line.split()) for line in cell.source.split("\n")]
        told = lines if cell.cell_type == "markdown" else [line for line in lines if line.startswith("#")]
        inside = " ".join([json.dumps(cell.metadata, ensure_ascii=False).replace('\\"', '"'), *told])
        for answer in answers:
            for line in answer.hidden():
                if len(line) > LEAK and (line in lines or line in inside):
                    raise ContainLabError(f"{source}: cell {cell.id!r} tells a line of {answer.step.name}: "
                                          f"{line}", "say it in other words")


def refuse_long(notebook: Any, source: str) -> None:
    """A code cell of a lab is short."""
    for cell in notebook.cells:
        lines = [line for line in cell.source.split("\n") if line.strip()]
        if cell.cell_type == "code" and len(lines) > LINES:
            raise ContainLabError(f"{source}: cell {cell.id!r} has {len(lines)} lines in the lab",
                                  f"at most {LINES}: cut it in two, or say less in comments")


def refuse_untold(cells: list[SourceCell], answers: list[Answer], source: str) -> None:
    """A lab whose solution is not the package's source says so in its prose."""
    prose = " ".join(" ".join(cell.text.split()) for cell in cells if cell.type == "markdown")
    for answer in answers:
        if answer.taught and "teaching version" not in prose:
            raise ContainLabError(f"{source}: {answer.step.name} is not the package's own, no prose says so",
                                  "say 'teaching version' where the real step is shown beside it")
