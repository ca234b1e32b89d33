"""`contain-lab check` and `contain-lab progress`, as a student meets them."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from contain_lab import cli
from contain_lab.labkit import judge
from contain_lab.labkit.judge.verdict import Verdict

HEAD = "import socket\n\nfrom contain_lab import syscalls\nfrom contain_lab.syscalls import *\n\n\n"
SET = "def set_hostname(name):\n    socket.sethostname(name)\n"
UNSHARE = "def unshare_uts():\n    syscalls.unshare(CLONE_NEWUTS)\n"
NOTHING = "def unshare_uts():\n    return None\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student's folder, beside which the commands are called; of lab 01 two steps are right."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, SET + UNSHARE)
    return tmp_path


def write(folder: Path, source: str) -> None:
    (folder / "my_runtime").mkdir(exist_ok=True)
    (folder / "my_runtime/namespaces.py").write_text(HEAD + source)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The judge's answers, by check: the id of a message, where it is no success."""
    told: dict[str, str] = {}

    def run_check(id: str, package: Path) -> Verdict:
        values = {"changed": "", "before": "", "now": "", "host": "", "name": "", "lines": []}
        return Verdict(id, id not in told, told.get(id, id), values, ms=1)

    monkeypatch.setattr(judge, "run_check", run_check)
    return told


@pytest.mark.needs("root", "image busybox")
def test_right_steps_pass_and_a_wrong_one_is_named(here: Path, capfd: pytest.CaptureFixture[str]):
    assert cli.main(["check"]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "points: 7 of 7"
    write(here, SET + NOTHING)
    assert cli.main(["check", "--with", "my_runtime", "01"]) == 1
    said = capfd.readouterr().out
    assert "✗ uts.unshare" in said
    assert "saw:" in said
    assert "not yet: uts.unshare, uts.container" in said


def test_without_words_what_is_not_written_is_passed_over(here: Path, judged: dict[str, str],
                                                          capsys: pytest.CaptureFixture[str]):
    assert cli.main(["check"]) == 0
    said = capsys.readouterr().out
    assert "uts.hostname" in said
    assert "uts.join" not in said


def test_a_check_that_is_asked_for_by_name_has_to_pass(here: Path, judged: dict[str, str],
                                                       capsys: pytest.CaptureFixture[str]):
    assert cli.main(["check", "uts.hostname"]) == 0
    assert cli.main(["check", "01_uts"]) == 1
    assert "not written yet: join_namespace" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "said"), [
    (["check", "99_nothing"], "99_nothing: no lab and no check is called so"),
    (["check", "--with", "nowhere"], "nowhere: no such folder"),
    (["check", "uts.join"], "my_runtime: it has no step that can be checked"),
])
def test_what_cannot_be_checked_is_a_sentence(words: list[str], said: str, here: Path, judged: dict[str, str],
                                              capsys: pytest.CaptureFixture[str]):
    assert cli.main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"contain-lab: {said}\n")
    assert "hint: " in error


def test_a_file_that_is_no_python_is_judged_and_told_once(here: Path, capsys: pytest.CaptureFixture[str],
                                                          judged: dict[str, str]):
    write(here, "def broken(:\n")
    judged.update({"uts.hostname": "uts.unshare.same", "uts.unshare": "uts.unshare.same"})
    assert cli.main(["check", "uts.hostname", "uts.unshare"]) == 1
    said = capsys.readouterr().out
    assert said.count("saw:") == 1
    assert said.count("as above") == 1


def test_json_has_points_checks_and_reasons(here: Path, judged: dict[str, str], capsys: pytest.CaptureFixture[str]):
    judged["uts.unshare"] = "uts.unshare.same"
    assert cli.main(["check", "01", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    checks = {each["id"]: each for each in told["labs"][0]["checks"]}
    assert (told["points"], told["max"]) == (5, 10)
    assert {id: each["passed"] for id, each in checks.items()} == {
        "uts.hostname": True, "uts.unshare": False, "uts.join": None, "uts.container": True}
    assert checks["uts.join"]["why"] == "not written yet: join_namespace"
    assert "saw:" in checks["uts.unshare"]["why"]


# ---- progress

def test_progress_says_whose_the_steps_are_what_passed_and_where_to_go_on(here: Path, judged: dict[str, str],
                                                                          capsys: pytest.CaptureFixture[str]):
    judged["uts.unshare"] = "uts.unshare.same"
    cli.main(["check"])
    capsys.readouterr()
    assert cli.main(["progress"]) == 0
    said = capsys.readouterr().out
    assert "mine   set_hostname" in said
    assert "ours   join_namespace" in said
    assert "✓      uts.hostname       passed on 20" in said
    assert "·      uts.unshare        not passed yet" in said
    assert said.endswith("stopped in lab 01; next: write join_namespace (lab 01)\n")


def test_a_step_that_changed_after_its_check_is_to_be_checked_again(here: Path, judged: dict[str, str],
                                                                    capsys: pytest.CaptureFixture[str]):
    write(here, SET + UNSHARE + "def join_namespace(path, kind):\n    pass\n")
    cli.main(["check"])
    write(here, SET + NOTHING + "def join_namespace(path, kind):\n    pass\n")
    capsys.readouterr()
    assert cli.main(["progress"]) == 0
    said = capsys.readouterr().out
    assert "and a step of it has changed since" in said
    assert said.endswith("next: check uts.unshare again (lab 01): a step of it has changed\n")


def test_a_lab_that_is_done_leads_to_the_next(here: Path, judged: dict[str, str],
                                              capsys: pytest.CaptureFixture[str]):
    write(here, SET + UNSHARE + "def join_namespace(path, kind):\n    pass\n")
    cli.main(["check"])
    capsys.readouterr()
    cli.main(["progress", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["where"].startswith("lab 01 is done; next: write ")
    assert told["points"] == 10
    assert {each["name"]: each["mine"] for each in told["labs"][1]["steps"]}["join_namespace"]


def test_a_folder_in_labs_is_found_from_beside_labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                     capsys: pytest.CaptureFixture[str]):
    (tmp_path / "labs").mkdir()
    write(tmp_path / "labs", SET)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["progress"]) == 0
    assert "mine   set_hostname" in capsys.readouterr().out


def test_progress_without_a_folder_names_every_lab_and_the_first_step(tmp_path: Path, cli: str):
    done = subprocess.run([cli, "progress"], cwd=tmp_path, capture_output=True, text=True, check=True,
                          env={"PATH": os.environ["PATH"]})
    assert done.stdout.endswith("nothing is built yet: lab 01 has the first step\n")
    assert all(f"{number} " in done.stdout for number in ("00", "01"))
