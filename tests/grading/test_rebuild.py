"""Cells moved, copied, split, deleted, retyped or without ids: the answers are found, and it is told."""

import copy
import json

import pytest

from contain_lab.grading import master as masters_of
from contain_lab.grading import rebuild as rebuilding
from contain_lab.grading.notebook import read_cells
from contain_lab.grading.submissions import Refused

RIGHT = ["join_namespace", "set_hostname", "unshare_uts"]


@pytest.fixture
def rebuilt(masters, lab):
    """rebuilt(notebook): what is made of it."""
    master = masters_of.read_master(masters, lab)
    return lambda document: rebuilding.rebuild(master, read_cells(json.dumps(document).encode(), "x"), "x")


def test_a_right_notebook_needs_no_repair(rebuilt, solved):
    found = rebuilt(solved)
    assert sorted(found.answers) == RIGHT
    assert (found.missing, found.repairs) == ({}, ())


def test_the_lab_as_given_out_has_no_answers_and_needs_no_repair(rebuilt, unsolved):
    found = rebuilt(unsolved)
    assert (found.answers, found.repairs) == ({}, ())
    assert found.missing["set_hostname"] == "set_hostname is not written: cell 3 is as the lab gave it"


def test_a_deleted_answer_is_missing_and_a_deleted_check_is_put_back(rebuilt, solved):
    deleted = ("build-set_hostname", "check-uts-join")
    solved["cells"] = [cell for cell in solved["cells"] if cell["id"] not in deleted]
    found = rebuilt(solved)
    assert found.missing == {"set_hostname": "set_hostname is not written: its cell is missing"}
    assert found.repairs == ("cells deleted, put back from the master: build-set_hostname, check-uts-join",)


def test_a_moved_cell_is_taken_from_where_it_stands(rebuilt, solved, cell_of):
    moved = cell_of(solved, "build-unshare_uts")
    solved["cells"].remove(moved)
    solved["cells"].insert(0, moved)
    found = rebuilt(solved)
    assert sorted(found.answers) == RIGHT
    assert found.repairs == ("cells moved, taken from where they stand: build-unshare_uts",)


@pytest.mark.parametrize("same_id", [True, False])
def test_of_copies_the_last_that_defines_the_step_counts(rebuilt, solved, unsolved, cell_of, same_id: bool):
    first, stub = cell_of(solved, "build-set_hostname"), cell_of(unsolved, "build-set_hostname")
    last = {**copy.deepcopy(first), "source": "%%build namespaces\ndef set_hostname(name):\n    return 'last'"}
    if not same_id:
        last["id"], stub["id"] = "copied", "again"
    solved["cells"] += [last, stub]
    end = len(solved["cells"])
    found = rebuilt(solved)
    assert "'last'" in found.answers["set_hostname"].text
    assert found.repairs == (
        f"set_hostname: 3 copies of its cell (cell 3, cell {end - 1}, cell {end}); cell {end - 1} counts, the last "
        "that defines it, as when the notebook is run from the top",)


@pytest.mark.parametrize("tool", ["JupyterLab", "an editor that gives the second part no metadata"])
def test_a_split_cell_is_joined(rebuilt, solved, cell_of, tool: str):
    whole = cell_of(solved, "build-join_namespace")
    lines = "".join(whole["source"]).splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if "BEGIN SOLUTION" in line) + 2
    second = {**copy.deepcopy(whole), "source": lines[at:], "id": "split-off"}
    whole["source"] = lines[:at]
    if tool != "JupyterLab":
        second["metadata"] = {}
    solved["cells"].insert(solved["cells"].index(whole) + 1, second)
    found = rebuilt(solved)
    assert "setns" in found.answers["join_namespace"].text
    assert found.repairs == ("join_namespace: its cell was split into cells 5 and 6; joined",)


def test_a_split_between_imports_and_function_is_joined(rebuilt, solved, cell_of):
    whole = cell_of(solved, "build-set_hostname")
    lines = "".join(whole["source"]).splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("def "))
    whole["source"] = lines[:at]
    second = {**copy.deepcopy(whole), "source": ["%%build namespaces\n", *lines[at:]], "id": "b"}
    solved["cells"].insert(3, second)
    text = rebuilt(solved).answers["set_hostname"].text
    assert text.index("import") < text.index("def set_hostname")


@pytest.mark.parametrize("type", ["markdown", "raw"])
def test_a_retyped_cell_is_read_as_code(rebuilt, solved, cell_of, type: str):
    cell = cell_of(solved, "build-set_hostname")
    cell["cell_type"] = type
    del cell["outputs"], cell["execution_count"]
    found = rebuilt(solved)
    assert sorted(found.answers) == RIGHT
    assert found.repairs == (f"set_hostname: cell 3 had become {type}; read as code",)


def test_a_cell_without_its_id_is_found_by_the_name_of_the_step(rebuilt, solved, cell_of):
    cell = cell_of(solved, "build-set_hostname")
    cell["id"], cell["metadata"] = "8f3a", {}
    found = rebuilt(solved)
    assert sorted(found.answers) == RIGHT
    assert "set_hostname: found by its name in cell 3, its own cell does not hold it" in found.repairs


def test_a_pasted_cell_keeps_its_grade_id_and_is_not_deleted(rebuilt, solved, cell_of):
    cell_of(solved, "build-set_hostname")["id"] = "8f3a"
    found = rebuilt(solved)
    assert sorted(found.answers) == RIGHT
    assert found.repairs == ()


def test_a_notebook_without_any_ids_is_graded(rebuilt, solved):
    for cell in solved["cells"]:
        del cell["id"]
        cell["metadata"] = {}
    assert sorted(rebuilt(solved).answers) == RIGHT


def test_an_answer_in_the_wrong_cell_is_found(rebuilt, unsolved, solved, cell_of):
    cell_of(unsolved, "look")["source"] = cell_of(solved, "build-unshare_uts")["source"]
    assert sorted(rebuilt(unsolved).answers) == ["unshare_uts"]


def test_a_definition_in_a_cell_of_the_lab_itself_is_no_answer(masters, lab, unsolved, cell_of, tmp_path):
    shown = "def set_hostname(name):\n    return 'as shown'"
    document = json.loads((masters / "01_uts.ipynb").read_text())
    cell_of(document, "look")["source"] = cell_of(unsolved, "look")["source"] = shown
    (tmp_path / "01_uts.ipynb").write_text(json.dumps(document))
    master = masters_of.read_master(tmp_path, lab)
    found = rebuilding.rebuild(master, read_cells(json.dumps(unsolved).encode(), "x"), "x")
    assert "set_hostname" not in found.answers


def test_syntax_errors_and_borrowed_steps_are_told(rebuilt, solved, cell_of):
    cell_of(solved, "build-set_hostname")["source"] = "%%build namespaces\ndef set_hostname(name:\n    pass"
    cell_of(solved, "build-unshare_uts")["source"] = "from contain_lab.namespaces.uts import unshare_uts"
    cell_of(solved, "build-join_namespace")["source"] = "x = 1"
    missing = rebuilt(solved).missing
    assert missing["set_hostname"].startswith("set_hostname: cell 3 is not Python: line 2: ")
    assert missing["unshare_uts"] == (
        "unshare_uts is imported from contain_lab.namespaces.uts, not written: importing the solution solves nothing")
    assert missing["join_namespace"] == ("join_namespace is not written: cell 5 defines no function of this name")


def test_a_changed_check_is_told(rebuilt, solved, cell_of):
    cell_of(solved, "check-uts-join")["source"] = "print('all checks passed: full points')"
    assert rebuilt(solved).repairs == ("cells changed, the master's count: check-uts-join",)


def test_a_notebook_of_another_lab_is_refused(rebuilt, solved):
    solved["cells"] = [{**cell, "id": f"x{number}", "metadata": {}, "source": "1"}
                       for number, cell in enumerate(solved["cells"])]
    with pytest.raises(Refused, match=r"^x: no answer cell of lab 01: another notebook of this name$"):
        rebuilt(solved)


def test_the_rebuilt_notebook_is_the_masters_with_the_answers_below_the_magic(masters, lab, solved, cell_of):
    master = masters_of.read_master(masters, lab)
    cell_of(solved, "build-set_hostname")["source"] = "def set_hostname(name):\n    return 'mine'"
    cell_of(solved, "check-uts-join")["source"] = "print('forged')"
    solved["cells"] = [cell for cell in solved["cells"] if cell["id"] != "build-unshare_uts"]
    found = rebuilding.rebuild(master, read_cells(json.dumps(solved).encode(), "x"), "x")
    made = rebuilding.document(master, found)
    assert [cell["id"] for cell in made["cells"]] == [cell.id for cell in master.cells]
    assert cell_of(made, "build-set_hostname")["source"] == \
        "%%build namespaces\ndef set_hostname(name):\n    return 'mine'"
    assert "raise NotImplementedError" in cell_of(made, "build-unshare_uts")["source"]
    assert "unshare(" not in cell_of(made, "build-unshare_uts")["source"]
    assert "forged" not in json.dumps(made)


def test_a_master_without_the_cell_of_a_step_is_an_error(lab, solved, tmp_path):
    solved["cells"] = [cell for cell in solved["cells"] if cell["id"] != "build-set_hostname"]
    (tmp_path / "01_uts.ipynb").write_text(json.dumps(solved))
    with pytest.raises(masters_of.ContainLabError, match="no Build cell for set_hostname"):
        masters_of.read_master(tmp_path, lab)
