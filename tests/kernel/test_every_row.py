"""At every row of a start: left out, made to fail, killed there. What is left, and what is left after a sweep."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs("root", "busybox", "overlay")
SCRIPT = Path(__file__).with_name("at_every_row.py")
EXEC = SCRIPT.with_name("exec_at_every_row.py")


@pytest.fixture
def rows(place):
    """What at_every_row.py says: a function of what is to be done."""
    def run(how: str, script: Path = SCRIPT) -> list[dict[str, Any]]:
        said = subprocess.run([sys.executable, str(script), how], capture_output=True, text=True, timeout=100,
                              env={**os.environ, "CL_TEST_MARK": f"cl-test-rows-{os.getpid()}"})
        assert said.stderr == ""
        return [json.loads(line) for line in said.stdout.splitlines()]
    return run


@pytest.fixture
def host(place):
    """The host's name, and its mounts with our folder in them: the same before and after."""
    def look() -> tuple[str, list[str]]:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return os.uname().nodename, [line for line in lines if str(place) in line]
    before = look()
    yield
    assert look() == before


def told(each: dict[str, Any]) -> str:
    return f"{each['step']} #{each['number']} {each['side']}: exit {each['code']}, {each['before']}, {each['err']!r}"


@pytest.mark.parametrize("how", ["fail", "fail-user"])
def test_a_step_that_fails_is_named_and_nothing_is_left(rows, host, how):
    found = rows(how)
    assert len(found) >= 30
    assert [told(each) for each in found if each["before"] or each["after"]] == []
    assert [told(each) for each in found if each["code"] != 125
            or not each["err"].startswith(f"contain-lab: {each['step']}(")
            or "input/output error (EIO)\nhint: it was made to fail, as --fail asks" not in each["err"]] == []


@pytest.mark.parametrize("how", ["skip", "skip-user"])
def test_a_step_that_is_left_out_does_no_harm_to_the_host(rows, host, how):
    found = rows(how)
    assert len(found) >= 30
    assert [told(each) for each in found if each["before"] or each["after"]] == []
    assert [told(each) for each in found if each["code"] not in (0, 125, 126, 127)] == []
    assert [told(each) for each in found if each["code"] and not each["err"].startswith("contain-lab")] == []
    assert {each["step"] for each in found if each["code"] == 0} >= {
        "namespaces.uts.set_hostname", "rootfs.mask_path", "capabilities.drop_bounding_set"}


@pytest.mark.parametrize("how", ["kill-run", "kill-run-user"])
def test_a_run_that_is_killed_leaves_nothing_that_is_not_swept(rows, host, how):
    found = rows(how)
    assert len(found) >= 90
    assert [told(each) for each in found if each["after"]] == []
    assert [told(each) for each in found if {"process", "mount"} & set(each["before"])] == []
    by_child = [each for each in found if each["side"] == "self" and each["code"] == 1]
    assert len(by_child) >= 40
    assert [told(each) for each in by_child if each["before"] or "without a word (signal 9)" not in each["err"]] == []
    assert Counter(not each["before"] for each in found)[True] >= 40


@pytest.mark.needs("user namespace")
@pytest.mark.parametrize("how", ["kill-create", "kill-create-user"])
def test_a_create_that_is_killed_leaves_nothing_that_delete_does_not_take(rows, host, place, how):
    for folder in (place, *place.parents):
        folder.chmod(folder.stat().st_mode | 0o11)  # the mapped root is a stranger there
    found = rows(how)
    assert len(found) >= 90
    assert [told(each) for each in found if each["after"]] == []
    assert [told(each) for each in found if {"process", "mount"} & set(each["before"]) and each["code"] != 0] == []
    by_child = [each for each in found if each["side"] == "self" and each["code"] == 1]
    assert [told(each) for each in by_child if each["before"]] == []


# ---- exec into a container that goes on running

def seen(each: dict[str, Any]) -> str:
    return (f"{each['step']} #{each['number']} {each['side']}: exit {each['code']}, {each['status']}, {each['extra']}, "
            f"{each['err']!r}")


def test_an_exec_whose_step_fails_names_it_and_leaves_no_process(rows, host):
    found = rows("fail", EXEC)
    assert len(found) >= 15
    assert [seen(each) for each in found if each["extra"] or each["status"] != "running"] == []
    assert [seen(each) for each in found if each["code"] != 1
            or not each["err"].startswith(f"contain-lab: {each['step']}(") or "(EIO)" not in each["err"]] == []


def test_an_exec_whose_step_is_left_out_leaves_no_process(rows, host):
    found = rows("skip", EXEC)
    assert [seen(each) for each in found if each["extra"] or each["status"] != "running"] == []
    assert [seen(each) for each in found if each["code"] not in (0, 1, 126, 127)] == []


def test_an_exec_that_is_killed_leaves_no_process(rows, host):
    found = rows("kill", EXEC)
    assert len(found) >= 30
    assert [seen(each) for each in found if each["extra"] or each["status"] != "running"] == []
