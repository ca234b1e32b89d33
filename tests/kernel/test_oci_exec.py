"""One more process in a container, by `exec`; RUNTIME=runc runs the same against another runtime."""

import fcntl
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
from bundles import groups, until

pytestmark = [pytest.mark.blackbox, pytest.mark.needs("root", "busybox")]
OWN = ("mnt", "pid", "net", "ipc", "uts")


def says(bundle, *words: str) -> str:
    return bundle.command("exec", *words).out


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_the_exit_code_is_the_process_own(bundle, code):
    bundle.up()
    assert bundle.run_command("exec", bundle.id, "sh", "-c", f"exit {code}").code == code


def test_a_signal_that_ends_it_is_128_and_its_number(bundle):
    bundle.up()
    assert bundle.run_command("exec", bundle.id, "sh", "-c", "kill -KILL $$").code == 128 + signal.SIGKILL


def test_it_is_in_the_namespaces_and_the_root_of_the_container(bundle):
    pid = bundle.up()
    kinds = f"for kind in {' '.join(OWN)}; do readlink /proc/self/ns/$kind; done; ls /"
    links = says(bundle, bundle.id, "sh", "-c", kinds).split()
    assert links[:len(OWN)] == [os.readlink(f"/proc/{pid}/ns/{name}") for name in OWN]
    assert sorted(links[len(OWN):]) == sorted(os.listdir(bundle.rootfs))


def test_it_is_in_the_groups_of_the_container(bundle):
    bundle.linux["cgroupsPath"], bundle.linux["resources"]["pids"] = f"/{bundle.id}", {"limit": 20}
    bundle.up()
    bundle.command("exec", "--detach", "--pid-file", str(bundle.folder / "pid"), bundle.id, "sleep", "60")
    pid = (bundle.folder / "pid").read_text()
    held = [path for path in groups(bundle.id) if "/pids/" in path or path.count("/") == 4]
    assert held
    assert all(pid in Path(f"{path}/cgroup.procs").read_text().split() for path in held)


def test_user_directory_and_environment_are_what_was_asked_for(bundle):
    bundle.up()
    said = says(bundle, "--user", "1000:1001", "--additional-gids", "7", "--cwd", "/tmp", "--env", "A=1 2",
                "--env", "B=", bundle.id, "sh", "-c", "id -u; id -G; pwd; echo $A; env | grep ^B")
    assert said.split("\n")[:5] == ["1000", "1001 7", "/tmp", "1 2", "B="]


def test_what_was_not_asked_for_is_as_in_the_container(bundle):
    bundle.process.update(cwd="/etc", user={"uid": 1000, "gid": 1000})
    bundle.up()
    assert says(bundle, bundle.id, "sh", "-c", "pwd; id -u; echo $PATH").split() == ["/etc", "1000", "/bin"]


def test_capabilities_are_those_of_the_container_and_what_is_added(bundle):
    bundle.up()
    grep = ("grep", "CapBnd", "/proc/self/status")
    plain = int(says(bundle, bundle.id, *grep).split()[1], 16)
    more = int(says(bundle, "--cap", "CAP_NET_RAW", bundle.id, *grep).split()[1], 16)
    assert more == plain | 1 << 13 != plain


def test_privileges_are_not_gained_where_that_is_asked_for(bundle):
    bundle.process["noNewPrivileges"] = False
    bundle.up()
    grep = ("grep", "NoNewPrivs", "/proc/self/status")
    assert says(bundle, bundle.id, *grep).split() == ["NoNewPrivs:", "0"]
    assert says(bundle, "--no-new-privs", bundle.id, *grep).split() == ["NoNewPrivs:", "1"]


def test_the_filter_of_the_container_is_its_too(bundle):
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}
    bundle.up()
    said = says(bundle, bundle.id, "sh", "-c", "grep ^Seccomp: /proc/self/status; mkdir /tmp/x 2> /dev/null || echo no")
    assert said.split() == ["Seccomp:", "2", "no"]


def test_a_process_is_read_from_a_file(bundle):
    bundle.up()
    asked = {"args": ["sh", "-c", "id -u; ulimit -n; echo $A"], "cwd": "/tmp", "env": ["PATH=/bin", "A=b"],
             "user": {"uid": 7, "gid": 8},
             "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 19, "hard": 20}]}
    (bundle.folder / "process.json").write_text(json.dumps(asked))
    assert says(bundle, "--process", str(bundle.folder / "process.json"), bundle.id).split() == ["7", "19", "b"]


def test_input_reaches_it(bundle):
    bundle.up()
    done = subprocess.run([bundle.runtime, "--root", str(bundle.folder / "state"), "exec", bundle.id, "cat"],
                          input="to and fro", capture_output=True, text=True, timeout=20)
    assert done.stdout == "to and fro"


def test_a_signal_is_passed_on(bundle):
    bundle.up()
    with subprocess.Popen([bundle.runtime, "--root", str(bundle.folder / "state"), "exec", bundle.id, "sh", "-c",
                           "trap 'exit 9' TERM; echo ready; while :; do sleep 0.02; done"],
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 9


def test_detached_it_lives_on_and_the_file_names_it(bundle):
    first = bundle.up()
    bundle.command("exec", "--detach", "--pid-file", str(bundle.folder / "pid"), bundle.id, "sleep", "61")
    pid = int((bundle.folder / "pid").read_text())
    until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x0061\0")  # runc does not wait for execve
    assert os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{first}/ns/pid")
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] == str(os.getpid())
    os.kill(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM


def test_it_may_enter_a_container_that_waits_to_be_started(bundle):
    bundle.process["args"] = ["sleep", "60"]
    bundle.create()
    assert says(bundle, bundle.id, "hostname") == "box\n"
    assert bundle.status() == "created"


def test_no_container_is_entered_that_has_ended_or_never_was(bundle):
    assert bundle.run_command("exec", "cl-test-nobody", "true").code != 0
    bundle.lived("true")
    done = bundle.run_command("exec", bundle.id, "touch", "/ran")
    assert done.code != 0
    assert done.err


@pytest.mark.parametrize("program", ["no-such-program", "/no/such", "/etc/passwd"])
def test_a_program_that_cannot_be_executed_is_an_error(bundle, program):
    bundle.up()
    assert bundle.run_command("exec", bundle.id, program).code != 0
    assert bundle.run_command("exec", "--detach", bundle.id, program).code != 0


@pytest.mark.parametrize("user", ["root", "1:", "-1", "1:x", "1:2:3"])
def test_a_user_that_is_no_number_is_refused(bundle, user):
    bundle.up()
    assert bundle.run_command("exec", f"--user={user}", bundle.id, "id").code != 0


def test_a_terminal_in_the_foreground_has_the_size_of_ours(bundle):
    bundle.up()
    pid, screen = pty.fork()
    if pid == 0:
        os.execv(bundle.runtime, [bundle.runtime, "--root", str(bundle.folder / "state"), "exec", "--tty", bundle.id,
                                  "sh", "-c", "sleep 0.3; tty; stty size; exit 3"])
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    said = b""
    while b"33 99" not in said:
        said += os.read(screen, 100)
    assert b"/dev/pts/0" in said
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    os.close(screen)


def test_a_terminal_goes_over_the_console_socket_and_belongs_to_the_user(bundle, tmp_path):
    bundle.up()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s"))
    server.listen()
    bundle.command("exec", "--tty", "--detach", "--user", "1000", "--console-socket", str(tmp_path / "s"), bundle.id,
                   "sh", "-c", "stat -c %u $(tty); echo said > $(tty); sleep 1")
    connection = server.accept()[0]
    screen = socket.recv_fds(connection, 64, 1)[1][0]
    said = b""
    while b"said" not in said:
        said += os.read(screen, 100)
    assert said.split() == [b"1000", b"said"]
    for each in (screen, connection.detach(), server.detach()):
        os.close(each)


def test_nothing_of_the_host_is_open_in_it(bundle):
    bundle.up()
    handle = os.open("/", os.O_RDONLY)
    os.set_inheritable(handle, True)
    listed = says(bundle, bundle.id, "sh", "-c", "ls /proc/self/fd | wc -l; readlink /proc/self/cwd")
    os.close(handle)
    assert listed.split() == ["4", "/"]


def test_a_directory_outside_the_root_is_no_place_to_be(bundle):
    bundle.up()
    handle = os.open("/", os.O_RDONLY)
    os.set_inheritable(handle, True)
    done = [bundle.run_command("exec", "--cwd", f"/proc/self/fd/{number}", bundle.id, "true")
            for number in range(3, 12)]
    os.close(handle)
    assert 0 not in [each.code for each in done]


def test_it_dies_with_the_container(bundle):
    first = bundle.up()
    bundle.command("exec", "--detach", "--pid-file", str(bundle.folder / "pid"), bundle.id, "sleep", "60")
    os.kill(first, signal.SIGKILL)
    pid = int((bundle.folder / "pid").read_text())
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    os.waitpid(first, 0)  # it ends when all in its PID namespace have been reaped


def test_many_at_once_are_all_told_apart(bundle):
    bundle.up()
    line = [bundle.runtime, "--root", str(bundle.folder / "state"), "exec", bundle.id, "sh", "-c"]
    started = time.monotonic()
    running = [subprocess.Popen([*line, f"exit {number}"], stdin=subprocess.DEVNULL) for number in range(12)]
    assert [each.wait(20) for each in running] == list(range(12))
    assert time.monotonic() - started < 15
