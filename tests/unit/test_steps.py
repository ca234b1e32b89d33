"""Rows and their runner: run, undo, skip, fail, break off, and a student's functions in the place of ours."""

import errno
import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contain_lab import steps
from contain_lab.errors import ContainLabError, InvalidConfig, NotFound, StepFailed
from contain_lab.steps import PID, Later

Write = Callable[[str, str], str]


@pytest.fixture
def calls() -> list[tuple[Any, ...]]:
    """What was called, in order."""
    return []


@pytest.fixture
def room(calls: list[tuple[Any, ...]]) -> Iterator[types.ModuleType]:
    """A room of three steps that say that they were called."""
    made = types.ModuleType("contain_lab.namespaces.uts")
    for name in ("open_door", "close_door", "ring"):
        setattr(made, name, lambda *args, name=name: calls.append((name, *args)))
    yield made
    steps.theirs.clear()


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Write]:
    """Write a file of a student's package; the package's path."""
    def write(text: str, name: str = "namespaces.py") -> str:
        (tmp_path / "mine").mkdir(mode=0o755, exist_ok=True)
        (tmp_path / "mine" / name).write_text(text)
        return str(tmp_path / "mine")
    yield write
    for name in [name for name in sys.modules if name.startswith("my_runtime")]:
        del sys.modules[name]


def in_a_fork(function: Callable[[], object]) -> int:
    """The exit code of a process in which the function ran; 99 where it returned."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
            os._exit(99)
        finally:
            os._exit(98)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# ---- running

def test_rows_run_in_order_with_their_arguments(room, calls):
    steps.run([(room, "open_door", (1, "a")), (room, "ring", ())], [])
    assert calls == [("open_door", 1, "a"), ("ring",)]


def test_what_is_known_later_is_put_in_when_it_runs(room, calls):
    other = Later("FIFO")
    steps.run([(room, "ring", (PID, "x", other))], [], {PID: 42, other: 7})
    assert calls == [("ring", 42, "x", 7)]


def test_a_later_that_nobody_knows_is_an_error(room):
    with pytest.raises(KeyError):
        steps.run([(room, "ring", (PID,))], [])


def test_a_later_is_shown_by_its_name():
    assert steps.shown([PID, "a", ("b", 1)]) == 'PID, "a", ("b", 1)'


def test_long_arguments_are_cut():
    assert len(steps.shown(["x" * 500])) == 100
    assert steps.shown(["x" * 500]).endswith("...")


def test_a_failing_step_is_named_and_keeps_its_number(room):
    def open_door(place: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", place)
    room.open_door = open_door
    with pytest.raises(StepFailed) as caught:
        steps.run([(room, "open_door", ("/x",))], [])
    assert caught.value.message == 'namespaces.uts.open_door("/x"): /x: permission denied (EACCES)'
    assert caught.value.errno == errno.EACCES
    assert caught.value.frames[-1][2] == "open_door"


@pytest.mark.parametrize("error", [
    SystemExit(3), RecursionError("deep"), MemoryError(), TypeError("two"), GeneratorExit()])
def test_whatever_a_step_raises_becomes_its_failure(room, error):
    def ring() -> None:
        raise error
    room.ring = ring
    with pytest.raises(StepFailed, match=rf"^namespaces\.uts\.ring\(\): {type(error).__name__}"):
        steps.run([(room, "ring", ())], [])


def test_an_interrupt_stays_an_interrupt(room):
    def ring() -> None:
        raise KeyboardInterrupt
    room.ring = ring
    with pytest.raises(KeyboardInterrupt):
        steps.run([(room, "ring", ())], [])


def test_the_exit_code_of_an_error_of_ours_is_kept(room):
    def ring() -> None:
        raise InvalidConfig("no", "do this", 127)
    room.ring = ring
    with pytest.raises(StepFailed) as caught:
        steps.run([(room, "ring", ())], [])
    assert (caught.value.code, caught.value.hint) == (127, "do this")


# ---- undo

def test_done_holds_the_undo_of_what_succeeded_only(room):
    done: list[Any] = []
    room.ring = lambda: 1 / 0
    with pytest.raises(StepFailed):
        steps.run([(room, "open_door", (), (room, "close_door", ("a",))), (room, "ring", (), (room, "ring", ()))], done)
    assert done == [(room, "close_door", ("a",))]


def test_undo_runs_backwards_and_goes_on_after_a_failure(room, calls):
    def close_door(name: str) -> None:
        calls.append((name,))
        if name == "b":
            raise OSError(errno.EBUSY, "Device or resource busy", "/b")
    room.close_door = close_door
    done = [(room, "close_door", (name,)) for name in "abc"]
    assert steps.undo(done) == ["namespaces.uts.close_door: /b: device or resource busy (EBUSY)"]
    assert calls == [("c",), ("b",), ("a",)]
    assert done == []


@pytest.fixture
def their_close(room, monkeypatch):
    """A student's function in the place of close_door; what raises is put into it."""
    monkeypatch.setattr(steps, "theirs", {"namespaces.uts.close_door": "file"})
    monkeypatch.setattr(steps, "ours", {"namespaces.uts.close_door": room.close_door})
    monkeypatch.setattr(steps, "misdone", {})

    def put(function) -> None:
        room.close_door = function
    return put


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), OSError(errno.EPERM, "no")])
def test_after_a_students_function_that_fails_ours_undoes(room, calls, their_close, error):
    def raises(name: str) -> None:
        calls.append(("theirs", name))
        raise error
    their_close(raises)
    told = []
    done = [(room, "close_door", (name,)) for name in "ab"]
    assert steps.undo(done, lambda what, step: told.append(what)) == []
    assert calls == [("theirs", "b"), ("close_door", "b"), ("close_door", "a")]
    assert told == ["begins", "ends"]
    assert [type(each.__cause__) for each in steps.misdone.values()] == [type(error)]


def test_after_a_students_function_that_does_nothing_ours_undoes(room, calls, their_close):
    their_close(lambda name: None)
    assert steps.undo([(room, "close_door", ("a",))]) == []
    assert calls == [("close_door", "a")]
    assert steps.misdone == {}


def test_what_a_student_has_undone_is_no_failure_of_ours(room, their_close):
    def gone(name: str) -> None:
        raise FileNotFoundError(errno.ENOENT, "gone", name)
    steps.ours["namespaces.uts.close_door"] = gone
    their_close(lambda name: None)
    assert steps.undo([(room, "close_door", ("a",))]) == []


# ---- steps that are skipped, fail, or are broken off

def test_a_step_is_found_by_the_end_of_its_name(room):
    rows = [(room, "open_door", ()), (room, "ring", ())]
    for name in ("ring", "uts.ring", "namespaces.uts.ring"):
        assert steps.find(rows, name) == (room, "ring")


@pytest.mark.parametrize(("wanted", "hint"), [
    ("rang", "did you mean ring?"), ("uts.open_dor", "did you mean open_door?"), ("zzzz", "--explain lists them"),
    ("ing", "did you mean ring?"),
])
def test_an_unknown_step_is_refused_with_the_nearest(room, wanted, hint):
    with pytest.raises(NotFound) as caught:
        steps.find([(room, "open_door", ()), (room, "ring", ())], wanted)
    assert caught.value.message == f"step '{wanted}': not among the steps of this container"
    assert caught.value.hint == hint


def test_a_skipped_step_is_not_called_and_the_next_is(room, calls):
    rows = [(room, "open_door", (1,)), (room, "ring", ())]
    steps.skip(rows, "open_door")
    steps.run(rows, [])
    assert calls == [("ring",)]


def test_a_step_made_to_fail_raises_that_number_and_says_why(room):
    rows = [(room, "ring", ())]
    steps.fail(rows, "ring", errno.ENOSPC)
    with pytest.raises(StepFailed) as caught:
        steps.run(rows, [])
    assert caught.value.message == "namespaces.uts.ring(): no space left on device (ENOSPC)"
    assert caught.value.hint == "it was made to fail, as --fail asks"


def test_a_break_calls_the_shell_after_the_step_and_ends_the_run(room, calls):
    rows = [(room, "open_door", ()), (room, "ring", ())]
    steps.break_at(rows, "open_door", lambda full: calls.append(("shell", full)))
    with pytest.raises(steps.BrokenOff, match=r"open_door: broken off here") as caught:
        steps.run(rows, [])
    assert calls == [("open_door",), ("shell", "namespaces.uts.open_door")]
    assert caught.value.code == 0


def test_a_break_at_the_clone_stops_the_parents_side_only(room, calls):
    room.clone_into_namespaces = lambda: 0
    rows = [(room, "clone_into_namespaces", ())]
    steps.break_at(rows, "clone_into_namespaces", lambda full: calls.append(("shell",)))
    assert room.clone_into_namespaces() == 0
    assert calls == []


# ---- a student's steps

def test_a_function_with_the_name_of_a_step_takes_its_place(room, package, calls):
    path = package("def ring(name):\n    return name * 2\n")
    assert steps.use(path, [room]) == ["namespaces.uts.ring"]
    assert room.ring("a") == "aa"
    assert steps.theirs == {"namespaces.uts.ring": f"{path}/namespaces.py"}


def test_other_names_private_ones_and_imported_ones_stay_out(room, package):
    room._ring = room.ring
    before = vars(room).copy()
    path = package("from os import mkdir as ring\ndef _ring(): ...\ndef other(): ...\n"
                   "open_door = 3\nclass close_door: ...\n")
    assert steps.use(path, [room]) == []
    assert vars(room) == before


def test_a_room_without_a_file_of_theirs_stays_ours(room, package):
    assert steps.use(package("def ring(): ...\n", "rootfs.py"), [room]) == []


def test_a_step_of_theirs_is_announced_and_ours_is_not(room, package):
    steps.use(package("def ring(): ...\n"), [room])
    said: list[tuple[str, str]] = []
    steps.run([(room, "open_door", ()), (room, "ring", ())], [], announce=lambda *words: said.append(words))
    assert said == [("begins", "namespaces.uts.ring"), ("ends", "namespaces.uts.ring")]


def test_the_lines_of_their_file_are_in_the_failure(room, package):
    path = package("def ring():\n    return {}['x']\n")
    steps.use(path, [room])
    with pytest.raises(StepFailed, match="KeyError: 'x'") as caught:
        steps.run([(room, "ring", ())], [])
    assert (f"{path}/namespaces.py", 2, "ring") in caught.value.frames


def test_their_step_that_forks_and_returns_twice_goes_on_once(room, package):
    steps.use(package("import os\ndef ring():\n    os.fork()\n"), [room])

    def run_and_wait() -> None:
        steps.run([(room, "ring", ())], [])
        assert os.waitpid(-1, 0)[1] == 0
    assert in_a_fork(run_and_wait) == 99


def test_their_clone_returns_twice_as_a_clone_does(room, package):
    steps.use(package("import os\ndef ring():\n    return os.fork()\n"), [room])

    def both() -> None:
        pid = steps.call(room, "ring", (), clones=True)
        os._exit(7 if pid == 0 else os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    assert in_a_fork(both) == 7


@pytest.mark.parametrize(("text", "message"), [
    ("def ring(:\n", r":1: syntax error: "),
    ("x = 1\ny = x.z\n", r":2: AttributeError: 'int' object has no attribute 'z'$"),
    ("import nowhere_at_all\n", r":1: ModuleNotFoundError: No module named 'nowhere_at_all'$"),
    ("raise SystemExit(3)\n", r":1: SystemExit: 3$"),
    ("open('/nowhere/x')\n", r":1: /nowhere/x: no such file or directory \(ENOENT\)$"),
])
def test_a_file_of_theirs_that_cannot_be_loaded_is_named_with_its_line(room, package, text, message):
    path = package(text)
    with pytest.raises(ContainLabError, match=f"^{path}/namespaces.py{message}"):
        steps.use(path, [room])


def test_no_package_is_refused(tmp_path):
    with pytest.raises(NotFound, match="no such folder"):
        steps.check_owner(f"{tmp_path}/none")


@pytest.mark.parametrize("name", ["", "/namespaces.py"])
def test_a_package_that_others_may_write_is_refused(room, package, name):
    path = package("def ring(): ...\n")
    os.chmod(path + name, 0o777)
    with pytest.raises(ContainLabError, match="others may write here") as caught:
        steps.use(path, [room])
    assert caught.value.hint == f"chmod o-w {path}{name}"


def test_a_package_whose_file_is_a_link_to_what_others_may_write_is_refused(room, package, tmp_path):
    (tmp_path / "open.py").write_text("def ring(): ...\n")
    (tmp_path / "open.py").chmod(0o666)
    path = package("", "rootfs.py")
    os.symlink(tmp_path / "open.py", f"{path}/namespaces.py")
    with pytest.raises(ContainLabError, match="others may write here"):
        steps.use(path, [room])


def test_a_flag_has_its_name_where_its_parameter_is_known(monkeypatch):
    monkeypatch.setitem(steps.readers, "propagation", {4: "FOUR"}.get)

    def step(path, propagation):
        pass

    assert steps.shown(["/", 4], step) == '"/", FOUR'
    assert steps.shown(["/", 4]) == '"/", 4'
