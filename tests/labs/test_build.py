"""%%build: what it writes, what it refuses, what it says; and what of it a student sees."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from contain_lab.errors import ContainLabError
from contain_lab.labkit import build
from contain_lab.labkit.checking import CheckFailed, check
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.workspace import Workspace

needs_root = pytest.mark.needs("root")
IMPORT = "from contain_lab import syscalls\n\n\n"
SET = IMPORT + "def set_hostname(name: str) -> None:\n    \"\"\"Give it a name.\"\"\"\n    syscalls.sethostname(name)\n"
UNSHARE = ("from contain_lab import syscalls\nfrom contain_lab.syscalls import CLONE_NEWUTS\n\n\n"
           "def unshare_uts() -> None:\n    syscalls.unshare(CLONE_NEWUTS)\n")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a notebook."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is not tried."""
    monkeypatch.setattr(build, "attempt", lambda step, workspace: None)


def text() -> str:
    return Path("my_runtime/namespaces.py").read_text()


# ---- the file

def test_a_step_is_written_once_importable_with_lab_and_date(untried: None, folder: Path):
    build.build("namespaces", SET)
    build.build("namespaces", SET)
    assert text().count("def set_hostname(") == 1
    assert text().count("from contain_lab import syscalls") == 1
    assert re.search(r"^# lab 01, \d{4}-\d\d-\d\d\ndef set_hostname\(name: str\) -> None:$", text(), re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", "import my_runtime.namespaces as m; print(m.set_hostname.__doc__)"],
                          capture_output=True, text=True, cwd=folder)
    assert done.stdout == "Give it a name.\n", done.stderr


def test_a_second_step_joins_the_first_and_imports_are_merged(untried: None):
    build.build("namespaces", SET)
    build.build("namespaces", UNSHARE)
    head, _, rest = text().partition("# lab 01")
    assert head.split('"""\n')[1].strip() == ("from contain_lab import syscalls\n"
                                              "from contain_lab.syscalls import CLONE_NEWUTS")
    assert "def set_hostname" in rest
    assert "def unshare_uts" in rest


def test_a_step_is_updated_in_place_and_all_else_stays(untried: None):
    build.build("namespaces", SET)
    build.build("namespaces", UNSHARE)
    path = Path("my_runtime/namespaces.py")
    path.write_text(text() + "\n\ndef of_my_own():\n    return 1\n")
    build.build("namespaces", SET.replace("syscalls.sethostname(name)", "syscalls.sethostname(name[:64])"))
    functions = re.findall(r"^def (\w+)", text(), re.MULTILINE)
    assert functions == ["set_hostname", "unshare_uts", "of_my_own"]
    assert text().count("# lab 01") == 2
    assert "name[:64]" in text()
    assert "sethostname(name)\n" not in text()


def test_an_edit_in_the_file_is_shown_and_never_overwritten(untried: None):
    build.build("namespaces", SET)
    path = Path("my_runtime/namespaces.py")
    path.write_text(text().replace("syscalls.sethostname(name)", "syscalls.sethostname(name.lower())"))
    before = text()
    with pytest.raises(Refused, match=r"was edited in my_runtime/namespaces\.py") as refused:
        build.build("namespaces", SET)
    assert "-    syscalls.sethostname(name.lower())" in refused.value.message
    assert "+    syscalls.sethostname(name)" in refused.value.message
    assert "delete set_hostname from my_runtime/namespaces.py" in refused.value.hint
    assert text() == before
    build.build("namespaces", SET.replace("(name)\n", "(name.lower())\n"))    # the cell says what the file says
    build.build("namespaces", SET)
    assert "lower" not in text()


def test_an_import_that_the_student_adds_is_there_when_the_step_is(untried: None):
    build.build("namespaces", SET)
    build.build("namespaces", "import socket, os as system\n\ndef set_hostname(name):\n"
                              "    socket.sethostname(name or system.sep)\n")
    assert "import socket\nimport os as system\n" in text()


def test_decorators_and_marks_of_solutions(untried: None):
    cell = ("import functools\n\n@functools.cache\ndef set_hostname(name):\n    ### BEGIN SOLUTION\n    return name\n"
            "    ### END SOLUTION\n")
    build.build("namespaces", cell)
    assert "@functools.cache\ndef set_hostname(name):\n    return name\n" in text()
    build.build("namespaces", cell)
    assert text().count("functools.cache") == 1


# ---- what it refuses

@pytest.mark.parametrize(("cell", "said"), [
    ("def set_hostname(name):\n    helper(name)\n", "set_hostname uses helper"),
    ("SIZE = 64\ndef set_hostname(name):\n    print(name[:SIZE])\n", "set_hostname uses SIZE"),
    ("def set_hostname(name, limit=SIZE):\n    print(name)\n", "set_hostname uses SIZE"),
    ("def set_hostname(name: Text) -> None:\n    print(name)\n", "set_hostname uses Text"),
    ("from contain_lab.namespaces.uts import set_hostname\n", "defines no step"),
    ("x = 1\n", "defines no step"),
    ("", "defines no step"),
    ("def sethostname(name):\n    return 1\n", "defines no step"),
    ("def set_hostname(name)\n    pass\n", "syntax error in line 2"),
    ("def set_hostname(name):\n    pass\n    def broken(:\n", "syntax error in line 4"),
    ("def set_hostname(name):\nprint(1)\n", "syntax error in line 3"),
])
def test_a_cell_is_refused_with_a_sentence(cell: str, said: str):
    with pytest.raises(Refused, match=re.escape(said)) as refused:
        build.build("namespaces", cell)
    assert refused.value.hint
    assert not Path("my_runtime").exists()


def test_importing_the_solution_solves_nothing():
    with pytest.raises(Refused) as refused:
        build.build("namespaces", "from contain_lab.namespaces.uts import set_hostname\n")
    assert "importing the solution solves nothing" in refused.value.hint


@pytest.mark.parametrize("room", ["", "nothing", "namespaces uts"])
def test_an_unknown_room_is_refused_with_the_known_ones(room: str):
    with pytest.raises(Refused, match="no such room") as refused:
        build.build(room, SET)
    assert "namespaces" in refused.value.hint


def test_a_step_of_another_room_is_sent_there(untried: None):
    for more in ("", SET):
        with pytest.raises(Refused, match="bind_rootfs belongs to rootfs") as refused:
            build.build("namespaces", f"{more}\n\ndef bind_rootfs(root):\n    print(root)\n")
        assert "%%build rootfs" in refused.value.hint
    assert not Path("my_runtime").exists()


def test_a_call_without_its_module_is_named(untried: None):
    with pytest.raises(Refused, match="set_hostname uses sethostname") as refused:
        build.build("namespaces", IMPORT + "def set_hostname(name):\n    sethostname(name)\n")
    assert "did you mean syscalls.sethostname?" in refused.value.hint
    with pytest.raises(Refused, match="set_hostname uses os") as refused:
        build.build("namespaces", IMPORT + "def set_hostname(name):\n    os.open(name)\n")
    assert refused.value.hint.startswith("import os in this cell")


@needs_root
def test_a_check_after_a_refused_cell_says_that_nothing_of_it_was_kept():
    with pytest.raises(Refused):
        build.build("namespaces", "def set_hostname(name):\n    helper(name)\n")
    with pytest.raises(CheckFailed, match="your last cell with it was not accepted"):
        check("uts.hostname")
    build.build("namespaces", SET)
    assert check("uts.hostname").passed


def test_a_name_that_the_file_has_is_taken(untried: None):
    Path("my_runtime").mkdir()
    Path("my_runtime/namespaces.py").write_text("LIMIT = 64\n\n\ndef shorten(name):\n    return name[:LIMIT]\n")
    build.build("namespaces", IMPORT + "def set_hostname(name):\n    syscalls.sethostname(shorten(name)[:LIMIT])\n")
    assert "def shorten" in text()


def test_a_file_that_is_no_python_is_refused(untried: None):
    Path("my_runtime").mkdir()
    Path("my_runtime/namespaces.py").write_text("def broken(:\n")
    with pytest.raises(Refused, match=r"my_runtime/namespaces.py .*syntax error in line 1"):
        build.build("namespaces", SET)
    assert text() == "def broken(:\n"


@pytest.mark.parametrize("body", [
    "for each in (lambda x: [y for y in x])(name): print(each)",
    "match name:\n        case [first, *rest]: print(first, rest)\n        case {'a': one, **more}: print(one, more)",
    "class Name(str): pass\n    print(Name(name))",
    "try: import os\n    except ImportError as error: print(error)\n    print(os, __name__, __file__)",
    "def inner(): return set_hostname\n    if (got := inner()): print(got)",
])
def test_names_of_the_function_itself_are_known(untried: None, body: str):
    build.build("namespaces", f"def set_hostname(name):\n    {body}\n")
    assert "def set_hostname" in text()


# ---- a stub

@pytest.mark.parametrize(("body", "said"), [
    ('raise NotImplementedError("write set_hostname: give it a name")', "not written yet: give it a name."),
    ("raise NotImplementedError", "write its body"),
    ('"""Give it a name."""\n    raise NotImplementedError()', "Give it a name"),
])
def test_a_stub_says_what_to_write_and_is_not_written(body: str, said: str, capsys: pytest.CaptureFixture[str]):
    build.build("namespaces", f"def set_hostname(name):\n    {body}\n")
    told = capsys.readouterr().out
    assert told.startswith("set_hostname is not written yet: ")
    assert said in told
    assert told.count("\n") == 1
    assert not Path("my_runtime").exists()


# ---- what it says of a step

@needs_root
def test_what_the_kernel_saw_is_printed(capsys: pytest.CaptureFixture[str]):
    build.build("namespaces", SET)
    assert capsys.readouterr().out == (
        'set_hostname("my-container") ran in a process of its own, and came back\n'
        '  calls:      sethostname("my-container") = 0\n'
        "  namespaces: the same as before\n"
        "  host name:  the-host, then my-container; outside: the-host\n")
    build.build("namespaces", UNSHARE)
    assert capsys.readouterr().out == (
        "unshare_uts() ran in a process of its own, and came back\n"
        "  calls:      unshare(CLONE_NEWUTS) = 0\n"
        "  namespaces: another one for uts\n"
        "  host name:  the-host, unchanged; outside: the-host\n")
    build.build("namespaces", "import os\nfrom contain_lab import syscalls\ndef join_namespace(path, kind):\n"
                              "    syscalls.setns(os.open(path, os.O_RDONLY), 0)\n")
    assert "host name:  the-host, then the-neighbour; outside: the-host" in capsys.readouterr().out
    assert os.uname().nodename != "my-container"


@needs_root
@pytest.mark.parametrize(("body", "words"), [
    ("raise ValueError('my own mistake')", ["ValueError: my own mistake", "line 8, in set_hostname",
                                            "raise ValueError('my own mistake')"]),
    ("syscalls.sethostname(name * 65)", ["sethostname(", "EINVAL", "line 8, in set_hostname"]),
    ("syscalls.sethostname()", ["TypeError", "line 8, in set_hostname"]),
    ("import os; os._exit(3)", ["went away", "exit code 3"]),
    ("raise SystemExit(3)", ["SystemExit"]),
])
def test_a_step_that_does_not_come_back_is_an_error_with_its_own_lines(body: str, words: list[str]):
    with pytest.raises(build.NotYet) as failed:
        build.build("namespaces", IMPORT + f"def set_hostname(name):\n    {body}\n")
    shown = "\n".join(failed.value._render_traceback_())
    assert [word for word in words if word not in shown] == []
    assert not re.search(r"contain_lab/[\w/]+\.py", shown)
    assert "def set_hostname" in text()    # it is written all the same: the student goes on from there


@needs_root
def test_a_wrong_signature_is_answered_with_the_one_that_is_wanted():
    with pytest.raises(build.NotYet) as failed:
        build.build("namespaces", "def set_hostname():\n    pass\n")
    assert "`def set_hostname(name):` is wanted" in failed.value.message
    assert "errno" not in failed.value.message


@needs_root
def test_arguments_come_as_the_runtime_passes_them(capsys: pytest.CaptureFixture[str]):
    build.build("rootfs", "def mount_proc(root, target, options):\n    print(options + ('subset=pid',))\n")
    assert "('nosuid', 'noexec', 'nodev', 'subset=pid')\n" in capsys.readouterr().out


@needs_root
def test_flags_have_names_and_every_call_is_told(capsys: pytest.CaptureFixture[str]):
    build.build("namespaces", IMPORT + "def set_propagation(path, flags):\n    for _ in range(5):\n"
                                       "        syscalls.mount(None, path, None, flags)\n")
    told = capsys.readouterr().out
    assert 'set_propagation("/tmp/shared", MS_PRIVATE) ran' in told
    assert told.count('mount(NULL, "/tmp/shared", NULL, MS_PRIVATE) = 0\n') == 5


@needs_root
def test_both_returns_of_a_clone_are_seen(capsys: pytest.CaptureFixture[str]):
    build.build("namespaces", IMPORT + "def clone_into_namespaces(kinds):\n    print('once')\n"
                "    pid = syscalls.clone3(syscalls.CLONE_NEWPID)\n    print('child' if pid == 0 else 'parent')\n"
                "    return pid\n")
    told = capsys.readouterr().out.splitlines()
    assert sorted(told[:3]) == ["child", "once", "parent"]


@needs_root
def test_what_a_step_prints_and_returns_is_shown(capsys: pytest.CaptureFixture[str]):
    build.build("namespaces", "def set_hostname(name):\n    print('hello', name)\n    return 42\n")
    told = capsys.readouterr().out
    assert told.startswith("hello my-container\n")
    assert "returned 42, which nobody reads" in told
    assert "unchanged" in told
    assert told.count("\n") <= 6


@needs_root
def test_what_a_step_returns_and_somebody_needs_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]):
    build.build("namespaces", "import os\ndef reap_children(child):\n    while os.wait()[0] != child: pass\n    return 42\n")
    told = capsys.readouterr().out
    assert "and returned 42\n" in told
    assert "children:   4, then 1\n" in told


# ---- in a notebook

@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    found = InteractiveShell.instance()
    found.run_line_magic("load_ext", "contain_lab.labkit.build")
    yield found
    InteractiveShell.clear_instance()


@needs_root
@pytest.mark.parametrize(("cell", "said"), [
    ("%%build namespaces\ndef set_hostname(name)\n    pass", "syntax error in line 2"),
    ("%%build namespaces\ndef set_hostname(name):\n    raise ValueError('mine')", "ValueError: mine"),
    ("from contain_lab.labkit import *\ncheck('uts.hostname')", "saw:"),
    ("from contain_lab.labkit import *\ncheck('nothing')", "no lab has it"),
])
def test_no_line_of_ours_is_in_what_a_cell_shows(cell: str, said: str, shell: InteractiveShell,
                                                 capsys: pytest.CaptureFixture[str]):
    result = shell.run_cell(cell)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", "".join(capsys.readouterr()))
    assert isinstance(result.error_in_exec, ContainLabError)
    assert said in shown
    assert "Traceback" not in shown
    assert not re.search(r"contain_lab/[\w/]+\.py(:\d+|\"?, line)", shown)


def test_a_workspace_makes_nothing_by_being_looked_at():
    workspace = Workspace()
    assert workspace.progress() == {}
    assert workspace.source("set_hostname") == ""
    workspace.record("uts.hostname", False)
    assert not workspace.folder.exists()
