"""`contain-lab run --detach`: the container runs on without its command, and what came of it is kept."""

import json
import os
import re
import signal
from pathlib import Path

import pytest
from bundles import until

pytestmark = pytest.mark.needs("root", "busybox", "overlay")


def state(run, name):
    return json.loads(run.do("inspect", name).out)[0]["State"]


def test_it_outlives_its_command_and_its_exit_code_and_output_are_kept(run):
    done = run.do("run", "-d", "--name", "web", "busybox", "sh", "-c", "echo out; echo err >&2; sleep 0.3; exit 23")
    assert re.fullmatch("[0-9a-f]{12}\n", done.out)
    assert (done.code, done.err) == (0, "")
    assert state(run, done.out.strip())["Status"] == "running"
    until(lambda: state(run, "web")["Status"] == "exited")
    assert state(run, "web")["ExitCode"] == 23
    assert (run.place / "data/containers" / done.out.strip() / "output").read_text() == "out\nerr\n"
    run.do("rm", "web")


def test_nothing_is_left_of_one_that_is_not_to_be_kept(run):
    assert run("-d", "busybox", "true").code == 0
    until(lambda: run.left() == [])


def test_it_has_no_terminal_of_ours_and_no_input(run):
    run("-d", "--name", "web", "busybox", "sh", "-c", "cat; sleep 60", stdin=None)
    first = state(run, "web")["Pid"]
    fields = Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()
    stays = Path(f"/proc/{fields[1]}/stat").read_text().rpartition(")")[2].split()
    assert (fields[4], stays[4]) == ("0", "0")
    assert os.readlink(f"/proc/{first}/fd/0") == "/dev/null"
    assert stays[3] != str(os.getsid(0))
    assert run.do("rm", "-f", "web").err == ""


def test_a_shell_with_a_terminal_waits_for_whoever_comes(run):
    run("-d", "-t", "--name", "web", "busybox", "sh")
    assert "/dev/pts/0" in run.do("exec", "web", "readlink", "/proc/1/fd/0").out
    assert run.do("rm", "-f", "web").err == ""


@pytest.mark.parametrize(("words", "code", "said"), [
    (("busybox", "nope"), 127, "nope: no such program in the container"),
    (("busybox", "/etc/passwd"), 126, "/etc/passwd: cannot be executed"),
    (("-w", "/no/such", "busybox", "true"), 125, "no such file or directory (ENOENT)"),
    (("--skip", "set_hostname", "busybox", "true"), 125, "--detach: who looks at the steps of a start stays with it"),
])
def test_one_that_does_not_begin_is_told_as_in_the_foreground(run, words, code, said):
    done = run("-d", *words)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("contain-lab: ")
    assert said in done.err


def test_signals_and_removal_reach_it(run):
    program = "trap 'exit 8' TERM; while :; do sleep 0.05; done"
    for number in range(2):
        run.do("run", "-d", "--name", f"n{number}", "busybox", "sh", "-c", program)
    until(lambda: "sleep" in run.do("exec", "n0", "ps").out)
    run.do("kill", "-s", "TERM", "n0")
    until(lambda: state(run, "n0")["Status"] == "exited")
    assert state(run, "n0")["ExitCode"] == 8
    assert run.do("rm", "-f", "n0", "n1").code == 0


def test_when_the_process_that_stays_is_killed_the_container_is_too(run):
    run.do("run", "-d", "--name", "web", "busybox", "sleep", "60")
    first = state(run, "web")["Pid"]
    stays = int(Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(stays, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{first}").exists())
    assert (state(run, "web")["Status"], state(run, "web")["ExitCode"]) == ("exited", 137)
    run.do("rm", "web")


def test_many_at_once_have_ids_and_names_of_their_own(run):
    begun = [run.begin("run", "-d", "busybox", "sh", "-c", f"exit {number}") for number in range(15)]
    made = [process.communicate(timeout=60)[0].strip() for process in begun]
    until(lambda: run.do("ps", "-q").out == "", 20)
    assert len(set(made)) == 15
    assert [state(run, ident)["ExitCode"] for ident in made] == list(range(15))
    assert run.do("rm", *made).code == 0
