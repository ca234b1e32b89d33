"""Pause and resume: nothing of a container runs meanwhile, and what was made for it goes with the container."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from bundles import groups, until

pytestmark = pytest.mark.needs("root", "busybox")
TICK = "while :; do echo >>/ticks; sleep 0.01; done"
MANY = "for n in 1 2 3 4; do (while :; do echo >>/ticks; sleep 0.01; done) & done; while :; do true & wait; done"


def size(own_bundle) -> int:
    place = own_bundle.rootfs / "ticks"
    return place.stat().st_size if place.exists() else 0


def stands_still(own_bundle) -> bool:
    before = size(own_bundle)
    time.sleep(0.15)
    return size(own_bundle) == before


@pytest.mark.blackbox
@pytest.mark.parametrize("program", [TICK, MANY])
@pytest.mark.parametrize("resources", [{}, {"pids": {"limit": 50}}])
def test_what_is_paused_does_nothing_until_it_is_resumed(own_bundle, program, resources):
    own_bundle.linux["resources"] = resources
    own_bundle.up(program)
    until(lambda: size(own_bundle))
    own_bundle.command("pause", own_bundle.id)
    assert own_bundle.status() == "paused"
    assert stands_still(own_bundle)
    own_bundle.command("resume", own_bundle.id)
    assert own_bundle.status() == "running"
    until(lambda: not stands_still(own_bundle))


@pytest.mark.blackbox
def test_a_paused_container_is_deleted_by_force_alone_and_nothing_is_left(own_bundle):
    own_bundle.linux["cgroupsPath"] = f"/{own_bundle.id}"
    pid = own_bundle.up(TICK)
    own_bundle.command("pause", own_bundle.id)
    assert own_bundle.run_command("delete", own_bundle.id).code == 1
    own_bundle.command("delete", "--force", own_bundle.id)
    assert groups(own_bundle.id) + groups(f"cl-{own_bundle.id.removeprefix('cl-')}") == []
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.mark.blackbox
def test_a_paused_container_can_be_killed(own_bundle):
    pid = own_bundle.up(TICK)
    own_bundle.command("pause", own_bundle.id)
    own_bundle.command("kill", own_bundle.id, "KILL")
    assert until(lambda: os.waitpid(pid, os.WNOHANG)[0]) == pid
    assert own_bundle.status() == "stopped"


def test_who_was_entered_after_a_pause_stands_still_at_the_next(own_bundle):
    own_bundle.up("sleep 60")
    own_bundle.command("pause", own_bundle.id)
    refused = own_bundle.run_command("exec", own_bundle.id, "true")
    assert "it is paused, and no process can enter it" in refused.err
    own_bundle.command("resume", own_bundle.id)
    own_bundle.command("exec", "--detach", own_bundle.id, "sh", "-c", TICK)
    until(lambda: size(own_bundle))
    own_bundle.command("pause", own_bundle.id)
    assert stands_still(own_bundle)


@pytest.mark.parametrize(("verb", "said"), [("pause", "it is paused, and only a running one can be paused"),
                                            ("start", "it is paused, and only a created one can be started")])
def test_what_a_paused_container_cannot_do_is_said(own_bundle, verb, said):
    own_bundle.up(TICK)
    own_bundle.command("pause", own_bundle.id)
    done = own_bundle.run_command(verb, own_bundle.id)
    assert (done.code, said in done.err) == (1, True), done


def test_only_what_is_paused_goes_on(bundle):
    bundle.process["args"] = ["sleep", "60"]
    bundle.create()
    assert "it is created, and only a running one can be paused" in bundle.run_command("pause", bundle.id).err
    bundle.start()
    assert "it is running, and only a paused one can go on" in bundle.run_command("resume", bundle.id).err


# ---- people's

@pytest.fixture
def box(run, tmp_path):
    """A container that people see and that ticks; its process."""
    process = run.begin("run", "--rm", "--name", "web", "-v", f"{tmp_path}:/mine", "busybox", "sh", "-c",
                        "while :; do echo >>/mine/ticks; sleep 0.01; done", stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL)
    until((tmp_path / "ticks").exists)
    yield process
    run.do("rm", "--force", "web")
    process.wait(10)


@pytest.mark.needs("overlay")
def test_people_pause_and_unpause(run, box, tmp_path):
    ident = json.loads(run.do("inspect", "web").out)[0]["Id"]
    assert run.do("pause", "web").out == "web\n"
    assert "(paused)" in run.do("ps").out
    state = json.loads(run.do("inspect", "web").out)[0]["State"]
    assert (state["Status"], state["Paused"]) == ("paused", True)
    before = Path(tmp_path, "ticks").stat().st_size
    time.sleep(0.1)
    assert Path(tmp_path, "ticks").stat().st_size == before
    assert "it is paused, and no process can enter it" in run.do("exec", "web", "true").err
    assert run.do("unpause", "web").out == "web\n"
    until(lambda: Path(tmp_path, "ticks").stat().st_size > before)
    assert run.do("kill", "web").code == 0
    assert box.wait(10) == 137
    assert groups(f"cl-{ident}") == []


@pytest.mark.needs("overlay")
def test_a_paused_container_whose_command_was_killed_leaves_nothing(run, box):
    ident = json.loads(run.do("inspect", "web").out)[0]["Id"]
    run.do("pause", "web")
    os.kill(box.pid, signal.SIGKILL)
    box.wait()
    run.do("clean")
    assert groups(f"cl-{ident}") == []
