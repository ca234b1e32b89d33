"""Submissions as students hand them in, made from a small lab 01 in the generator's own form."""

import json
from pathlib import Path
from typing import Any

import pytest

from contain_lab.labkit.generator.build import read_answer
from contain_lab.labkit.generator.notebook import make_cell, make_notebook, step_of, text_of
from contain_lab.labkit.generator.source import SourceCell
from contain_lab.labkit.table import Lab, find_lab

Notebook = dict[str, Any]


@pytest.fixture(scope="session")
def lab() -> Lab:
    return find_lab("01")


def sources(lab: Lab) -> list[SourceCell]:
    made = [SourceCell("goal", "t:1", "markdown", "# A name of its own"),
            SourceCell("begin", "t:2", "code", f'from contain_lab.labkit import *\nbegin("{lab.number}")')]
    made += [SourceCell(f"build-{step.name}", "t:3", "code", "", build=step.name) for step in lab.steps]
    made += [SourceCell(f"check-{check.id.replace('.', '-')}", "t:4", "code", "", check=check.id)
             for check in lab.checks]
    return [*made, SourceCell("look", "t:5", "code", "import os\nos.uname().nodename"),
            SourceCell("end", "t:6", "markdown", "Well done.")]


def notebook(lab: Lab, solved: bool) -> str:
    cells = []
    for cell in sources(lab):
        answer = read_answer(cell, step_of(cell, lab)) if cell.build else None
        cells.append(make_cell(cell, lab, answer, solved))
    return text_of(make_notebook(lab.number, cells))


@pytest.fixture(scope="session")
def masters(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the solved notebook of lab 01."""
    folder = tmp_path_factory.mktemp("solutions")
    (folder / f"{lab.stem}.ipynb").write_text(notebook(lab, solved=True))
    return folder


@pytest.fixture
def solved(lab: Lab) -> Notebook:
    """A right submission; the test may change it."""
    return json.loads(notebook(lab, solved=True))


@pytest.fixture
def unsolved(lab: Lab) -> Notebook:
    """The lab as it is given out; the test may change it."""
    return json.loads(notebook(lab, solved=False))


@pytest.fixture(scope="session")
def cell_of():
    """cell_of(notebook, id): its cell of this id."""
    return lambda document, id: next(cell for cell in document["cells"] if cell["id"] == id)
