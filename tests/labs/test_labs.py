"""The labs as they are committed: made from their sources, told whole, and what they show is still true.

Notebooks run in a copy of their folder, so that my_runtime is made from nothing.
"""

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from contain_lab.labkit import generator
from contain_lab.labkit.questions import words
from contain_lab.labkit.generator.source import read_source
from contain_lab.labkit.table import LABS, Lab

ROOT = Path(__file__).resolve().parents[2]
LEVEL = re.compile(r"(?:^|\W)(?:easy|moderate|hard),? \d+ minutes", re.IGNORECASE)
each_lab = pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.number)
with_steps = pytest.mark.parametrize("lab", [lab for lab in LABS if lab.steps], ids=lambda lab: lab.number)


def source(lab: Lab):
    return read_source(ROOT / f"solutions/{lab.stem}.py")


def prose(lab: Lab) -> str:
    return "\n".join(cell.text for cell in source(lab) if cell.type == "markdown")


def run(path: Path, folder: Path) -> dict[str, str]:
    """A notebook under nbval, alone in a folder: {cell: "passed" or what it failed with}."""
    shutil.copy(path, folder)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), f"--rootdir={folder}", "--nbval", "-q",
         "-p", "no:cacheprovider", "--junitxml=cells.xml", path.name],
        cwd=folder, capture_output=True, text=True, timeout=120)
    assert (folder / "cells.xml").exists(), done.stdout + done.stderr
    cases = ET.parse(folder / "cells.xml").iter("testcase")
    return {case.attrib["name"]: next((each.attrib.get("message", each.tag) for each in case
                                       if each.tag in ("failure", "error", "skipped")), "passed") for case in cases}


# ---- as files

def test_every_notebook_is_as_its_source_makes_it():
    assert generator.stale(ROOT, LABS) == []


@each_lab
def test_every_prediction_is_asked_once_and_revealed_after_a_run(lab: Lab):
    code = [cell for cell in source(lab) if cell.type == "code"]
    asked, revealed = (re.findall(rf'^{word}\("([\w-]+)"\)$', "\n".join(cell.text for cell in code), re.MULTILINE)
                       for word in ("predict", "reveal"))
    assert asked == revealed == list(words.read(lab.number).get("predict", {}))
    kinds = [cell.kind for cell in code if cell.kind in ("Predict", "Run", "Break it", "Measure", "Explain")]
    for at, kind in enumerate(kinds):
        assert kind != "Predict" or kinds[at + 1] in ("Run", "Break it", "Measure")


@each_lab
def test_every_puzzle_is_in_its_lab(lab: Lab):
    asked = re.findall(r'^order\("([\w-]+)"\)', "\n".join(cell.text for cell in source(lab)), re.MULTILINE)
    assert asked == list(words.read(lab.number).get("order", {}))


@each_lab
def test_each_exercise_says_how_hard_it_is_and_how_long_it_takes(lab: Lab):
    exercises = [cell for cell in source(lab) if cell.build or cell.kind == "Order"]
    assert len(LEVEL.findall(prose(lab))) >= len(exercises)
    assert f"*{lab.minutes} minutes." in prose(lab)


@each_lab
def test_what_a_cell_may_show_otherwise_is_tagged_and_nothing_else_is(lab: Lab):
    """An ignored output proves nothing, so it is for cells that tell of the machine or of the student's progress."""
    about = re.compile(r'^(begin\(|strace_runtime\(|timeline\(|mount_tree\(box|# !|!contain-lab (intruder$|doctor|export))', re.MULTILINE)
    ignored = [cell for cell in source(lab) if "nbval-ignore-output" in cell.tags]
    assert all(about.search(cell.text) for cell in ignored)
    assert len(ignored) <= 4


def test_the_index_links_to_every_lab_that_there_is_with_its_minutes():
    index = "\n".join(cell.source for cell in generator.index(ROOT, LABS).cells)
    rows = re.findall(r"\[(\d\d) ([^\]]+)\]\((\w+)\.ipynb\) \|.*?\| (\d+)\smin \|", index)
    assert rows == [(lab.number, lab.title, lab.stem, str(lab.minutes)) for lab in LABS]
    assert set(re.findall(r"\((\w+)\.ipynb\)", index)) == {lab.stem for lab in LABS}
    assert all(f"`{step.name}`: {step.level}, {step.minutes} min<br>".replace(" ", "\u00a0") in index for lab in LABS for step in lab.steps)
    numbers = [f"{at:02}" for at in range(20)]
    assert all(re.search(rf"^\| \[?{number} ", index, re.MULTILINE) for number in numbers)


# ---- executed

@each_lab
@pytest.mark.needs("root", "image busybox", "uts namespace")
def test_a_solution_shows_what_it_is_said_to_show(lab: Lab, tmp_path: Path):
    came = run(ROOT / f"solutions/{lab.stem}.ipynb", tmp_path)
    assert {name: what for name, what in came.items() if what != "passed"} == {}


@with_steps
@pytest.mark.needs("root", "image busybox", "uts namespace")
def test_unsolved_only_the_checks_fail(lab: Lab, tmp_path: Path):
    path = ROOT / f"labs/{lab.stem}.ipynb"
    checks = {cell["id"] for cell in json.loads(path.read_text())["cells"]
              if cell["metadata"].get("nbgrader", {}).get("grade")}
    failed = {name for name, what in run(path, tmp_path).items() if what != "passed"}
    assert {name.split()[0].rstrip(":") for name in failed} == checks
