"""What the OCI command line answers about containers, and `run`; RUNTIME=runc runs the same against another runtime."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bundles import Bundle, groups, until

pytestmark = [pytest.mark.blackbox, pytest.mark.needs("root", "busybox")]


@contextmanager
def in_the_foreground(bundle: Bundle, program: str) -> Iterator[subprocess.Popen[str]]:
    """`run` of a program, which has said "ready"."""
    bundle.process["args"] = ["sh", "-c", f"echo ready; {program}"]
    bundle.write()
    line = [bundle.runtime, "--root", str(bundle.folder / "state"), "run", "--bundle", str(bundle.folder), bundle.id]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield running
        running.wait(20)


def test_a_list_has_a_line_for_each_container(bundle):
    pid = bundle.up()
    other = f"{bundle.id}-b"
    bundle.command("create", "--bundle", str(bundle.folder), other)
    head, *rows = bundle.command("list").out.splitlines()
    assert head.split()[:4] == ["ID", "PID", "STATUS", "BUNDLE"]
    assert {tuple(row.split()[:4:2]) for row in rows} == {(bundle.id, "running"), (other, "created")}
    assert bundle.command("list", "-q").out.split() == [bundle.id, other]
    found = {each["id"]: each for each in json.loads(bundle.command("list", "--format", "json").out)}
    assert (found[bundle.id]["pid"], found[bundle.id]["bundle"]) == (pid, str(bundle.folder))
    assert found[other]["status"] == "created"
    bundle.command("delete", "--force", other)


def test_a_list_of_nothing_is_its_head(bundle):
    assert bundle.command("list").out.split()[:3] == ["ID", "PID", "STATUS"]
    assert bundle.command("list", "-q").out == ""


def test_the_processes_of_a_container_are_its_own_and_all_of_them(bundle):
    pid = bundle.up("sleep 61 & sleep 62 & wait")
    until(lambda: len(json.loads(bundle.command("ps", "--format", "json", bundle.id).out)) == 3)
    table = bundle.command("ps", bundle.id).out
    assert str(pid) in table.split()
    assert all(each in table for each in ("PID", "sleep 61", "sleep 62"))
    assert len(table.splitlines()) == 4
    assert bundle.run_command("ps", "cl-test-nobody").code != 0


def test_ps_takes_options_of_ps(bundle):
    pid = bundle.up("exec sleep 61")
    until(lambda: "sleep 61" in bundle.command("ps", bundle.id).out)
    assert bundle.command("ps", bundle.id, "-o", "pid,comm", "-e").out.split() == ["PID", "COMMAND", str(pid), "sleep"]


def test_a_signal_for_all_reaches_all_processes(bundle):
    bundle.up("sleep 61 & trap : TERM; echo; while :; do sleep 0.05; done")

    def sleeps() -> bool:
        lines = bundle.command("ps", bundle.id, "-e", "-o", "pid,args").out.splitlines()
        return "sleep 61" in [line.split(None, 1)[1] for line in lines]
    until(sleeps)
    time.sleep(0.2)  # until the first has its trap
    bundle.command("kill", "--all", bundle.id, "TERM")
    until(lambda: not sleeps())
    assert bundle.status() == "running"
    bundle.command("kill", "--all", bundle.id, "KILL")
    until(lambda: bundle.status() == "stopped")


def test_in_a_shared_pid_namespace_all_are_killed_and_deleted(bundle):
    bundle.linux["namespaces"] = [{"type": "mount"}]
    del bundle.config["hostname"], bundle.config["mounts"][3:]
    bundle.linux["cgroupsPath"], bundle.linux["resources"]["pids"] = f"/{bundle.id}", {"limit": 20}
    first = bundle.up("sleep 61 & exec sleep 62")
    pids = until(lambda: (found := json.loads(bundle.command("ps", "--format", "json", bundle.id).out))[1:] and found)
    assert first in pids
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    bundle.command("delete", bundle.id)
    assert all(os.waitpid(pid, 0)[1] == signal.SIGKILL for pid in pids if pid != first)
    assert groups(bundle.id) == []


def test_a_config_to_begin_with_is_written_once_and_runs(bundle):
    def spec() -> int:
        return subprocess.run([bundle.runtime, "spec"], cwd=bundle.folder, stderr=subprocess.DEVNULL).returncode
    assert spec() == 0
    config = json.loads((bundle.folder / "config.json").read_text())
    assert config["process"]["args"] == ["sh"]
    assert config["process"]["terminal"] is True
    assert spec() != 0
    config["process"].update(args=["sh", "-c", "echo $$"], terminal=False)
    config["root"]["path"], bundle.config = str(bundle.rootfs), config
    bundle.write()
    assert bundle.command("run", "--bundle", str(bundle.folder), bundle.id).out == "1\n"


@pytest.mark.parametrize(("program", "code"), [("exit 3", 3), ("sleep 61 & kill -TERM $!; wait $!", 143)])
def test_run_ends_with_the_code_of_the_process_and_leaves_nothing(bundle, program, code):
    bundle.process["args"] = ["sh", "-c", program]
    bundle.write()
    assert bundle.run_command("run", "--bundle", str(bundle.folder), bundle.id).code == code
    assert bundle.command("list", "-q").out == ""


def test_while_it_runs_in_the_foreground_it_is_known_to_all_commands(bundle):
    with in_the_foreground(bundle, "trap 'exit 5' TERM; while :; do sleep 0.02; done") as running:
        state = bundle.state()
        assert state["status"] == "running"
        assert Path(f"/proc/{state['pid']}/root").exists()
        assert bundle.command("exec", bundle.id, "hostname").out == "box\n"
        assert bundle.command("list", "-q").out == f"{bundle.id}\n"
        assert bundle.run_command("delete", bundle.id).code != 0
        assert bundle.try_create().code != 0
        bundle.command("kill", bundle.id, "TERM")
        assert running.wait(10) == 5
    assert bundle.run_command("state", bundle.id).code != 0


def test_what_runs_in_the_foreground_is_deleted_by_force(bundle):
    with in_the_foreground(bundle, "sleep 61") as running:
        bundle.command("delete", "--force", bundle.id)
        assert running.wait(10) == 128 + signal.SIGKILL
    assert bundle.run_command("state", bundle.id).code != 0
    assert bundle.command("list", "-q").out == ""


def test_detached_it_runs_and_the_file_names_it(bundle):
    bundle.process["args"] = ["sleep", "61"]
    bundle.write()
    bundle.command("run", "--detach", "--pid-file", str(bundle.folder / "pid"), "--bundle", str(bundle.folder),
                   bundle.id)
    assert bundle.state()["status"] == "running"
    assert (bundle.folder / "pid").read_text() == str(bundle.state()["pid"])


@pytest.mark.parametrize("program", ["no-such-program", "/etc/passwd"])
def test_a_program_that_cannot_be_executed_leaves_no_container(bundle, program):
    bundle.process["args"] = [program]
    bundle.write()
    done = bundle.run_command("run", "--bundle", str(bundle.folder), bundle.id)
    assert done.code != 0
    assert program in done.err
    assert bundle.command("list", "-q").out == ""
