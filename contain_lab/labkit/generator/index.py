"""The map of the course in labs/index.ipynb: what each lab adds, its exercises, how long, what it needs.

A markdown cell of solutions/index.py may hold the lines {labs} and {ahead}: a table of the labs that there are, and
one of those to come. Titles, minutes and needs come from the table of labs, phrases from content/map.toml, and the
exercises from the labs' own sources, where each says "*Easy, 3 minutes.*" before its cell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contain_lab.labkit.generator.source import SourceCell, read_source
from contain_lab.labkit.questions import words
from contain_lab.labkit.table import Lab

SAID = re.compile(r"\*(Easy|Moderate|Hard),\s(\d+)\sminutes|^##+\s(.+)$", re.MULTILINE)
FIXED = "\u00a0"    # a blank at which no line breaks
ALIKE = {"privileges", "image busybox"}    # every lab needs them, and the index says so


@dataclass(frozen=True, slots=True)
class Exercise:
    """name: of the step that is built, in backticks, or the heading that it stands under."""

    name: str
    level: str
    minutes: int


def fill(text: str, root: Path, labs: Sequence[Lab]) -> str:
    """A cell of the index with its tables in it; root: the folder that holds solutions/."""
    if "{labs}" in text:
        text = text.replace("{labs}", _labs(root, labs))
    return text.replace("{ahead}", _ahead({lab.number for lab in labs}))


def exercises(cells: list[SourceCell]) -> list[Exercise]:
    """What there is to do in a lab: in its prose, a level and minutes stand before the cell that they are about."""
    found: list[Exercise] = []
    open, heading = False, ""    # open: whether the last one still waits for its Build cell
    for cell in cells:
        if cell.build and open:
            found[-1] = Exercise(f"`{cell.build}`", found[-1].level, found[-1].minutes)
            open = False
        for level, minutes, title in SAID.findall(cell.text) if cell.type == "markdown" else []:
            heading = title or heading
            if level:
                found.append(Exercise(heading, level.lower(), int(minutes)))
                open = True
    return found


def _labs(root: Path, labs: Sequence[Lab]) -> str:
    lines = ["| lab | it adds | exercises | time | needs |", "|---|---|---|---|---|"]
    for lab in labs:
        link = f"[{lab.number} {lab.title}]({lab.stem}.ipynb)"
        done = "<br>".join(f"{each.name}: {each.level}, {each.minutes} min".replace(" ", FIXED)
                           for each in exercises(read_source(root / f"solutions/{lab.stem}.py")))
        needs = ", ".join(need for need in lab.needs if need not in ALIKE)
        lines.append(f"| {link} | {_phrase(lab.number, 'adds')} | {done} | {lab.minutes}{FIXED}min | {needs} |")
    return "\n".join(lines)


def _ahead(there: set[str]) -> str:
    lines = [f"| {number} {_phrase(number, 'title')} | {_phrase(number, 'adds')} |"
             for number in words.read("map") if number not in there]
    return "\n".join(["| lab | it adds |", "|---|---|", *lines])


def _phrase(number: str, key: str) -> str:
    return str(words.read("map").get(number, {}).get(key, ""))
