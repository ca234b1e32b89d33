"""Each check takes the solution, and every other right way; it refuses the stub; what it says and keeps."""

import functools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contain_lab.labkit import checking, hints, judge
from contain_lab.labkit.generator.build import Answer, read_answer
from contain_lab.labkit.generator.source import read_source
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.table import LABS, find_check, find_lab, find_step
from contain_lab.labkit.judge.verdict import PARTS, messages
from contain_lab.labkit.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
needs_root = pytest.mark.needs("root", "image busybox")
CHECKS = [check.id for lab in LABS for check in lab.checks]


@functools.cache
def answers(lab: str) -> dict[str, Answer]:
    """The solution of each step of a lab, as its notebook has it."""
    cells = read_source(ROOT / f"solutions/{find_lab(lab).stem}.py")
    return {cell.build: read_answer(cell, find_step(cell.build)[1]) for cell in cells if cell.build}


def solution(folder: Path, check: str, stub: bool = False) -> Path:
    """my_runtime with the solutions of a check's steps, or with stubs."""
    texts: dict[str, str] = {}
    for name in find_check(check)[1].steps:
        lab, step = find_step(name)
        answer = answers(lab.number)[name]
        cell = answer.stub() if stub else answer.solution()
        texts[step.room] = texts.get(step.room, "") + cell.partition("\n")[2] + "\n"    # its first line is the magic
    package = folder / "my_runtime"
    package.mkdir()
    for room, text in texts.items():
        (package / f"{room}.py").write_text(text)
    return package


@needs_root
@pytest.mark.parametrize("check", CHECKS)
def test_the_solution_passes_twice_from_fresh(check: str, tmp_path: Path):
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        verdict = judge.run_check(check, solution(tmp_path / run, check))
        assert verdict.passed, verdict.text
        assert verdict.text.startswith(f"✓ {check}: ")
        assert not set("0123456789") & set(verdict.text.removeprefix(f"✓ {check}: "))    # nbval compares it


@needs_root
@pytest.mark.parametrize("check", CHECKS)
def test_the_stub_fails(check: str, tmp_path: Path):
    verdict = judge.run_check(check, solution(tmp_path, check, stub=True))
    assert not verdict.passed
    assert "write" in verdict.text
    assert verdict.message in ("not_written", "not_started") or verdict.message.endswith(".container.step_failed")


@needs_root
@pytest.mark.parametrize("check", CHECKS)
def test_without_a_folder_nothing_is_written_yet(check: str, tmp_path: Path):
    assert judge.run_check(check, tmp_path / "my_runtime").message == "not_written"


@needs_root
@pytest.mark.parametrize("check", CHECKS)
def test_a_check_answers_within_300_ms(check: str, tmp_path: Path):
    package = solution(tmp_path, check)
    assert min(judge.run_check(check, package).ms for _ in range(3)) <= 300


MOUNTS = "import os\nfrom contain_lab import syscalls\nfrom contain_lab.syscalls import *\n"


@needs_root
@pytest.mark.parametrize(("check", "source"), [
    ("root.bind", f"{MOUNTS}def bind_rootfs(root):\n    syscalls.mount(root, root, None, MS_BIND | MS_REC)\n"),
    ("root.bind", "import subprocess\ndef bind_rootfs(root):\n"
                  "    subprocess.run(['mount', '--rbind', root, root], check=True)\n"),
    ("root.pivot", f"{MOUNTS}def pivot_into_rootfs(root):\n    os.makedirs(f'{{root}}/old', exist_ok=True)\n"
                   "    syscalls.pivot_root(root, f'{root}/old')\n    os.chdir('/')\n"
                   "    syscalls.umount2('/old', MNT_DETACH)\n    os.rmdir('/old')\n"),
    ("root.pivot", f"{MOUNTS}def pivot_into_rootfs(root):\n    old, new = os.open('/', 0), os.open(root, 0)\n"
                   "    os.fchdir(new)\n    syscalls.pivot_root('.', '.')\n    os.fchdir(old)\n"
                   "    syscalls.umount2('.', MNT_DETACH)\n    os.chdir('/')\n    os.close(old)\n    os.close(new)\n"),
    ("mounts.propagation", "import subprocess\ndef set_propagation(path, propagation):\n"
                           "    kind = {1 << 18: 'private', 1 << 19: 'slave', 1 << 20: 'shared'}[propagation]\n"
                           "    subprocess.run(['mount', f'--make-r{kind}', path], check=True)\n"),
    ("mounts.propagation", f"{MOUNTS}def set_propagation(path, propagation):\n"
                           "    place = os.open(path, os.O_PATH)\n"
                           "    syscalls.mount_setattr(place, AT_RECURSIVE, 0, 0, propagation)\n    os.close(place)\n"),
    ("mounts.proc", f"{MOUNTS}from contain_lab import files, rootfs\ndef mount_proc(root, target, options):\n"
                    "    rootfs.check_real_directory(root, target)\n    context = syscalls.fsopen('proc')\n"
                    "    syscalls.fsconfig(context, FSCONFIG_CMD_CREATE)\n"
                    "    tree = syscalls.fsmount(context, rootfs.split_options(options)[0])\n"
                    "    rootfs.attach(tree, files.make_in_root(root, target))\n    os.close(context)\n"),
    ("mounts.readonly", f"{MOUNTS}from contain_lab import files\ndef make_path_readonly(root, path):\n"
                        "    try:\n        place = files.open_in_root(root, path)\n"
                        "    except OSError:\n        return\n    where = f'/proc/self/fd/{place}'\n"
                        "    syscalls.mount(where, where, None, MS_BIND | MS_REC)\n    os.close(place)\n"
                        "    new = files.open_in_root(root, path)\n"
                        "    syscalls.mount_setattr(new, AT_RECURSIVE, MOUNT_ATTR_RDONLY)\n    os.close(new)\n"),
    ("uts.hostname", "import socket\ndef set_hostname(name):\n    socket.sethostname(name)\n"),
    ("uts.hostname", "import subprocess\ndef set_hostname(name):\n"
                     "    subprocess.run(['hostname', name], check=True)\n"),
    ("uts.hostname", "from contain_lab import syscalls\ndef set_hostname(name):\n"
                     "    syscalls.unshare(syscalls.CLONE_NEWUTS)\n    syscalls.sethostname(name)\n    return name\n"),
    ("uts.unshare", "import ctypes\ndef unshare_uts():\n    assert ctypes.CDLL(None).unshare(0x4000000) == 0\n"),
    ("uts.join", "import os\nfrom contain_lab import namespaces, syscalls\ndef join_namespace(path, kind):\n"
                 "    with open(path) as file:\n        syscalls.setns(file.fileno(), namespaces.KINDS[kind][1])\n"),
    ("uts.join", "import os\nfrom contain_lab import namespaces, syscalls\ndef join_namespace(path, kind):\n"
                 "    if kind not in path:\n        raise ValueError(f'{path} is no {kind} namespace')\n"
                 "    file = os.open(path, os.O_RDONLY)\n    syscalls.setns(file, 0)\n    os.close(file)\n"),
])
def test_every_right_way_is_taken(check: str, source: str, tmp_path: Path):
    (tmp_path / "my_runtime").mkdir()
    room = find_step(find_check(check)[1].steps[0])[1].room
    (tmp_path / f"my_runtime/{room}.py").write_text(source)
    verdict = judge.run_check(check, tmp_path / "my_runtime")
    assert verdict.passed, verdict.text


@needs_root
def test_names_come_from_the_seed(tmp_path: Path):
    (tmp_path / "my_runtime").mkdir()
    (tmp_path / "my_runtime/namespaces.py").write_text("def set_hostname(name):\n    print(name)\n    return 1 / 0\n")
    one, two, other, free = (judge.run_check("uts.hostname", tmp_path / "my_runtime", seed=seed).output
                             for seed in ("ada", "ada", "bob", ""))
    assert one == two
    assert len({one, other, free}) == 3


@needs_root
@pytest.mark.parametrize(("text", "said", "words"), [
    ("def set_hostname(name):\n    pass\n\ndef broken(:\n", "syntax", ["line 4", "my_runtime/namespaces.py"]),
    ("import nothing_of_that_name\n", "unloadable", ["nothing_of_that_name", "my_runtime/namespaces.py:1"]),
    ("raise SystemExit(5)\n", "unloadable", ["my_runtime/namespaces.py"]),
    ("x = 1\n", "not_written", ["set_hostname", "my_runtime/namespaces.py"]),
    ("def set_hostname(name):\n    deeper()\n\ndef deeper():\n    raise KeyError('mine')\n", "raised",
     ["KeyError", "line 2, in set_hostname", "line 5, in deeper", "raise KeyError('mine')"]),
    ("while True: pass\n", "hung", ["2 s"]),
])
def test_a_file_that_cannot_be_used(text: str, said: str, words: list[str], tmp_path: Path):
    (tmp_path / "my_runtime").mkdir()
    (tmp_path / "my_runtime/namespaces.py").write_text(text)
    verdict = judge.run_check("uts.hostname", tmp_path / "my_runtime", seconds=2)
    assert verdict.message == said, verdict.text
    assert [word for word in words if word not in verdict.text] == []


@needs_root
@pytest.mark.parametrize("wrapped", [
    ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc", "--net"),
    ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
])
def test_it_works_in_other_namespaces(wrapped: tuple[str, ...], tmp_path: Path):
    code = ("import pathlib, sys\nfrom contain_lab.labkit import judge\n"
            "print(judge.run_check('uts.hostname', pathlib.Path(sys.argv[1])).text)")
    done = subprocess.run([*wrapped, sys.executable, "-c", code, str(solution(tmp_path, "uts.hostname"))],
                          capture_output=True, text=True, timeout=20)
    assert done.stdout.startswith("✓ uts.hostname"), done.stderr



# ---- in a notebook

@needs_root
def test_check_keeps_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    package = solution(tmp_path, "uts.hostname")
    assert checking.check("uts.hostname").passed
    kept = json.loads((package / "progress.json").read_text())
    assert list(kept) == ["uts.hostname"]
    assert kept["uts.hostname"]["date"] == time.strftime("%Y-%m-%d")
    assert Workspace().progress() == kept    # a kernel that was started anew reads the same
    (package / "namespaces.py").write_text("def set_hostname(name):\n    return None\n")
    with pytest.raises(checking.CheckFailed):
        checking.check("uts.hostname")
    assert Workspace().progress() == {}


@needs_root
def test_a_failed_check_shows_its_message_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_runtime").mkdir()
    (tmp_path / "my_runtime/namespaces.py").write_text("def set_hostname(name):\n    print('from the step')\n")
    with pytest.raises(checking.CheckFailed) as failed:
        checking.check("uts.hostname")
    shown = "\n".join(failed.value._render_traceback_())
    assert shown == failed.value.verdict.text
    assert all(f"{part}:" in shown for part in PARTS)
    assert "from the step\n" in capsys.readouterr().out


def test_an_unknown_check_is_refused_with_the_known_ones():
    for function in (checking.check, hints.hint):
        with pytest.raises(Refused, match="no lab has it") as refused:
            function("uts.nothing")
        assert "uts.hostname" in refused.value.hint


@pytest.mark.parametrize("check", CHECKS)
def test_hints_come_in_four_steps(check: str):
    given = [repr(hints.hint(check)) for _ in range(4)]
    assert len(set(given)) == 4
    assert [repr(hints.hint(check, number)) for number in (1, 2, 3, 4)] == given
    with pytest.raises(Refused, match="hint 5"):
        hints.hint(check, 5)


def test_every_message_has_its_parts():
    for id, words in messages().items():
        check = ".".join(id.split(".")[:2])
        wanted = {"passed", "hints"} if id in CHECKS else set(PARTS)
        assert set(words) == wanted, id
        assert check in CHECKS or "." not in id
        assert not [part for part in wanted - {"hints"} if words[part].endswith(".")], id    # the full stop is added
    assert set(CHECKS) <= messages().keys()
