"""Recording: functions are replaced when it starts, and an event tells what each did."""

import errno
import os
import types
from pathlib import Path
from typing import Any

import pytest

from contain_lab import files, syscalls, trace


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.begun: list[dict[str, Any]] = []
        self.ended: list[dict[str, Any]] = []

    def begin(self, event: dict[str, Any]) -> None:
        self.begun.append(dict(event))

    def end(self, event: dict[str, Any]) -> None:
        self.ended.append(dict(event))


@pytest.fixture
def sink() -> Kept:
    return Kept()


@pytest.fixture
def room(sink: Kept) -> types.ModuleType:
    """A room whose step `outer` makes the call `inner`; both are recorded."""
    made = types.ModuleType("room")

    def inner(value: int) -> int:
        if value < 0:
            raise OSError(errno.EPERM, "Operation not permitted")
        return value + 1

    def outer(value: int) -> int:
        """Do it."""
        return made.inner(value) * 2

    made.inner, made.outer = inner, outer
    trace.wrap_call(made, "inner", "inner(2)", lambda value: {"value": str(value)}, sink, trace.now())
    trace.wrap_step(made, "outer", "room.outer", lambda value: {"value": str(value)}, sink, trace.now())
    return made


def test_results_and_docstrings_pass_through(room):
    assert room.outer(1) == 4
    assert room.outer.__doc__ == "Do it."


def test_a_call_carries_the_name_of_the_step_that_makes_it(room, sink):
    room.outer(1)
    room.inner(5)
    assert [(each["step"], each.get("call"), each["result"]) for each in sink.ended] == [
        ("room.outer", "inner", 2), ("room.outer", None, 4), ("", "inner", 6)]


def test_an_event_says_arguments_manual_page_process_and_times(room, sink):
    room.outer(1)
    call, step = sink.ended
    assert (call["args"], call["man"], call["pid"]) == ({"value": "1"}, "inner(2)", os.getpid())
    assert 0 <= call["us"] <= step["us"]
    assert step["at"] <= call["at"]


def test_a_step_is_told_when_it_begins_too(room, sink):
    room.outer(1)
    assert [each["step"] for each in sink.begun] == ["room.outer"]


def test_a_failure_is_told_by_its_errno_and_passes_on(room, sink):
    with pytest.raises(PermissionError):
        room.outer(-1)
    assert [each["result"] for each in sink.ended] == ["EPERM", "EPERM"]


def test_after_a_failure_the_next_call_is_in_no_step(room, sink):
    with pytest.raises(PermissionError):
        room.outer(-1)
    room.inner(1)
    assert sink.ended[-1]["step"] == ""


def test_a_call_that_does_not_return_is_told_before_it(sink):
    room = types.ModuleType("room")
    room.execve = lambda path: sink.ended.append({"call": "itself"})
    trace.wrap_call(room, "execve", "execve(2)", lambda path: {"path": path}, sink, trace.now(), returns=False)
    room.execve("/bin/true")
    assert [each["call"] for each in sink.ended[:2]] == ["execve", "itself"]
    assert sink.ended[0]["result"] is None


def test_a_step_that_forks_is_told_once(sink):
    room = types.ModuleType("room")
    room.twice = os.fork
    hear, say = os.pipe()
    trace.wrap_step(room, "twice", "room.twice", dict, trace.JsonLines(say, files.dump_json), trace.now())
    pid = room.twice()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(say)
    with open(hear) as lines:
        assert len(lines.readlines()) == 1


def test_nothing_is_touched_before_a_recording_begins():
    calls = [each for name, each in vars(syscalls).items() if isinstance(each, types.FunctionType)]
    assert [each for each in [*calls, os.chdir, files.put] if hasattr(each, "__wrapped__")] == []


def test_json_lines_are_one_write_each(tmp_path: Path):
    import json

    with open(tmp_path / "trace", "wb", buffering=0) as file:
        sink = trace.JsonLines(file.fileno(), files.dump_json)
        for number in range(3):
            sink.end({"call": "x", "args": {"name": 'a "quoted" ü'}, "number": number})
    found = [json.loads(line) for line in (tmp_path / "trace").read_text().splitlines()]
    assert [each["number"] for each in found] == [0, 1, 2]
    assert found[0]["args"]["name"] == 'a "quoted" ü'


def test_text_shows_a_step_and_below_it_its_calls(tmp_path: Path):
    with open(tmp_path / "trace", "wb", buffering=0) as file:
        sink = trace.Text(file.fileno())
        event = {"step": "uts.set_hostname", "args": {"name": '"web"'}, "pid": os.getpid()}
        call = {**event, "call": "sethostname", "result": 0, "us": 3.04, "man": "sethostname(2)"}
        sink.begin(event)
        sink.end(call)
        sink.end({**event, "result": 0, "us": 9.0})
        sink.end({**event, "pid": 1, "result": "EPERM", "us": 9.0})
    step, call, failed = (tmp_path / "trace").read_text().splitlines()
    assert step == 'parent uts.set_hostname("web")'
    assert call.startswith('parent   sethostname("web") = 0 ')
    assert call.endswith("3.0 µs  sethostname(2)")
    assert failed.startswith('child    uts.set_hostname("web") = EPERM')
