"""What people do to a container that runs: one more process in it, signals, its removal."""

import json
import os
import re
import signal
import subprocess
import termios
import time
from collections.abc import Iterator

import pytest
from bundles import until
from people import Run
from test_run import read_until

pytestmark = pytest.mark.needs("root", "busybox", "overlay")


@pytest.fixture
def box(run: Run) -> Iterator["subprocess.Popen[str]"]:
    """A container called web, which ends with 8 at USR1 and is not to be kept."""
    program = "trap 'exit 8' USR1; touch /mark; echo ready; while :; do sleep 0.05; done"
    process = run.begin("run", "--rm", "--name", "web", "-e", "OWN=1", "-w", "/tmp", "--hostname", "box", "busybox",
                        "sh", "-c", program)
    assert process.stdout.readline() == "ready\n"
    yield process
    run.do("rm", "-f", "web")
    process.communicate(timeout=10)


def inspected(run: Run, name: str) -> dict[str, object]:
    return json.loads(run.do("inspect", name).out)[0]


# ---- exec

NAMESPACES = [f"/proc/self/ns/{kind}" for kind in ("mnt", "net", "ipc", "uts", "pid", "cgroup")]


def test_a_process_is_in_the_container_as_its_first_is(run, box):
    look = (f"for each in {' '.join(NAMESPACES)}; do readlink $each; done; ls /mark; hostname; echo $OWN $PWD; "
            "cat /proc/1/comm")
    said = run.do("exec", "web", "sh", "-c", look).out.splitlines()
    first = inspected(run, "web")["State"]["Pid"]
    assert said[:6] == [os.readlink(path.replace("self", str(first))) for path in NAMESPACES]
    assert said[6:] == ["/mark", "box", "1 /tmp", "sh"]


def test_exit_code_input_and_both_outputs_are_the_commands(run, box):
    assert run.do("exec", "web", "sh", "-c", "exit 7").code == 7
    assert run.do("exec", "-i", "web", "cat", stdin="to and fro").out == "to and fro"
    assert run.do("exec", "web", "cat", stdin="to and fro").out == ""
    done = run.do("exec", "web", "sh", "-c", "echo out; echo err >&2; kill -9 $$")
    assert (done.out, done.err, done.code) == ("out\n", "err\n", 137)


def test_variables_folder_and_user_are_as_asked(run, box):
    done = run.do("exec", "-e", "A=1", "-w", "/", "-u", "alice", "web", "sh", "-c", "echo $A $OWN $PWD $(id -u) $HOME")
    assert done.out == "1 1 / 1000 /\n"
    assert run.do("exec", "web", "sh", "-c", "echo $HOME").out == "/root\n"


def test_a_process_has_no_more_power_than_the_first(run):
    process = run.begin("run", "--rm", "--name", "web", "--cap-drop", "ALL", "--cap-add", "CHOWN", "busybox", "sh",
                        "-c", "echo ready; sleep 60")
    process.stdout.readline()
    said = run.do("exec", "web", "grep", "-E", "^(Cap|Seccomp:|NoNewPrivs)", "/proc/self/status").out
    first = run.do("exec", "web", "grep", "-E", "^(Cap|Seccomp:|NoNewPrivs)", "/proc/1/status").out
    assert said == first
    assert "CapEff:\t0000000000000001\n" in said
    run.do("kill", "web")
    process.communicate(timeout=10)


def test_a_terminal_has_the_size_of_ours_and_follows_it(run, box, terminal):
    ours, theirs = terminal
    termios.tcsetwinsize(ours, (31, 91))
    before = termios.tcgetattr(theirs)
    process = run.begin("exec", "-it", "web", "sh", stdin=theirs, stdout=theirs, stderr=theirs)
    read_until(ours, b"# ")
    os.write(ours, b"stty size; tty\n")
    said = read_until(ours, b"/dev/pts/")
    assert b"31 91" in said
    termios.tcsetwinsize(ours, (41, 101))
    process.send_signal(signal.SIGWINCH)
    os.write(ours, b"stty size; exit 5\n")
    read_until(ours, b"41 101")
    assert process.wait(10) == 5
    assert termios.tcgetattr(theirs) == before


@pytest.mark.parametrize(("words", "code", "said"), [
    (("web", "nope"), 127, "nope: no such program in the container"),
    (("web", "/etc/passwd"), 126, "/etc/passwd: cannot be executed: permission denied (EACCES)"),
    (("nobody", "true"), 125, "container nobody: it does not exist\nhint: contain-lab ps -a lists them\n"),
    (("web",), 125, "exec: a command is due\nhint: contain-lab exec NAME COMMAND ...\n"),
    (("-u", "no-such", "web", "true"), 125, "user no-such: no such name in the container's /etc/passwd"),
    (("--fly", "web", "true"), 125, "exec: unrecognized arguments: --fly"),
])
def test_what_cannot_be_done_gives_the_codes_of_shells_and_docker(run, box, words, code, said):
    done = run.do("exec", *words)
    assert done.code == code
    assert done.err.startswith("contain-lab: ")
    assert said in done.err
    assert "Traceback" not in done.err


def test_the_containers_own_users_count(run, box):
    """They may have been made since it began."""
    run.do("exec", "web", "sh", "-c", "echo new:x:77:78::/home/new:/bin/sh >>/etc/passwd")
    assert run.do("exec", "-u", "new", "web", "sh", "-c", "echo $(id -u):$(id -g) $HOME").out == "77:78 /home/new\n"


def test_a_killed_exec_takes_its_process_along(run, box):
    process = run.begin("exec", "web", "sleep", "61")
    assert until(lambda: "sleep 61" in run.do("exec", "web", "ps").out)
    process.kill()
    process.communicate()
    assert until(lambda: "sleep 61" not in run.do("exec", "web", "ps").out)


def test_it_ends_with_the_container(run, box):
    process = run.begin("exec", "web", "sh", "-c", "echo ready; sleep 60")
    process.stdout.readline()
    run.do("kill", "web")
    assert process.wait(10) == 137
    process.communicate()


# ---- kill

def test_a_signal_of_ones_choice_reaches_it(run, box):
    for word in ("USR1", "SIGUSR1", "10"):
        assert run.do("kill", "-s", word, "web").out in ("web\n", "")
        if box.poll() is not None:
            break
    assert box.wait(10) == 8


def test_without_a_choice_it_is_killed_and_its_exit_code_is_kept(run):
    process = run.begin("run", "--name", "web", "busybox", "sh", "-c", "echo ready; sleep 60")
    process.stdout.readline()
    assert run.do("kill", "web").out == "web\n"
    assert process.wait(10) == 137
    process.communicate()
    assert inspected(run, "web")["State"]["ExitCode"] == 137
    for words in (("kill", "web"), ("exec", "web", "true")):
        assert run.do(*words).err == ("contain-lab: container web: it is exited, not running\n"
                                      "hint: contain-lab ps lists those that run\n")
    run.do("rm", "web")


def test_a_signal_that_there_is_not_is_refused(run, box):
    assert run.do("kill", "-s", "NOSUCH", "web").err == ("contain-lab: signal NOSUCH: no such signal\n"
                                                         "hint: kill -l lists them\n")
    assert box.poll() is None


# ---- rm --force

@pytest.mark.parametrize("options", [(), ("--rm",)])
def test_force_ends_one_that_runs_and_removes_it(run, options):
    process = run.begin("run", *options, "--name", "web", "busybox", "sh", "-c", "echo ready; sleep 60")
    process.stdout.readline()
    begun = time.monotonic()
    assert run.do("rm", "--force", "web").out == "web\n"
    assert time.monotonic() - begun < 3
    assert process.wait(10) == 137
    process.communicate()
    assert run.left() == []


def test_one_whose_command_is_stopped_is_not_removed_and_it_is_said(run, monkeypatch):
    from contain_lab.engine import handling
    from contain_lab.errors import ContainLabError

    process = run.begin("run", "--rm", "--name", "web", "busybox", "sh", "-c", "echo ready; sleep 60")
    process.stdout.readline()
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(handling, "PATIENCE", 0.3)
    with pytest.raises(ContainLabError, match="container web: the command that runs it does not let go of it"):
        handling.remove("web", force=True)
    process.send_signal(signal.SIGCONT)
    assert process.wait(10) == 137
    process.communicate()


# ---- many

def test_many_processes_in_one_container_are_all_themselves(run, box):
    begun = [run.begin("exec", "web", "sh", "-c", f"echo {number}; exit {number}") for number in range(10)]
    said = [(process.communicate(timeout=30)[0], process.returncode) for process in begun]
    assert said == [(f"{number}\n", number) for number in range(10)]


def test_a_list_shows_the_time_since_it_began(run, box):
    assert re.search(r"busybox +sh -c .* Up \d seconds? +web$", run.do("ps").out, re.M)
