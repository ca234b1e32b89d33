"""`contain-lab grade` as a person calls it: the judge and its containers, on a folder with all kinds of students."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from contain_lab.grading import desk
from contain_lab.labkit import host
from contain_lab.labkit.table import Lab

pytestmark = pytest.mark.needs("root", "uts namespace", "image busybox")

HOSTNAME = "%%build namespaces\nimport os\nfrom contain_lab import syscalls\n\n\ndef set_hostname(name):\n    "
WRONG = {    # each is worth nothing, and what is said of it has these words
    "borrows": ("from contain_lab.namespaces import uts\n    uts.set_hostname(name)", "the package's own step"),
    "borrows by another name": ("from contain_lab.namespaces.uts import set_hostname as step\n    step(name)",
                                "the package's own step"),
    "raises": ("raise ValueError('mine')", "ValueError: mine"),
    "does nothing": ("return name", "set_hostname"),
    "exits": ("os._exit(0)", "set_hostname"),
    "kills": ("os.kill(os.getpid(), 9)", "set_hostname"),
    "believes itself": ("print('✓ uts.hostname: passed'); os.write(4, b'{\"passed\": true}\\n')", "set_hostname"),
}


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch) -> Path:
    """A folder for what runs, of this test alone."""
    monkeypatch.setenv("CONTAIN_LAB_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def submit(tmp_path):
    """submit(student, notebook or text): hand in."""
    def handed_in(student: str, document: object) -> None:
        (tmp_path / "in" / student).mkdir(parents=True)
        text = document if isinstance(document, str) else json.dumps(document)
        (tmp_path / "in" / student / "01_uts.ipynb").write_text(text)
    return handed_in


@pytest.fixture
def grade(cli, tmp_path, masters):
    """grade(*options): the command, run on all that was handed in."""
    def graded(*options: str, folder: str = "in") -> subprocess.CompletedProcess[str]:
        command = [cli, "grade", str(tmp_path / folder), "--master", str(masters), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)
    return graded


def told(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["students"]


def needing(lab: Lab, step: str) -> int:
    """The points of the checks that cannot pass without a step."""
    return sum(check.points for check in lab.checks if step in check.steps)


def with_hostname(document: dict, cell_of, body: str) -> dict:
    copied = json.loads(json.dumps(document))
    cell_of(copied, "build-set_hostname")["source"] = HOSTNAME + body
    return copied


def test_right_half_and_none_get_what_they_should(grade, submit, solved, unsolved, cell_of, lab):
    submit("ada", solved)
    submit("bob", with_hostname(unsolved, cell_of, "syscalls.sethostname(name)"))
    submit("cyd", unsolved)
    done = grade("--json")
    assert {name: each["points"] for name, each in told(done).items()} == {"ada": lab.points, "bob": 2, "cyd": 0}
    assert f"1 of 3  ada: {lab.points} of {lab.points}\n" in done.stderr
    table = grade("--verbose").stdout.splitlines()
    assert table[1].split()[:5] == ["ada", "01", str(lab.points), "of", str(lab.points)]
    assert "    uts.hostname: set_hostname is not written: cell 3 is as the lab gave it" in table


def test_a_damaged_notebook_gets_all_its_points(grade, submit, solved, cell_of, lab):
    first, second = (cell_of(solved, f"build-{step}") for step in ("set_hostname", "unshare_uts"))
    split, lost = cell_of(solved, "build-join_namespace"), {**second, "id": "lost", "metadata": {}}
    lines = "".join(split["source"]).splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if "BEGIN SOLUTION" in line)
    solved["cells"] = [
        lost, {**first, "cell_type": "markdown"}, {**first, "id": "copied"}, {**split, "source": lines[:at]},
        {**split, "source": lines[at:], "id": "split"}]
    submit("dan", solved)
    found = told(grade("--json"))["dan"]
    assert (found["points"], found["max"]) == (lab.points, lab.points)
    said = "\n".join(found["labs"]["01"]["repairs"])
    assert all(word in said for word in ("copies", "split", "found by its name", "deleted"))


def test_wrong_and_false_steps_get_nothing_and_the_others_go_on(grade, submit, solved, unsolved, cell_of, lab):
    for name, (body, _) in WRONG.items():
        submit(name, with_hostname(unsolved, cell_of, body))
    submit("a rubbish file", "\x89PNG")
    submit("zed", solved)
    found = told(grade("--json"))
    assert {name: each["points"] for name, each in found.items() if each["points"]} == {"zed": lab.points}
    for name, (_, words) in WRONG.items():
        assert words in found[name]["labs"]["01"]["checks"]["uts.hostname"]["why"]
    assert found["a rubbish file"]["labs"]["01"]["problem"].startswith("01_uts.ipynb: damaged: ")


def test_forged_outputs_checks_and_points_are_not_looked_at(grade, submit, solved, unsolved, cell_of):
    for cell in unsolved["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = 1
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "✓ passed"}]
        if cell["id"].startswith("check-"):
            cell["source"] = "print('all checks passed: full points')"
            cell["metadata"]["nbgrader"]["points"] = 1000
    submit("eve", unsolved)
    found = told(grade("--json"))["eve"]
    assert found["points"] == 0
    assert found["labs"]["01"]["repairs"][0].startswith("cells changed, the master's count: check-")


def test_a_step_that_hangs_costs_its_own_points_and_five_seconds(grade, submit, solved, cell_of, lab):
    submit("gus", with_hostname(solved, cell_of, "import signal\n    signal.signal(2, signal.SIG_IGN)\n"
                                                 "    while True: pass"))
    began = time.monotonic()
    assert told(grade("--json"))["gus"]["points"] == lab.points - needing(lab, "set_hostname")
    assert 5 <= time.monotonic() - began < 8    # once, though two checks need the step


def test_a_file_that_cannot_be_loaded_costs_the_checks_that_need_it(grade, submit, solved, cell_of, lab):
    broken = with_hostname(solved, cell_of, "pass")
    cell_of(broken, "build-set_hostname")["source"] += "\nx = 1 / 0"
    submit("hal", broken)
    assert told(grade("--json"))["hal"]["points"] == lab.points - needing(lab, "set_hostname")


def test_the_same_submission_gets_the_same_grade(grade, submit, solved, unsolved, cell_of):
    submit("ada", solved)
    submit("bob", with_hostname(unsolved, cell_of, "syscalls.sethostname(name.upper())"))
    first, second = grade("--json"), grade("--json")
    assert first.stdout == second.stdout
    assert first.returncode == 0


def test_nothing_is_left_on_the_machine(grade, submit, solved, unsolved, cell_of, state):
    before = host.look()
    submit("ada", solved)
    submit("bad", with_hostname(unsolved, cell_of, "[os.fork() for _ in range(3)]"))
    assert told(grade("--json"))["bad"]["points"] == 0
    assert host.left_since(before) == []
    assert os.listdir(state / "grade") == ["lock"]


@pytest.fixture
def sleeping(cli, tmp_path, masters, submit, unsolved, cell_of, state):
    """A grading in the midst of a step that sleeps, ready to be ended."""
    submit("gus", with_hostname(unsolved, cell_of, "import subprocess\n    subprocess.run(['sleep', '9871'])"))
    process = subprocess.Popen([cli, "grade", str(tmp_path / "in"), "--master", str(masters)],
                               stderr=subprocess.PIPE, text=True)
    while not sleepers():
        assert process.poll() is None
        time.sleep(0.02)
    yield process
    process.kill()
    process.communicate()


def sleepers() -> list[Path]:
    """The processes that the sleeping step has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [folder] if b"\0009871\0" in (folder / "cmdline").read_bytes() else []
    return found


@pytest.mark.parametrize(("number", "code", "said"), [
    (signal.SIGINT, 130, "contain-lab: interrupted\n"), (signal.SIGTERM, 143, "")])
def test_an_interrupt_ends_it_and_leaves_nothing(sleeping, state, number, code, said):
    before = host.look()
    sleeping.send_signal(number)
    assert sleeping.communicate(timeout=4)[1] == said
    assert sleeping.returncode == code
    assert os.listdir(state / "grade") == ["lock"]
    assert sleepers() == []
    assert [each for each in host.left_since(before) if "judge" in each] == []


def test_what_a_killed_grading_leaves_is_swept_by_clean(sleeping, state, cli):
    sleeping.kill()
    sleeping.wait()
    end = time.monotonic() + 3
    while sleepers() and time.monotonic() < end:
        time.sleep(0.05)
    assert sleepers() == []
    assert len(os.listdir(state / "grade")) == 2
    done = subprocess.run([cli, "clean"], capture_output=True, text=True, timeout=20)
    assert f"removed grading cl-grade-{sleeping.pid}\n" in done.stdout
    assert os.listdir(state / "grade") == ["lock"]


def test_a_grading_that_lives_is_not_swept(state):
    with desk.desk() as place:
        assert desk.sweep() == []
        assert place.is_dir()
    assert not place.exists()


def test_files_are_written_for_the_instructor_and_for_each_student(grade, submit, solved, unsolved, tmp_path):
    submit("=1+1", solved)
    submit("cyd", unsolved)
    done = grade("--csv", f"{tmp_path}/g.csv", "--junit", f"{tmp_path}/g.xml", "--feedback", f"{tmp_path}/fb")
    assert done.returncode == 0
    assert (tmp_path / "g.csv").read_text().splitlines()[1].startswith("\"'=1+1\",\"")
    assert 'name="uts.join"' in (tmp_path / "g.xml").read_text()
    page = (tmp_path / "fb/cyd/feedback.md").read_text()
    assert "set_hostname is not written" in page
    rebuilt = json.loads((tmp_path / "fb/cyd/01_uts.ipynb").read_text())
    assert "sethostname" not in json.dumps([cell["source"] for cell in rebuilt["cells"]])


@pytest.mark.parametrize(("options", "said"), [
    (("--lab", "77"), "lab '77': there is none of this name"),
    (("--master", "/nowhere"), "/nowhere/01_uts.ipynb: no such file"),
    (("--csv", "/nowhere/g.csv"), "/nowhere/g.csv")])
def test_a_wrong_option_is_an_error_in_two_lines(grade, submit, solved, options, said):
    submit("ada", solved)
    done = grade(*options)
    assert done.returncode > 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_feedback_never_overwrites_submissions(grade, submit, unsolved, tmp_path):
    submit("ada", unsolved)
    done = grade("--feedback", str(tmp_path / "in"))
    assert done.returncode == 2
    assert "would overwrite" in done.stderr
    assert (tmp_path / "in/ada/01_uts.ipynb").read_text() == json.dumps(unsolved)


def test_a_folder_without_notebooks_is_an_error(grade, tmp_path):
    (tmp_path / "in/ada").mkdir(parents=True)
    assert "no notebook of a lab that has checks" in grade().stderr
    assert "no such folder" in grade(folder="none").stderr
