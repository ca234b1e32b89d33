"""Steps of a student in a real start: they take the place of ours, and whatever they do wrong gets a sentence."""

import os
import subprocess
from pathlib import Path

import pytest
from bundles import MARK, Done, marked

pytestmark = [pytest.mark.hardening, pytest.mark.needs("root", "busybox", "overlay")]
HEADER = "import os, signal, sys, time\nfrom contain_lab import syscalls, namespaces\n"


class Student:
    """A package of steps, and `contain-lab run --with` it."""

    def __init__(self, place: Path, cli: str) -> None:
        self.place, self.cli, self.mark = place, cli, f"cl-test-{os.getpid()}"
        self.package = place / "my_runtime"
        self.package.mkdir(mode=0o755)

    def write(self, step: str, body: str, room: str = "namespaces") -> None:
        (self.package / f"{room}.py").write_text(f"{HEADER}def {step}:\n    {body}\n")

    def begin(self, *program: str, options: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
        command = [self.cli, "run", "--rm", "--with", str(self.package), *options, "busybox",
                   *(program or ("hostname",))]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                text=True, env={**os.environ, MARK: self.mark})

    def end(self, process: "subprocess.Popen[str]") -> Done:
        """What it gave; and nothing of it is left."""
        out, err = process.communicate(timeout=20)
        assert marked(self.mark) == []
        runs = [name for name in os.listdir(self.place / "state/run") if not name.startswith(".")]
        layers = os.listdir(self.place / "data/containers") if (self.place / "data/containers").exists() else []
        assert runs + layers == []
        return Done(process.returncode, out, err)

    def run(self, *program: str, options: tuple[str, ...] = ()) -> Done:
        return self.end(self.begin(*program, options=options))


@pytest.fixture
def student(place, cli):
    (place / "state/run").mkdir()
    before = os.uname().nodename
    yield Student(place, cli)
    assert os.uname().nodename == before


def test_a_step_of_theirs_makes_the_container(student):
    student.write("set_hostname(name)", "syscalls.sethostname('mine-' + name)")
    done = student.run(options=("--hostname", "web"))
    assert (done.code, done.out) == (0, "mine-web\n")
    assert done.err == f"steps of {student.package}: namespaces.uts.set_hostname\n"


@pytest.mark.parametrize("body", [
    "os.close(os.open(path, os.O_CREAT | os.O_EXCL)); syscalls.mount(f'/proc/{pid}/ns/net', path, None, 4096)",
    "os.close(os.open(path, os.O_CREAT | os.O_EXCL))", "os.symlink(f'/proc/{pid}/ns/net', path)", "return None"])
def test_what_they_name_a_network_by_is_gone_with_the_container(student, body, tmp_path):
    student.write("name_namespace(pid, path)", body)
    assert student.run("echo", "hi", options=("--netns", str(tmp_path / "net"))).out == "hi\n"
    assert not os.path.lexists(tmp_path / "net")


def test_their_own_clone_makes_the_container(student):
    student.write("clone_into_namespaces(kinds)", "return syscalls.clone3(namespaces.KINDS['pid'][1])")
    assert student.run("sh", "-c", "echo $$").out == "1\n"


RAISED = [
    ("set_hostname(name)", "raise ValueError('no ' + name)", "ValueError: no web"),
    ("set_hostname(name)", "return nonsense", "NameError: name 'nonsense' is not defined"),
    ("set_hostname()", "pass", "TypeError: set_hostname() takes 0 positional arguments but 1 was given"),
    ("set_hostname(name)", "sys.exit(3)", "SystemExit: 3"),
    ("set_hostname(name)", "set_hostname(name)", "RecursionError: maximum recursion depth exceeded"),
    ("set_hostname(name)", "raise MemoryError", "MemoryError"),
    ("set_hostname(name)", "syscalls.sethostname('x' * 65)", "invalid argument (EINVAL)"),
]


@pytest.mark.parametrize(("step", "body", "said"), RAISED)
def test_a_step_that_raises_is_named_with_its_error_and_line(student, step, body, said):
    student.write(step, body)
    done = student.run(options=("--hostname", "web"))
    assert done.code == 125
    message, *hints = done.err.splitlines()[1:]
    assert message.startswith('contain-lab: namespaces.uts.set_hostname("web"): ')
    assert said in message
    assert "namespaces.py, line 4, in set_hostname" in done.err or step == "set_hostname()"
    assert all(hint.startswith("hint: ") for hint in hints)


def test_an_error_after_the_pivot_is_told_too(student):
    student.write("mask_path(root, path)", "import json, decimal; raise decimal.InvalidOperation", "rootfs")
    done = student.run()
    assert done.code == 125
    assert 'contain-lab: rootfs.mask_path("/", "/proc/acpi"): ' in done.err


AWAY = "the process went away without a word"


@pytest.mark.parametrize(("body", "how"), [
    ("os._exit(3)", "exit code 3"), ("os._exit(0)", "exit code 0"),
    ("os.closerange(0, 500); os._exit(1)", "exit code 1"), ("os.execv('/bin/true', ['true'])", "exit code 0"),
    ("import ctypes; ctypes.string_at(0)", "signal 11")])
def test_a_step_that_goes_away_is_named(student, body, how):
    student.write("set_hostname(name)", body)
    done = student.run()
    assert done.code == 125
    assert f"namespaces.uts.set_hostname: {AWAY} ({how})" in done.err
    assert "hint: a step must return" in done.err


def test_a_step_that_closes_all_descriptors_is_an_error(student):
    student.write("set_hostname(name)", "os.closerange(0, 500)")
    assert student.run().code == 125


@pytest.mark.parametrize(("body", "said"), [
    ("os._exit(3)", "the runtime's process went away without a word, in a step on the parent's side"),
    ("os.kill(os.getpid(), 9)", "the runtime's process went away without a word, in a step on the parent's side"),
    ("raise ValueError('no')", "namespaces.pid.clone_into_namespaces((\"pid\",)): ValueError: no"),
    ("return 1", "namespaces.pid.clone_into_namespaces: it returned 1, and no child process has this pid"),
    ("return 'a'", "namespaces.pid.clone_into_namespaces: it returned 'a', and no child process has this pid"),
    ("os.fork(); return 4", "namespaces.pid.clone_into_namespaces: it returned 4, and no child process has this pid"),
])
def test_a_step_on_the_parents_side_is_no_danger_either(student, body, said):
    student.write("clone_into_namespaces(kinds)", body)
    done = student.run()
    assert done.code == 125
    assert f"contain-lab: {said}" in done.err


def test_a_daemon_of_the_parents_side_is_ended(student):
    student.write("clone_into_namespaces(kinds)",
                  "if os.fork() == 0:\n        os.setsid(); time.sleep(60)\n    os._exit(1)")
    assert student.run().code == 125


def test_a_daemon_in_the_container_is_an_error(student):
    student.write("set_hostname(name)", "if os.fork() == 0:\n        os.setsid(); time.sleep(60)")
    done = student.run()
    assert done.code == 125
    assert "contain-lab: a step of yours left a child process behind" in done.err


def test_a_step_that_forks_and_returns_twice_starts_one_container(student):
    student.write("set_hostname(name)", "os.fork()")
    done = student.run("echo", "once")
    assert done.out.count("once") <= 1
    assert done.code in (0, 125)


def test_their_init_is_process_1(student):
    reap = "while True:\n        pid, status = os.wait()\n        if pid == child:\n            return status >> 8"
    student.write("reap_children(child)", reap)
    done = student.run("sh", "-c", "echo $$; (sleep 0.1 &); sleep 0.3; cat /proc/[0-9]*/stat | grep -c ' Z '; exit 9",
                       options=("--init",))
    assert (done.code, done.out) == (9, "2\n0\n")


@pytest.mark.parametrize(("body", "said"), [
    ("return None", "reap_children returned None, and an exit code is due"), ("raise ValueError('mine')", "mine")])
def test_their_init_that_gives_no_exit_code_is_told(student, body, said):
    student.write("reap_children(child)", body)
    done = student.run("sleep", "30", options=("--init",))
    assert done.code == 125
    assert f"contain-lab: {'namespaces.pid.' if 'mine' in said else ''}reap_children" in done.err
    assert said in done.err


def test_what_a_step_prints_is_printed(student):
    student.write("set_hostname(name)", "print('hello from', name)\n    return 42")
    done = student.run("true", options=("--hostname", "web"))
    assert done.code == 0
    assert "hello from web" in done.out + done.err


@pytest.mark.parametrize("text", ["def set_hostname(:\n", "import nowhere_at_all\n", "raise SystemExit\n"])
def test_a_file_that_cannot_be_loaded_starts_nothing(student, text):
    (student.package / "namespaces.py").write_text(text)
    done = student.run()
    assert done.code == 125
    assert done.err.startswith(f"contain-lab: {student.package}/namespaces.py:1: ")


def test_a_package_that_others_may_write_starts_nothing(student):
    student.package.chmod(0o777)
    done = student.run()
    assert done.code == 125
    assert "others may write here, so it is not loaded" in done.err


def test_a_missing_unshare_does_not_rename_the_host(student):
    student.write("unshare_uts()", "pass")
    assert student.run(options=("--hostname", "web")).out == "web\n"


def test_a_step_that_unmounts_everything_leaves_the_hosts_mounts(student):
    student.write("unshare_mount()", "pass\ndef set_propagation(path, propagation):\n    "
                  "[syscalls.umount2(line.split()[4], 2) for line in list(open('/proc/self/mountinfo'))[:0:-1]\n"
                  "     if line.split()[4] != '/']")
    student.run()
    assert Path("/proc/self/mounts").exists()
    assert os.path.ismount("/proc")
    assert os.path.ismount("/dev")


def test_a_propagation_that_is_not_cut_does_here_what_it_would_do_on_a_machine_of_systemd(student):
    student.write("set_propagation(path, propagation)", "pass")
    done = student.run()
    assert (done.code, 'pivot_root(".", "."): invalid argument (EINVAL)' in done.err) == (125, True)


def test_steps_that_do_not_end_are_ended(student, place, cli):
    hanging = {
        "child": ("set_hostname(name)", "while True: pass"),
        "sleeper": ("set_hostname(name)", "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65)); time.sleep(60)"),
        "parent": ("clone_into_namespaces(kinds)", "while True: pass"),
        "stubborn": ("clone_into_namespaces(kinds)",
                     "while True:\n        try:\n            time.sleep(60)\n        except BaseException: pass"),
    }
    begun = {}
    for name, (step, body) in hanging.items():
        (place / name / "state/run").mkdir(parents=True)
        each = Student(place / name, cli)
        each.mark += name
        (place / name / "data").symlink_to(place / "data")
        each.write(step, body)
        begun[name] = (each, each.begin())
    said = {}
    for name, (each, process) in begun.items():
        _, err = process.communicate(timeout=20)
        assert marked(each.mark) == []
        said[name] = (process.returncode, err)
    assert {code for code, _ in said.values()} == {125}
    for name in ("child", "sleeper"):
        assert "namespaces.uts.set_hostname: it did not finish in 5 s" in said[name][1]
    assert "namespaces.pid.clone_into_namespaces: it did not finish in 5 s" in said["parent"][1]
    assert "in a step on the parent's side" in said["stubborn"][1]
    assert os.listdir(place / "state/run") == os.listdir(place / "data/containers") == []


@pytest.mark.parametrize(("body", "said"), [
    ("time.sleep(987)", "it did not finish in 5 s"),
    ("raise ValueError('mine')", "ValueError: mine"),
    ("pass", ""),
])
def test_a_function_of_theirs_that_undoes_has_a_time_limit_and_ours_behind_it(student, body, said):
    student.write("remove_state(folder)", body, room="container")
    student.write("remove_layer(folder)", body, room="rootfs")
    done = student.run("true")
    assert done.code == (125 if said else 0)
    assert said in done.err
