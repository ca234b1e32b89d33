"""The generator: one source, two notebooks; nothing of a solution in a lab; the same bytes when run twice."""

import argparse
import ast
import json
import sys
from pathlib import Path

import pytest

from contain_lab.cli import labs as labs_command
from contain_lab.errors import ContainLabError, NotFound
from contain_lab.labkit import generator, table
from contain_lab.labkit.generator import outputs as generator_outputs
from contain_lab.labkit.generator.build import free_names, read_answer
from contain_lab.labkit.generator.rules import LEAK
from contain_lab.labkit.generator.source import SourceCell, read_source
from contain_lab.labkit.nbval.sanitize import sanitize
from contain_lab.labkit.table import LABS, Check, Lab, Step

MODULE = '''
import os
import os.path as path
from socket import AF_INET, AF_UNIX

KINDS = {"uts": 1}

def open_kind(kind: str) -> int:
    """Open the file of a kind of namespace.

    The rest of the docstring.
    """
    # why it is done so
    number = KINDS[kind]
    for name in os.listdir("/proc/self/ns"):
        number += len(path.join(name, kind))
    return number + AF_INET
'''
SOURCE = '''\
# %% [markdown] id="title"
# # A lab
# Its prose.
#
# ## Order
# *Easy, 3 minutes.* Order them.
# ## Build: a kind
# *Moderate, 10 minutes.* Write it.

# %% id="run-numbers" kind="Run"
import os
print("pid", os.getpid(), os.readlink("/proc/self/ns/uts"))
6 * 7

# %% id="run-child"
import subprocess
done = subprocess.run(["echo", "from a child"])

# %% id="break-it" kind="Break it" tags=["raises-exception"]
raise ValueError("wanted")

# %% id="build-open_kind" build="open_kind"
# Look the kind up, then count.

# %% id="check-kind" check="kind.open"
'''
# The kernel of a test knows neither the magic nor the check, so the source's first cell defines both.
MAGICS = '''\
# %% id="magics"
get_ipython().register_magic_function(lambda line, cell: exec(cell, globals()), "cell", "build")
def check(id):
    print(id, "holds")

'''


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    (tmp_path / "a_room.py").write_text(MODULE)
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions/50_made_up.py").write_text(MAGICS + SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # for the kernel: the cell imports from there
    monkeypatch.delitem(sys.modules, "a_room", raising=False)
    return Lab("50", "50_made_up", "Made up", 5, (), (Step("open_kind", "a_room", "a_room", ("uts",)),),
               (Check("kind.open", 2, ("open_kind",)),))


def edit(root: Path, old: str, new: str) -> None:
    path = root / "solutions/50_made_up.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def cells(path: Path) -> dict[str, dict]:
    return {cell["id"]: cell for cell in json.loads(path.read_text())["cells"]}


def source_of(cell: dict) -> str:
    return "".join(cell["source"])


# ---- what a lab and a solution hold

def test_a_build_cell_is_the_packages_source_and_in_the_lab_a_stub(lab: Lab, tmp_path: Path) -> None:
    unsolved, solved = generator.notebooks(tmp_path, lab)
    stub, solution = (next(cell.source for cell in notebook.cells if cell.id == "build-open_kind")
                      for notebook in (unsolved, solved))
    header = ("%%build a_room\nimport os\nimport os.path as path\nfrom a_room import KINDS\n"
              "from socket import AF_INET\n")
    assert stub.startswith(header)
    assert solution.startswith(header)
    ours = "def open_kind" + MODULE.split("def open_kind")[1].rstrip()
    assert "\n".join(line for line in solution.split("\n") if "###" not in line).endswith(ours)
    assert solution.count("### BEGIN SOLUTION") == solution.count("### END SOLUTION") == 1
    assert stub.endswith('''    The rest of the docstring.
    """
    # Look the kind up, then count.
    raise NotImplementedError("write open_kind: open the file of a kind of namespace")''')


def test_graded_cells_have_nbgraders_metadata_in_lab_and_solution(lab: Lab, tmp_path: Path) -> None:
    for notebook in generator.notebooks(tmp_path, lab):
        found = {cell.id: dict(cell.metadata) for cell in notebook.cells}
        assert found["build-open_kind"]["nbgrader"] == {
            "grade": False, "grade_id": "build-open_kind", "locked": False, "schema_version": 3,
            "solution": True, "task": False}
        assert found["check-kind"]["nbgrader"] == {
            "grade": True, "grade_id": "check-kind", "locked": True, "schema_version": 3, "solution": False,
            "task": False, "points": 2}
        assert found["check-kind"]["editable"] is found["check-kind"]["deletable"] is False
        assert found["build-open_kind"]["contain_lab"] == {"kind": "Build", "step": "open_kind",
                                                           "room": "a_room"}
        assert found["run-numbers"]["contain_lab"] == {"kind": "Run"}
        assert found["break-it"]["tags"] == ["raises-exception"]
        assert "nbgrader" not in found["run-numbers"]


def test_ids_are_the_sources_own_and_the_same_in_both(lab: Lab, tmp_path: Path) -> None:
    due = ["magics", "title", "run-numbers", "run-child", "break-it", "build-open_kind", "check-kind"]
    for notebook in generator.notebooks(tmp_path, lab):
        assert [cell.id for cell in notebook.cells] == due


def test_a_teaching_version_wins_over_the_packages_source(lab: Lab, tmp_path: Path) -> None:
    edit(tmp_path, "# Look the kind up, then count.\n", '''# Say its length.
import math
def open_kind(kind: str) -> int:
    """Measure a kind."""
    return math.floor(len(kind) * AF_UNIX)
''')
    with pytest.raises(ContainLabError, match="open_kind is not the package's own, no prose says so"):
        generator.notebooks(tmp_path, lab)
    edit(tmp_path, "# Its prose.", "# Its prose. It builds a teaching\n# version.")
    unsolved, solved = generator.notebooks(tmp_path, lab)
    solution = next(cell.source for cell in solved.cells if cell.id == "build-open_kind")
    assert "import math\nfrom socket import AF_UNIX\n" in solution
    assert "math.floor(len(kind) * AF_UNIX)" in solution
    stub = next(cell.source for cell in unsolved.cells if cell.id == "build-open_kind")
    assert stub.endswith("# Say its length.\n"
                         '    raise NotImplementedError("write open_kind: measure a kind")')


# ---- what is refused, with file and line

@pytest.mark.parametrize(("old", "new", "said"), [
    ('# %% [markdown] id="title"', "# %% [markdown]", "solutions/50_made_up.py:6: a cell without an id"),
    ('id="break-it"', 'id="run-numbers"', "solutions/50_made_up.py:24: cell 'run-numbers': the id stands at"),
    ('kind="Run"', 'kind="Rum"', "unknown kind 'Rum'"),
    ('kind="Run"', 'kin="Run"', "unknown metadata kin"),
    ('build="open_kind"', 'build="open_mind"', "lab 50_made_up has no step 'open_mind'"),
    ('check="kind.open"', 'check="kind.shut"', "not exactly one Check cell for kind.open, kind.shut"),
    ('# %% id="check-kind" check="kind.open"\n', "", "not exactly one Check cell for kind.open"),
    ("# Look the kind up, then count.", "x = 1", "cell 'build-open_kind': holds more than comments"),
    ("# Look the kind up, then count.", "# Say number = KINDS[kind]",
     "cell 'build-open_kind' tells a line of open_kind: number = KINDS[kind]"),
    ("# Its prose.", "# Write `number = KINDS[kind]` there.", "cell 'title' tells a line of open_kind"),
    ("6 * 7", "    number = KINDS[kind]", "cell 'run-numbers' tells a line of open_kind"),
    ("6 * 7", "6 * 7\n" * 14, "cell 'run-numbers' has 16 lines in the lab"),
    ("*Moderate, 10 minutes.*", "*Hard, 5 minutes.*",
     "before open_kind the prose says ('hard', 5), the table moderate, 10"),
    ("*Moderate, 10 minutes.* Write it.", "", "before open_kind the prose says ('easy', 3)"),
    ('check="kind.open"\n', 'check="kind.open"\nprint(1)\n', "cell 'check-kind': a Check cell has no text"),
])
def test_a_source_out_of_form_is_refused(lab: Lab, tmp_path: Path, old: str, new: str, said: str) -> None:
    edit(tmp_path, old, new)
    with pytest.raises(ContainLabError) as caught:
        generator.notebooks(tmp_path, lab)
    assert said in caught.value.message


def test_a_lab_without_a_source_is_named(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "solutions/50_made_up.py").unlink()
    with pytest.raises(NotFound, match=r"solutions/50_made_up\.py"):
        generator.stale(tmp_path, [lab])


def test_the_command_names_what_is_stale_and_the_way_out(
        lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(table, "LABS", (lab,))
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    labs_command.configure(parser)
    with pytest.raises(ContainLabError) as caught:
        labs_command.main(parser.parse_args(["build", "--check", "50"]))
    assert caught.value.message == ("not as the source makes it: labs/50_made_up.ipynb, "
                                    "solutions/50_made_up.ipynb")
    assert caught.value.hint == "run contain-lab labs build"
    monkeypatch.setattr(generator, "execute", lambda *_: None)
    assert labs_command.main(parser.parse_args(["build"])) == 0
    assert "labs/50_made_up.ipynb: written\n" in capsys.readouterr().out
    with pytest.raises(NotFound, match="lab '99': there is none"):
        labs_command.main(parser.parse_args(["build", "99"]))


def test_free_names_are_globals_without_locals_arguments_and_builtins() -> None:
    function = ast.parse('''def f(a: Kind = DEFAULT):
    import os
    try:
        b = [c for c in call(a)]
    except Wrong as error:
        print(error, b, os)
    def g(): pass
    return g
''').body[0]
    assert isinstance(function, ast.FunctionDef)
    assert free_names(function) == ["DEFAULT", "Kind", "Wrong", "call"]


def test_a_global_name_that_nothing_binds_is_refused(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "a_room.py").write_text(MODULE.replace("return number", "return elsewhere"))
    cell = SourceCell("build-open_kind", "here:1", "code", "", build="open_kind")
    with pytest.raises(ContainLabError, match="open_kind uses elsewhere: bound neither"):
        read_answer(cell, lab.steps[0])


# ---- twice the same

def test_a_second_build_writes_nothing_and_check_agrees(lab: Lab, tmp_path: Path) -> None:
    edit(tmp_path, "# # A lab", "# # A lab\n# [index](index.ipynb)")
    (tmp_path / "solutions/index.py").write_text('# %% [markdown] id="map"\n# {labs}\n#\n# {ahead}\n')
    assert generator.stale(tmp_path, [lab]) == ["labs/50_made_up.ipynb", "solutions/50_made_up.ipynb",
                                                "labs/index.ipynb"]
    assert len([line for line in generator.build(tmp_path, [lab]) if ": written" in line]) == 3
    made = {path: path.read_bytes() for path in tmp_path.glob("*/*.ipynb")}
    assert generator.stale(tmp_path, [lab]) == []
    again = list(generator.build(tmp_path, [lab]))
    assert [line.partition(": ")[2] for line in again] == ["unchanged"] * 3
    assert {path: path.read_bytes() for path in tmp_path.glob("*/*.ipynb")} == made

    ran = cells(tmp_path / "solutions/50_made_up.ipynb")
    assert [ran[id]["execution_count"] for id in ran if id != "title"] == [1, 2, 3, 4, 5, 6]
    assert ran["run-child"]["outputs"][0]["text"] == ["from a child\n"]
    assert ran["run-numbers"]["outputs"][1]["execution_count"] == 2
    assert ran["check-kind"]["outputs"][0]["text"] == ["kind.open holds\n"]
    unsolved = cells(tmp_path / "labs/50_made_up.ipynb")
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in unsolved.values())

    edit(tmp_path, "# Its prose.", "# Its prose. One more word.")
    assert generator.stale(tmp_path, [lab]) == ["labs/50_made_up.ipynb", "solutions/50_made_up.ipynb"]
    edit(tmp_path, " One more word.", "")
    path = tmp_path / "labs/50_made_up.ipynb"
    path.write_text(path.read_text().replace("Its prose.", "By hand."))
    assert generator.stale(tmp_path, [lab]) == ["labs/50_made_up.ipynb"]
    (tmp_path / "labs/51_gone.ipynb").write_text("{}")
    assert "labs/51_gone.ipynb" in generator.stale(tmp_path, [lab])


@pytest.mark.parametrize(("old", "new", "said"), [
    ("6 * 7", "1 / 0", "cell 'run-numbers' failed: ZeroDivisionError: division by zero"),
    ('raise ValueError("wanted")', "pass", "cell 'break-it': tagged raises-exception, and nothing was"),
])
def test_a_solution_that_fails_is_not_kept(lab: Lab, tmp_path: Path, old: str, new: str, said: str) -> None:
    edit(tmp_path, old, new)
    with pytest.raises(ContainLabError) as caught:
        list(generator.build(tmp_path, [lab]))
    assert said in caught.value.message
    assert not (tmp_path / "solutions/50_made_up.ipynb").exists()


def test_outputs_are_kept_only_when_they_say_the_same() -> None:
    from contain_lab.labkit.generator.notebook import nbformat

    def notebook(text: str, source: str = "x") -> object:
        cell = nbformat.v4.new_code_cell(source, id="one", execution_count=1)
        cell.outputs = [nbformat.v4.new_output("stream", text=text)]
        return nbformat.v4.new_notebook(cells=[cell])

    earlier = notebook("uts:[4026531838] pid 4711, 3.2 ms\n")
    same = notebook("uts:[4026532999] pid 99, 17 ms\n")
    other = notebook("uts:[4026532999] pid 1, 17 ms\n")
    assert generator_outputs.keep_outputs(same, earlier) == []
    assert same.cells[0].outputs == earlier.cells[0].outputs
    assert generator_outputs.keep_outputs(other, earlier) == ["one"]
    assert "pid 1," in other.cells[0].outputs[0].text
    edited = notebook("uts:[4026531838] pid 4711, 3.2 ms\n", source="y")
    assert generator_outputs.keep_outputs(edited, earlier) == ["one"]


@pytest.mark.parametrize(("one", "other"), [
    ("uts:[4026531838]", "uts:[4026532999]"),
    ("NSpid:\t4711\t1", "NSpid:\t12\t1"),
    ("/proc/4711/ns", "/proc/12/ns"),
    ("took  9.75 ms", "took 12.5 ms"),
    ("125 µs", "  7 µs"),
    ("2026-11-25 10:20:01", "2027-01-01 00:00:00"),
    ("2026-11-25T10:20:01.5Z", "2027-01-01T00:00:00Z"),
    ("<object at 0x7f0011223344>", "<object at 0x7f99aabbccdd>"),
    ("cl-3fa94e", "cl-77"),
    ("/tmp/cl-labs-x1y2/my_runtime", "/tmp/cl-labs-z/my_runtime"),
    ("/opt/kit/contain_lab/steps.py", "contain_lab/steps.py"),
    ("veth@if12 02:42:ac:11:00:02", "veth@if9 02:42:ac:11:00:03"),
])
def test_what_differs_between_runs_is_sanitized(one: str, other: str) -> None:
    assert sanitize(one).replace("contain_lab", "") == sanitize(other).replace("contain_lab", "")


@pytest.mark.parametrize(("one", "other"), [
    ("pid 1", "pid 4711"), ("my-container", "other"), ("EPERM", "EINVAL"), ("CapEff: 00000000a80425fb",
                                                                           "CapEff: 000001ffffffffff")])
def test_what_means_something_is_not_sanitized(one: str, other: str) -> None:
    assert sanitize(one) != sanitize(other)


# ---- the project's own labs

ROOT = Path(__file__).resolve().parents[2]


def test_every_step_of_the_table_exists_and_every_check_needs_steps_of_its_lab() -> None:
    import importlib

    ids = [check.id for lab in LABS for check in lab.checks]
    names = [step.name for lab in LABS for step in lab.steps]
    assert len(set(ids)) == len(ids)
    assert len(set(names)) == len(names)
    for lab in LABS:
        for step in lab.steps:
            assert callable(getattr(importlib.import_module(step.module), step.name))
            assert step.module.split(".")[1] == step.room
        for check in lab.checks:
            assert set(check.steps) <= {step.name for step in lab.steps}
            assert check.steps
            assert check.points > 0


@pytest.mark.parametrize("step", [step for lab in LABS for step in lab.steps], ids=lambda step: step.name)
def test_a_solution_needs_nothing_but_its_header_and_a_stub_says_what_to_write(step: Step) -> None:
    answer = read_answer(SourceCell("build", "here:1", "code", "", build=step.name), step)
    names: dict = {}
    exec(answer.solution().partition("\n")[2], names)
    function = ast.parse(answer.solution().partition("\n")[2]).body[-1]
    assert isinstance(function, ast.FunctionDef)
    assert set(free_names(function)) <= set(names)
    assert len(answer.hidden()) <= 12
    exec(answer.stub().partition("\n")[2], names)
    with pytest.raises(NotImplementedError) as caught:
        names[step.name](*step.example)
    said = str(caught.value)
    assert said.startswith(f"write {step.name}: ")
    assert len(said.split()) >= 6


def test_labs_and_solutions_are_as_their_sources_make_them() -> None:
    assert generator.stale(ROOT, LABS) == []


@pytest.mark.parametrize("stem", [lab.stem for lab in LABS])
def test_no_line_of_a_solution_stands_in_a_lab(stem: str) -> None:
    """The same as the generator's own guard, from outside: the notebooks as they are."""
    unsolved, solved = cells(ROOT / f"labs/{stem}.ipynb"), cells(ROOT / f"solutions/{stem}.ipynb")
    whole = " ".join((ROOT / f"labs/{stem}.ipynb").read_text().replace('\\"', '"').split())
    hidden = 0
    for id, cell in solved.items():
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            lines = source_of(cell).split("### BEGIN SOLUTION")[1].split("### END SOLUTION")[0].split("\n")
            for line in (" ".join(line.split()) for line in lines):
                if len(line) > LEAK and not line.startswith("#"):
                    assert line not in whole
                    hidden += 1
            assert "NotImplementedError" in source_of(unsolved[id])
    assert hidden or not any(read.build for read in read_source(ROOT / f"solutions/{stem}.py"))
