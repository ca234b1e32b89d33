"""Points from the table of labs alone, and grades that table, JSON, CSV and JUnit tell alike."""

import csv
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from contain_lab.errors import ContainLabError
from contain_lab.grading import report, scores, submissions
from contain_lab.grading.scores import CheckScore, LabScore, StudentScore


def judge(id: str, folder: Path, seed: str) -> SimpleNamespace:
    """Passes a check when the file it is given says so: these tests are about what comes before and after."""
    text = "".join(path.read_text() for path in folder.glob("*.py"))
    return verdict(f"right: {id}" in text, f"nothing\nof {id}")


def verdict(passed: bool, saw: str = "") -> SimpleNamespace:
    return SimpleNamespace(passed=passed, message="", parts=lambda: {"saw": saw, "expected": "more"}, text="")


@pytest.fixture
def grade(tmp_path, lab, masters, tmp_path_factory):
    """grade({student: notebook or text}): their scores, by name."""
    place = tmp_path_factory.mktemp("desk")

    def graded(handed_in: dict) -> dict[str, StudentScore]:
        for name, document in handed_in.items():
            (tmp_path / name).mkdir()
            text = document if isinstance(document, str) else json.dumps(document)
            (tmp_path / name / "01_uts.ipynb").write_text(text)
        students, _ = submissions.find(tmp_path, [lab])
        return {score.name: score for score in scores.grade(students, [lab], masters, judge, place)}
    return graded


def answer(document: dict, cell_of, step: str, check: str) -> None:
    cell_of(document, f"build-{step}")["source"] = f"%%build namespaces\ndef {step}(*args):\n    'right: {check}'"


def test_each_check_gives_its_points_and_a_rubbish_file_costs_its_own_student_alone(grade, unsolved, cell_of):
    answer(unsolved, cell_of, "set_hostname", "uts.hostname")
    answer(unsolved, cell_of, "unshare_uts", "nothing")
    found = grade({"ada": unsolved, "bob": "\0rubbish"})
    assert [(each.id, each.points, each.max) for each in found["ada"].labs[0].checks][:2] == [
        ("uts.hostname", 2, 2), ("uts.unshare", 0, 2)]
    assert found["ada"].labs[0].checks[1].why == "nothing of uts.unshare; expected: more"
    assert (found["bob"].points, found["bob"].max) == (0, found["ada"].max)
    assert found["bob"].labs[0].problem.startswith("01_uts.ipynb: damaged: ")


def test_what_the_notebook_says_of_points_and_outputs_is_not_looked_at(grade, unsolved, solved, cell_of):
    for cell in unsolved["cells"]:
        theirs = cell_of(solved, cell["id"])
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = 1, theirs["outputs"]
        if cell["id"].startswith("check-"):
            cell["source"] = "print('all checks passed: full points')"
            cell["metadata"]["nbgrader"]["points"] = 1000
    assert grade({"eve": unsolved})["eve"].points == 0


def test_a_check_gets_only_its_own_step(grade, unsolved, cell_of):
    answer(unsolved, cell_of, "set_hostname", "uts.unshare")
    answer(unsolved, cell_of, "unshare_uts", "uts.hostname")
    assert grade({"ada": unsolved})["ada"].points == 0


def test_a_fault_of_the_machine_ends_the_grading(grade, solved, monkeypatch):
    def broken(id, folder, seed):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(f"{__name__}.judge", broken)
    with pytest.raises(OSError, match="No space left"):
        grade({"ada": solved})


def test_a_step_that_breaks_the_judge_costs_its_own_points(grade, unsolved, cell_of, monkeypatch):
    def breakable(id, folder, seed):
        text = (folder / "namespaces.py").read_text()
        if "break" in text:
            raise ContainLabError("sandbox: went away")
        return verdict("syscalls." in text)
    monkeypatch.setattr(f"{__name__}.judge", breakable)
    cell_of(unsolved, "build-set_hostname")["source"] = "def set_hostname(name):\n    'break'"
    cell_of(unsolved, "build-unshare_uts")["source"] = "def unshare_uts():\n    syscalls.unshare(1)"
    checks = grade({"ada": unsolved, "bob": unsolved})["bob"].labs[0].checks
    assert checks[0].why == "the check could not be finished with it: sandbox: went away"
    assert [check.passed for check in checks[:2]] == [False, True]


def test_a_check_that_fails_without_a_word_has_failed(grade, solved, monkeypatch):
    monkeypatch.setattr(f"{__name__}.judge", lambda *args: verdict(False))
    assert grade({"ada": solved})["ada"].points == 0


def test_a_verdict_that_comes_at_the_second_try_counts(grade, unsolved, cell_of, monkeypatch):
    tried = []

    def hiccups(id, folder, seed):
        tried.append(seed)
        if len(tried) == 1:
            raise OSError(11, "Resource temporarily unavailable")
        return verdict(True)
    monkeypatch.setattr(f"{__name__}.judge", hiccups)
    answer(unsolved, cell_of, "set_hostname", "x")
    assert grade({"ada": unsolved})["ada"].points == 2
    assert tried == ["ada uts.hostname"] * 2


# ---- the forms

NAMES = [
    "ada", "=1+1", "+4", "-2", "@SUM(A1)", "\t=1", " =1", "＝1", "\tada",
    'b"o,b', "c\nd", "\udcff", "\x1b[31mred", "Zoë"]


@pytest.fixture
def found(lab) -> list[StudentScore]:
    def scored(name: str, passed: bool) -> StudentScore:
        checks = [CheckScore(check.id, check.points, passed and check.id == "uts.join", "no \x1b[2J way")
                  for check in lab.checks]
        return StudentScore(name, [LabScore(lab, "01_uts.ipynb", "", ["cells moved: x"], checks)])
    return [scored(name, name == "ada") for name in NAMES]


def test_json_leads_from_a_name_to_the_points(found, lab):
    said = json.loads(json.dumps(report.as_json(found)))["students"]
    assert list(said) == NAMES
    assert next(iter(said["ada"].items())) == ("points", 3)
    assert said["ada"]["labs"]["01"]["checks"]["uts.join"] == {"points": 3, "max": 3, "passed": True,
                                                               "why": "no \x1b[2J way"}
    assert said["ada"]["max"] == lab.points


def test_table_and_json_agree(found):
    for line, score in zip(report.as_table(found).splitlines()[1:], found, strict=True):
        assert re.search(r"(\d+) of (\d+)", line).groups() == (str(score.points), str(score.max))


def test_nothing_in_the_table_is_obeyed_by_a_terminal(found):
    text = report.as_table(found, verbose=True)
    assert all(line.isprintable() for line in text.splitlines())
    assert "uts.hostname: no �[2J way" in text
    assert "cells moved: x" in text


def test_several_labs_get_a_line_of_their_sum(lab, found):
    found[0].labs.append(found[1].labs[0])
    assert f"all  3 of {2 * lab.points}" in report.as_table(found[:1])


def test_the_csv_is_quoted_and_holds_no_formula(found, lab):
    rows = list(csv.reader(io.StringIO(report.as_csv(found))))
    assert rows[0] == ["student", "points", "max", "lab 01", *(check.id for check in lab.checks)]
    assert rows[1][:4] == ["ada", "3", str(lab.points), "3"]
    assert [row[0] for row in rows[2:10]] == ["'=1+1", "'+4", "'-2", "'@SUM(A1)", "'\t=1", "' =1", "'＝1", "'\tada"]
    assert [row[0] for row in rows[10:]] == ['b"o,b', "c\nd", "?", "\x1b[31mred", "Zoë"]
    assert all(cell.startswith('"') for cell in report.as_csv(found).splitlines()[1].split(","))


def test_junit_has_a_case_for_each_check(found, lab):
    suites = ElementTree.fromstring(report.as_junit(found))
    assert suites[0].attrib == {"name": "ada", "tests": str(len(lab.checks)), "failures": str(len(lab.checks) - 1)}
    case = suites.find("testsuite/testcase[@name='uts.join']")
    assert {each.get("name"): each.get("value") for each in case.iter("property")} == {"points": "3", "max": "3"}
    assert case.find("failure") is None
