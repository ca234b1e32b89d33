"""Read the one source of a lab: a file in jupytext's percent form, every cell with an id of its own.

    # %% [markdown] id="why-a-name" kind="Explain"
    # %% id="build-set_hostname" build="set_hostname"      body: hints for the stub, as comments
    # %% id="check-uts-hostname" check="uts.hostname"      no body
    # %% id="rename-without" kind="Break it" tags=["raises-exception"]

jupytext makes random ids at each reading, so ids are written by hand, and a cell without one is refused:
translations and grades are keyed on them. An indented "# %%" begins a cell too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contain_lab.errors import ContainLabError

KINDS = ("Recall", "Predict", "Run", "Explain", "Order", "Build", "Check", "Break it", "Measure",
         "In the wild", "Clean up")
_HEADER = re.compile(r"^\s*# ?%%")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")    # nbformat's cell ids and nbgrader's grade ids
_KEYS = {"id", "kind", "build", "check", "tags"}
_WAY_OUT = 'a cell begins with: # %% [markdown] id="why-a-name"'


@dataclass(frozen=True, slots=True)
class SourceCell:
    """One cell as written: type is "code" or "markdown"; build: name of a step; check: id of a check."""

    id: str
    place: str
    type: str
    text: str
    kind: str = ""
    build: str = ""
    check: str = ""
    tags: tuple[str, ...] = ()

    def refused(self, reason: str, hint: str = "") -> ContainLabError:
        """The error that names file and line of this cell."""
        return ContainLabError(f"{self.place}: cell {self.id!r}: {reason}", hint)


def read_source(path: Path) -> list[SourceCell]:
    """The cells of a source file. Errors: ContainLabError with file and line for what is not in form."""
    import jupytext  # 0.2 s: only who builds pays for it

    text = path.read_text(encoding="utf-8")
    lines = [number for number, line in enumerate(text.split("\n"), 1) if _HEADER.match(line)]
    name = f"{path.parent.name}/{path.name}"
    cells = jupytext.reads(text, fmt="py:percent").cells
    if not lines or len(cells) != len(lines):
        raise ContainLabError(f"{name}: {len(lines)} lines begin a cell, {len(cells)} cells are read",
                              _WAY_OUT)
    found = [_cell(cell, f"{name}:{line}") for cell, line in zip(cells, lines, strict=True)]
    _refuse_twins(found)
    return found


def _cell(cell: Any, place: str) -> SourceCell:
    said = {key: value for key, value in cell.metadata.items() if key != "lines_to_next_cell"}
    if not _ID.fullmatch(str(said.get("id", ""))):
        raise ContainLabError(f"{place}: a cell without an id of letters, digits, - and _", _WAY_OUT)
    read = SourceCell(said["id"], place, cell.cell_type, cell.source, said.get("kind", ""),
                      said.get("build", ""), said.get("check", ""), tuple(said.get("tags", ())))
    if unknown := sorted(set(said) - _KEYS):
        raise read.refused(f"unknown metadata {', '.join(unknown)}", f"known are {', '.join(sorted(_KEYS))}")
    if read.type not in ("code", "markdown"):
        raise read.refused(f"a cell of type {read.type}", "cells are code or [markdown]")
    if read.kind and read.kind not in KINDS:
        raise read.refused(f"unknown kind {read.kind!r}", f"kinds are {', '.join(KINDS)}")
    if (read.build or read.check) and (read.type != "code" or read.kind or (read.build and read.check)):
        raise read.refused("a Build or Check cell is code, one of the two, and names no other kind")
    return read


def _refuse_twins(cells: list[SourceCell]) -> None:
    seen: dict[str, str] = {}
    for cell in cells:
        if cell.id in seen:
            raise cell.refused(f"the id stands at {seen[cell.id]} too")
        seen[cell.id] = cell.place
