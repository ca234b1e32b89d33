"""What a folder of submissions may hold: the good, and files that nobody should open twice."""

import os
from pathlib import Path

import pytest

from contain_lab.errors import NotFound
from contain_lab.grading import submissions
from contain_lab.grading.notebook import read_cells
from contain_lab.grading.submissions import Refused


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")


def claims(folder: Path, lab) -> dict[str, list[str]]:
    students, _ = submissions.find(folder, [lab])
    return {student.name: [str(path.relative_to(folder)) for path in student.claims.get("01", [])]
            for student in students}


def chosen(folder: Path, lab, student: str = "ada") -> str:
    students, _ = submissions.find(folder, [lab])
    found = next(each for each in students if each.name == student).claims.get("01", [])
    return submissions.choose(found, lab)[0].relative_to(folder).as_posix()


def test_a_student_is_a_folder_or_the_name_before_the_labs(tmp_path, lab):
    put(tmp_path, "ada/01_uts.ipynb", "bob/labs/01_uts.ipynb", "cyd_4_01_uts.ipynb", "dan/notes.txt")
    assert claims(tmp_path, lab) == {"ada": ["ada/01_uts.ipynb"], "bob": ["bob/labs/01_uts.ipynb"],
                                     "cyd_4": ["cyd_4_01_uts.ipynb"], "dan": []}


def test_what_is_no_students_is_told(tmp_path, lab):
    put(tmp_path, "ada/01_uts.ipynb", "readme.txt", "01_uts.ipynb", ".DS_Store", "ada/.ipynb_checkpoints/01_uts.ipynb")
    students, others = submissions.find(tmp_path, [lab])
    assert (others, len(students[0].claims["01"])) == (["01_uts.ipynb", "readme.txt"], 1)


@pytest.mark.parametrize("name", ["01_uts.ipynb", "01_uts (1).ipynb", "01_uts-Copy1.ipynb", "01_UTS.ipynb",
                                  "4711_01_uts.ipynb", "01_uts_ada.ipynb"])
def test_a_notebook_is_known_by_nearly_its_name(tmp_path, lab, name):
    put(tmp_path, f"ada/{name}")
    assert chosen(tmp_path, lab) == f"ada/{name}"


@pytest.mark.parametrize("name", ["02_ipc.ipynb", "01_uts.txt", "101_uts.ipynb", "01_utsx.ipynb"])
def test_other_names_are_no_notebook_of_the_lab(tmp_path, lab, name):
    put(tmp_path, f"ada/{name}")
    with pytest.raises(Refused, match=r"^01_uts\.ipynb: not handed in$"):
        chosen(tmp_path, lab)


def test_the_labs_own_name_goes_before_a_copy_and_the_top_before_what_lies_deeper(tmp_path, lab):
    put(tmp_path, "ada/01_uts.ipynb", "ada/01_uts-Copy1.ipynb", "ada/old/01_uts.ipynb")
    assert chosen(tmp_path, lab) == "ada/01_uts.ipynb"


@pytest.mark.parametrize("names", [("ada/a/01_uts.ipynb", "ada/b/01_uts.ipynb"),
                                   ("ada/01_uts-Copy1.ipynb", "ada/01_uts-Copy2.ipynb")])
def test_two_notebooks_of_one_lab_are_refused(tmp_path, lab, names):
    put(tmp_path, *names)
    with pytest.raises(Refused, match="2 notebooks, and nothing says which counts: ") as refused:
        chosen(tmp_path, lab)
    assert all(Path(name).name in refused.value.message for name in names)


def test_no_folder_and_no_submission_are_errors(tmp_path, lab):
    with pytest.raises(NotFound, match="no such folder"):
        submissions.find(tmp_path / "none", [lab])
    with pytest.raises(NotFound, match="no submission in it"):
        submissions.find(tmp_path, [lab])


# ---- files that lead astray

def test_a_symbolic_link_is_not_followed(tmp_path, lab):
    put(tmp_path, "secret.json", "ada/readme")
    (tmp_path / "ada/01_uts.ipynb").symlink_to(tmp_path / "secret.json")
    with pytest.raises(Refused, match=r"^01_uts\.ipynb: a symbolic link, which is not followed$"):
        submissions.read(tmp_path / chosen(tmp_path, lab))


def test_a_student_that_is_a_symbolic_link_is_not_followed(tmp_path, lab):
    put(tmp_path, "elsewhere/01_uts.ipynb")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/ada").symlink_to(tmp_path / "elsewhere")
    student, = submissions.find(tmp_path / "in", [lab])[0]
    assert (student.claims, student.problem) == ({}, "a symbolic link, which is not followed")


def test_a_link_to_a_folder_in_a_students_folder_is_not_entered(tmp_path, lab):
    put(tmp_path, "elsewhere/01_uts.ipynb", "in/ada/readme")
    (tmp_path / "in/ada/labs").symlink_to(tmp_path / "elsewhere")
    assert claims(tmp_path / "in", lab) == {"ada": []}


def test_a_pipe_does_not_hang_and_a_folder_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(Refused, match=f"^{name}: not a file$"):
            submissions.read(tmp_path / name)


def test_a_huge_file_is_not_read(tmp_path):
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Refused, match=r"^huge: 1048576 MiB, and 20 MiB are read at most$"):
        submissions.read(tmp_path / "huge")


@pytest.mark.parametrize(("raw", "said"), [
    (b"", "an empty file"),
    (b" \n", "an empty file"),
    (b"\x89PNG\r\n\x1a\n\0\xff", "not a notebook: not text in UTF-8"),
    (b'{"cells": [', r"damaged: expecting value \(line 1, column 12\)"),
    (b"[" * 100_000, "not a notebook: RecursionError"),
    (b"1" * 10_000, "not a notebook: ValueError"),
    (b"[1]", "not a notebook: JSON of another kind"),
    (b"{}", "not a notebook of format 4"),
    (b'{"nbformat": 3, "worksheets": []}', "not a notebook of format 4"),
    (b'{"nbformat": 4}', "a notebook without cells"),
    (b'{"nbformat": 4, "cells": {}}', "a notebook without cells")])
def test_what_is_no_notebook_gets_a_sentence(raw, said):
    with pytest.raises(Refused, match=rf"^x\.ipynb: {said}$"):
        read_cells(raw, "x.ipynb")


@pytest.mark.parametrize("cell", ["1", "{}", '{"id": 1, "metadata": [], "source": {}, "cell_type": null}',
                                  '{"metadata": [1], "source": "x"}',
                                  '{"metadata": {"nbgrader": 7}, "source": [1, null, "x"]}',
                                  '{"metadata": {"nbgrader": {"grade_id": ["a"]}}}'])
def test_a_cell_of_another_form_breaks_nothing(cell):
    for found in read_cells(f'{{"nbformat": 4, "cells": [{cell}]}}'.encode(), "x"):
        assert (found.id, found.grade_id) == ("", "")


def test_a_byte_order_mark_is_no_damage_and_a_long_cell_no_answer():
    source = "x" * 100_001
    cell, = read_cells(f'\ufeff{{"nbformat": 4, "cells": [{{"source": "{source}"}}]}}'.encode(), "x")
    assert cell.source == "# 100001 characters: too long for an answer"
