"""`contain-lab run` as people use it: exit codes, terminals, interrupts, traces; many at once, and on a full disk."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from bundles import make_rootfs, until
from people import mine

from contain_lab import cgroups, syscalls

pytestmark = pytest.mark.needs("root", "busybox", "overlay")


# ---- exit codes, and what is said

@pytest.mark.parametrize(("words", "code", "said"), [
    (("busybox", "sh", "-c", "exit 7"), 7, ""),
    (("busybox", "sh", "-c", "kill -9 $$; exit 7"), 7, ""),
    (("busybox", "nope"), 127, "nope: no such program in the container: no such file or directory (ENOENT)"),
    (("busybox", "/etc/passwd"), 126, "/etc/passwd: cannot be executed: permission denied (EACCES)"),
    (("nothing", "true"), 125, "image 'nothing': not found"),
    (("--skip", "fly", "busybox"), 125, "step 'fly': not among the steps of this container"),
    (("--fail", "set_hostname=EFLY", "busybox"), 125, "errno EFLY: no such error"),
    (("--fail", "set_hostname", "busybox"), 125, "--fail set_hostname: an errno is due"),
    (("--sysctl", "kernel.panic=7", "busybox"), 125, "linux.sysctl: kernel.panic would be the host's"),
    (("--sysctl", "kernel.msgmax", "busybox"), 125, "--sysctl kernel.msgmax: a name and a value are due"),
    (("--with", "/nowhere", "busybox"), 125, "/nowhere: no such folder"),
    (("--trace=/nowhere/x", "busybox"), 125, "/nowhere/x: no such file or directory (ENOENT)"),
])
def test_exit_codes_are_those_of_shells_and_docker(run, words, code, said):
    done = run(*words)
    assert done.code == code
    assert said in done.err
    assert done.err == "" or done.err.startswith("contain-lab: ")


def test_a_container_that_is_killed_gives_128_and_the_signal(run):
    process = run.begin("run", "--rm", "busybox", "sleep", "60")
    inside = until(lambda: children_of(process.pid))
    until(lambda: comm(str(inside[0])) == "sleep")
    os.kill(inside[0], signal.SIGKILL)
    assert process.wait(10) == 137
    process.communicate()


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_input_is_given_only_where_it_is_asked_for(run):
    for words, due in ((("-i", "busybox", "cat"), "hello"), (("busybox", "cat"), "")):
        process = run.begin("run", "--rm", *words, stdin=subprocess.PIPE)
        assert process.communicate("hello", timeout=10)[0] == due


def test_a_parameter_is_set_for_the_container_alone(run):
    words = ("--sysctl", "kernel.msgmax=9001", "--sysctl", "fs.mqueue.msg_max=7", "busybox")
    assert run(*words, "cat", "/proc/sys/kernel/msgmax", "/proc/sys/fs/mqueue/msg_max").out.split() == ["9001", "7"]
    assert Path("/proc/sys/kernel/msgmax").read_text() != "9001\n"


def test_the_umask_of_the_person_is_not_the_containers(run):
    before = os.umask(0o077)
    try:
        assert run("busybox", "sh", "-c", "umask; stat -c %a /").out.split() == ["0022", "755"]
    finally:
        os.umask(before)


def test_what_a_container_writes_is_gone_with_it(run):
    run("busybox", "touch", "/new")
    assert run("busybox", "ls", "/new").code == 1
    assert not (run.place / "data/images/busybox/rootfs/new").exists()


# ---- looking at the steps

def test_explaining_does_nothing(run):
    before = sorted(str(each) for each in run.place.rglob("*"))
    done = run("--explain", "busybox", "true")
    assert done.code == 0
    assert re.search(r'^ *\d+  namespaces\.uts\.set_hostname\("', done.out, re.M)
    assert sorted(str(each) for each in run.place.rglob("*")) == before


def test_a_trace_tells_steps_and_calls_of_both_sides(run, tmp_path):
    done = run(f"--trace={tmp_path}/trace", "--hostname", "web", "busybox", "true")
    assert done.code == 0
    events = [json.loads(line) for line in (tmp_path / "trace").read_text().splitlines()]
    call, = [each for each in events if each.get("call") == "sethostname"]
    assert call["step"] == "namespaces.uts.set_hostname"
    assert call["man"] == "sethostname(2)"
    assert '"web"' in call["args"].values()
    assert len({each["pid"] for each in events}) == 2
    assert events[-1]["call"] == "execve" or any(each.get("call") == "execve" for each in events)
    steps = [each["step"] for each in events if "call" not in each]
    assert steps.index("namespaces.uts.unshare_uts") < steps.index("namespaces.uts.set_hostname")


def test_a_break_gives_a_shell_in_the_half_built_container(run):
    process = run.begin("run", "--rm", "--break", "set_hostname", "--hostname", "web", "busybox", "true",
                        stdin=subprocess.PIPE)
    out, err = process.communicate("hostname; readlink /proc/self/ns/uts; exit\n", timeout=20)
    assert process.returncode == 0
    name, namespace = out.split()
    assert name == "web"
    assert namespace != os.readlink("/proc/self/ns/uts")
    assert "broken off after namespaces.uts.set_hostname" in err


# ---- terminals and signals

def read_until(terminal: int, text: bytes) -> bytes:
    said, end = b"", time.monotonic() + 10
    while text not in said:
        assert time.monotonic() < end, said
        if select.select([terminal], [], [], 0.1)[0]:
            said += os.read(terminal, 4096)
    return said


def test_a_terminal_is_carried_in_and_out_and_given_back(run, terminal):
    import termios

    ours, theirs = terminal
    termios.tcsetwinsize(ours, (33, 99))
    before = termios.tcgetattr(theirs)
    process = run.begin("run", "--rm", "-it", "busybox", "sh", stdin=theirs, stdout=theirs, stderr=theirs)
    read_until(ours, b"# ")
    os.write(ours, b"tty; stty size; echo a$((1+1))b\n")
    said = read_until(ours, b"a2b")
    assert b"/dev/pts/0" in said
    assert b"33 99" in said
    termios.tcsetwinsize(ours, (40, 120))
    os.kill(process.pid, signal.SIGWINCH)
    os.write(ours, b"stty size; exit 5\n")
    read_until(ours, b"40 120")
    assert process.wait(10) == 5
    assert termios.tcgetattr(theirs) == before


def test_a_terminal_without_input_shows_and_waits(run, terminal):
    ours, theirs = terminal
    process = run.begin("run", "--rm", "-t", "busybox", "sh", "-c", "timeout 1 cat; echo code=$?.",
                        stdin=theirs, stdout=theirs, stderr=theirs)
    assert b"code=143." in read_until(ours, b".\r\n")  # cat waited; an input at its end would have ended it with 0
    assert process.wait(10) == 0


def test_ctrl_c_in_a_terminal_reaches_the_program_in_it(run, terminal):
    ours, theirs = terminal
    process = run.begin("run", "--rm", "-it", "busybox", "sh", stdin=theirs, stdout=theirs, stderr=theirs)
    read_until(ours, b"# ")
    os.write(ours, b"sleep 60; echo code=$?\n")
    read_until(ours, b"\n")
    until(lambda: [pid for pid in os.listdir("/proc") if pid.isdigit() and comm(pid) == "sleep" and mine(pid, run)])
    os.write(ours, b"\x03")
    os.write(ours, b"echo d$((1))d\nexit 0\n")
    read_until(ours, b"d1d")
    assert process.wait(10) == 0


def comm(pid: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


@pytest.mark.parametrize(("number", "times", "code"), [
    (signal.SIGTERM, 1, 42), (signal.SIGHUP, 1, 43), (signal.SIGINT, 3, 137)])
def test_a_signal_is_passed_on_and_the_third_interrupt_kills(run, number, times, code):
    program = "trap 'exit 42' TERM; trap 'exit 43' HUP; trap '' INT; echo ready; while :; do sleep 0.05; done"
    process = run.begin("run", "--rm", "busybox", "sh", "-c", program)
    assert process.stdout.readline() == "ready\n"
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.1)
    assert process.wait(10) == code
    process.communicate()


@pytest.mark.parametrize(("number", "times", "code"), [
    (signal.SIGTERM, 1, 143), (signal.SIGINT, 1, 130), (signal.SIGINT, 2, 130)])
def test_a_signal_during_the_start_ends_it(run, number, times, code):
    package = run.place / "my_runtime"
    package.mkdir(mode=0o755)
    (package / "namespaces.py").write_text("import time\nfrom contain_lab import namespaces, syscalls\n"
                                           "def clone_into_namespaces(kinds):\n"
                                           "    print('now', flush=True); time.sleep(0.5)\n"
                                           "    return syscalls.clone3(namespaces.KINDS['pid'][1])\n")
    process = run.begin("run", "--rm", "--with", str(package), "busybox", "echo", "begun")
    assert process.stdout.readline() == "now\n"
    for _ in range(times):
        os.kill(children_of(process.pid)[0], number)
        time.sleep(0.1)
    assert "begun" not in process.communicate(timeout=10)[0]
    assert process.returncode == code


@pytest.mark.parametrize(("words", "code"), [((), 1), (("-t",), 141)])
def test_a_reader_that_goes_away_ends_the_container(run, words, code):
    process = run.begin("run", "--rm", *words, "busybox", "yes")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(10) == code  # yes says 1: as process 1 it is not killed by SIGPIPE
    process.stderr.close()


def test_a_killed_run_leaves_what_the_next_one_sweeps(run):
    process = run.begin("run", "--rm", "busybox", "sh", "-c", "echo ready; sleep 60")
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate()
    until(lambda: run.processes() == [])
    assert len(run.left()) == 3
    assert run("busybox", "echo", "next").out == "next\n"


def test_clean_says_what_it_removes_and_leaves_what_runs(run):
    killed = run.begin("run", "--rm", "busybox", "sh", "-c", "echo ready; sleep 60")
    runs = run.begin("run", "--rm", "-i", "busybox", "sh", "-c", "echo ready; read x; echo end", stdin=subprocess.PIPE)
    for process in (killed, runs):
        process.stdout.readline()
    killed.kill()
    killed.communicate()
    until(lambda: len(os.listdir(run.place / "state/run")) == 2)
    said = until(lambda: re.findall("^removed container ", run.begin("clean").communicate(timeout=20)[0], re.M))
    assert len(said) == 1
    assert runs.poll() is None
    assert runs.communicate("go on\n", timeout=10)[0] == "end\n"


def test_clean_takes_a_layer_that_has_lost_its_state_and_leaves_one_in_use(run):
    process = run.begin("run", "--rm", "-i", "busybox", "sh", "-c", "echo ready; read x; echo end",
                        stdin=subprocess.PIPE)
    process.stdout.readline()
    layers, states = run.place / "data/containers", run.place / "state/run"
    name, = os.listdir(states)
    (layers / "cl-lost/upper").mkdir(parents=True)
    os.rename(states / name, run.place / "aside")
    try:
        assert run.begin("clean").communicate(timeout=20)[0] == "removed layer cl-lost\n"
        assert os.listdir(layers) == [name]
    finally:
        os.rename(run.place / "aside", states / name)
    assert process.communicate("go on\n", timeout=10)[0] == "end\n"


@pytest.fixture
def name():
    """A path for the name of a network namespace, not below the place of `run`: every process sees its mount."""
    with tempfile.TemporaryDirectory(prefix="cl-test-") as folder:
        yield Path(folder, "net")


def test_a_network_namespace_has_its_name_while_the_container_runs(run, name):
    process = run.begin("run", "--rm", "-i", "--netns", str(name), "busybox", "sh", "-c",
                        "readlink /proc/self/ns/net; read x", stdin=subprocess.PIPE)
    assert process.stdout.readline() == f"net:[{name.stat().st_ino}]\n"
    refused = run("--netns", str(name), "busybox", "true")
    assert (refused.code, refused.err) == (125, f"contain-lab: --netns {name}: it is there already\n"
                                                "hint: take another name\n")
    process.communicate("go on\n", timeout=10)
    assert not os.path.lexists(name)
    assert run("--netns", "/nowhere/net", "busybox", "true").err.endswith("hint: mkdir -p /nowhere\n")
    assert run("--network", "host", "--netns", str(name), "busybox", "true").code == 125


def test_the_name_that_a_killed_run_leaves_is_swept(run, name):
    process = run.begin("run", "--rm", "--netns", str(name), "busybox", "sh", "-c", "echo ready; sleep 60")
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate()
    until(lambda: run.processes() == [])
    assert os.path.ismount(name)
    assert run("busybox", "echo", "next").out == "next\n"
    assert not os.path.lexists(name)


# ---- many, and no room

def test_twenty_at_once_are_all_themselves(run):
    begun = [run.begin("run", "--rm", "--hostname", f"h{number}", "busybox", "hostname") for number in range(20)]
    said = [(*process.communicate(timeout=60), process.returncode) for process in begun]
    assert said == [(f"h{number}\n", "", 0) for number in range(20)]


def test_a_full_disk_is_told_and_leaves_nothing(run, tmp_path):
    pid = os.fork()
    if pid == 0:
        try:
            syscalls.unshare(syscalls.CLONE_NEWNS)
            syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
            for name, size in (("data", "4m"), ("state", "16k")):
                syscalls.mount("tmpfs", f"{tmp_path}/{name}", "tmpfs", 0, f"size={size}")
            make_rootfs(tmp_path / "data/images/busybox/rootfs")
            (tmp_path / "data/images/busybox/config.json").write_text("{}")
            said = [run("busybox", "sh", "-c", "dd if=/dev/zero of=/x bs=1M count=8 2>/dev/null || echo full")]
            with open(tmp_path / "state/filler", "wb", buffering=0) as filler:
                while True:
                    try:
                        filler.write(b"x" * 4096)
                    except OSError:
                        break
            said.append(run("busybox", "true"))
            assert (said[0].code, said[0].out) == (0, "full\n"), said[0]
            assert said[1].code == 125, said[1]
            assert "no space left on device (ENOSPC)" in said[1].err, said[1]
            assert run.left() == [], run.left()
            os._exit(0)
        finally:
            import traceback

            traceback.print_exc()
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0


# ---- a root file system of one's own

def test_a_folder_is_a_root_by_itself_and_keeps_what_is_written(run, tmp_path):
    folder = make_rootfs(tmp_path / "mine")
    assert run("--rm", "--rootfs", str(folder), "sh", "-c", "echo kept > /note; ls -d /etc").code == 0
    assert (folder / "note").read_text() == "kept\n"


def test_without_a_mount_of_its_own_a_folder_is_refused_as_a_root(run, tmp_path):
    folder = make_rootfs(tmp_path / "mine")
    said = run("--rm", "--skip", "bind_rootfs", "--rootfs", str(folder), "true")
    assert (said.code, re.search("pivot_root.*(EBUSY|EINVAL)", said.err) is not None) == (125, True)


def test_a_root_that_is_not_there_is_told(run, tmp_path):
    said = run("--rm", "--rootfs", f"{tmp_path}/nowhere", "true")
    assert (said.code, f"root file system '{tmp_path}/nowhere': no such directory" in said.err) == (125, True)


@pytest.mark.parametrize(("options", "said"), [((), ""), (("--skip", "set_propagation"), "invalid argument (EINVAL)")])
def test_no_mount_is_let_out_on_a_machine_whose_mounts_are_shared(run, cli, options, said):
    command = [cli, "run", "--rm", *options, "busybox", "true"]
    script = 'mount --make-rshared /; cat /proc/self/mountinfo; echo and then; "$@" || true; cat /proc/self/mountinfo'
    done = subprocess.run(["unshare", "--mount", "sh", "-ec", script, "sh", *command], capture_output=True, text=True,
                          timeout=20, check=True)
    before, after = done.stdout.split("and then\n")
    assert before == after
    assert said in done.stderr


def test_clean_takes_an_empty_group_that_nobody_knows_once_it_is_old(cli):
    name = f"cl-{os.urandom(6).hex()}"
    cgroups.create_group(name, ("devices",))
    path = cgroups.group_path("devices", name)
    try:
        assert name not in subprocess.run([cli, "clean"], capture_output=True, text=True, check=True).stdout
        assert os.path.isdir(path)  # its container may be about to join it
        os.utime(path, (time.time() - 60, time.time() - 60))
        assert f"removed group {name}\n" in subprocess.run([cli, "clean"], capture_output=True, text=True).stdout
        assert not os.path.exists(path)
    finally:
        cgroups.remove_group(name, ("devices",))
