"""What any correct step of namespaces, capabilities and process does, seen from outside through /proc."""

import fcntl
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from apart import apart, namespace, refusal, status
from bundles import until

from contain_lab import capabilities, syscalls
from contain_lab.container import process
from contain_lab.namespaces import cgroup, enter, ipc, mount, net, pid, sysctl, uts

pytestmark = [pytest.mark.contract, pytest.mark.needs("root")]


@pytest.mark.parametrize(("step", "kind"), [
    (uts.unshare_uts, "uts"), (ipc.unshare_ipc, "ipc"), (mount.unshare_mount, "mnt"), (net.unshare_net, "net"),
    (cgroup.unshare_cgroup, "cgroup")])
def test_one_namespace_is_new_and_all_others_stay(step, kind):
    with apart(step) as child:
        new = {each for each in os.listdir("/proc/self/ns") if namespace(child, each) != namespace("self", each)}
    assert new == {kind}


def test_names_are_set_in_this_namespace_alone():
    before = os.uname().nodename
    with apart(uts.unshare_uts, lambda: uts.set_hostname("inside"), lambda: uts.set_domainname("a.b")) as child:
        said = subprocess.run(["nsenter", "-t", str(child), "-u", "uname", "-n"], capture_output=True, text=True).stdout
        domain = subprocess.run(["nsenter", "-t", str(child), "-u", "cat", "/proc/sys/kernel/domainname"],
                                capture_output=True, text=True).stdout
    assert (said, domain) == ("inside\n", "a.b\n")
    assert os.uname().nodename == before


def test_a_name_of_65_letters_is_refused_by_the_kernel():
    assert "invalid argument (EINVAL)" in refusal(uts.unshare_uts, lambda: uts.set_hostname("x" * 65))


@pytest.mark.parametrize(("propagation", "field"), [
    (syscalls.MS_PRIVATE, ""), (syscalls.MS_SHARED, "shared:"), (syscalls.MS_UNBINDABLE, "unbindable")])
def test_propagation_is_that_of_every_mount(propagation, field):
    with apart(mount.unshare_mount, lambda: mount.set_propagation("/", propagation)) as child:
        lines = Path(f"/proc/{child}/mountinfo").read_text().splitlines()
    fields = [" ".join(line.partition(" - ")[0].split()[6:]) for line in lines]
    assert [each for each in fields if (not each.startswith(field) if field else each)] == []


def test_the_loopback_is_up():
    with apart(net.unshare_net) as child:
        assert "127.0.0.1" not in Path(f"/proc/{child}/net/fib_trie").read_text()
    with apart(net.unshare_net, net.bring_loopback_up) as child:
        assert "127.0.0.1" in Path(f"/proc/{child}/net/fib_trie").read_text()


@pytest.fixture
def name():
    """A path for the name of a network namespace, and no name there afterwards."""
    with tempfile.TemporaryDirectory(prefix="cl-test-") as folder:
        yield f"{folder}/net"
        net.forget_namespace(f"{folder}/net")
        assert os.listdir(folder) == []


def test_a_name_stands_for_the_network_namespace_also_when_its_process_has_gone(name):
    with apart(net.unshare_net, net.bring_loopback_up) as child:
        net.name_namespace(child, name)
        before = os.stat(f"/proc/{child}/ns/net")
        assert os.path.samestat(os.stat(name), before)
    with apart(lambda: enter.join_namespace(name, "network")) as guest:
        assert os.path.samestat(os.stat(f"/proc/{guest}/ns/net"), before)
        assert "127.0.0.1" in Path(f"/proc/{guest}/net/fib_trie").read_text()


def test_a_name_that_is_taken_is_refused_and_left_as_it_is(name):
    Path(name).write_text("mine")
    with apart(net.unshare_net) as child, pytest.raises(FileExistsError):
        net.name_namespace(child, name)
    assert Path(name).read_text() == "mine"


def test_the_name_of_a_process_that_is_not_there_is_refused_and_leaves_no_file(name):
    with pytest.raises(OSError, match="No such file"):
        net.name_namespace(2 ** 22 + 1, name)
    assert not os.path.lexists(name)


def test_a_name_is_forgotten_and_twice_is_no_error(name):
    with apart(net.unshare_net) as child:
        net.name_namespace(child, name)
    for _ in range(2):
        net.forget_namespace(name)
        assert not os.path.lexists(name)
    assert name not in Path("/proc/self/mountinfo").read_text()


def test_a_namespace_is_entered():
    with apart(uts.unshare_uts) as first, apart(lambda: enter.join_namespace(f"/proc/{first}/ns/uts", "uts")) as second:
        assert namespace(second, "uts") == namespace(first, "uts")


def test_a_file_that_is_another_kind_of_namespace_is_refused():
    assert "EINVAL" in refusal(lambda: enter.join_namespace("/proc/self/ns/ipc", "uts"))
    assert "ENOENT" in refusal(lambda: enter.join_namespace("/nowhere", "uts"))


def test_a_cloned_child_is_process_1_of_its_namespace():
    child = pid.clone_into_namespaces(("pid", "uts"))
    if child == 0:
        signal.pause()
        os._exit(1)
    try:
        assert status(child)["NSpid"].split() == [str(child), "1"]
        assert namespace(child, "uts") != namespace("self", "uts")
        assert namespace(child, "mnt") == namespace("self", "mnt")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_child_dies_with_its_parent():
    hear, say = os.pipe()

    def have_a_child() -> None:
        parent = os.getpid()
        if os.fork() == 0:
            pid.die_with_parent(parent)
            os.write(say, str(os.getpid()).encode())
            signal.pause()
    with apart(have_a_child):
        child = int(os.read(hear, 20))
        assert Path(f"/proc/{child}").exists()
    until(lambda: not Path(f"/proc/{child}").exists() or status(child)["State"].startswith("Z"))
    os.close(hear)
    os.close(say)


def test_a_parent_that_has_gone_already_is_told():
    assert "parent process 1: it has ended already" in refusal(lambda: pid.die_with_parent(1))


def test_who_outlives_its_parent_is_not_killed():
    hear, say = os.pipe()

    def have_a_child() -> None:
        parent = os.getpid()
        if os.fork() == 0:
            pid.die_with_parent(parent)
            pid.outlive_parent()
            os.write(say, str(os.getpid()).encode())
            signal.pause()
    with apart(have_a_child):
        child = int(os.read(hear, 20))
    try:
        assert until(lambda: status(child)["State"].startswith("S"))  # it writes before it waits
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(hear)
        os.close(say)


@pytest.mark.parametrize(("how", "code"), [(lambda: os._exit(7), 7), (lambda: os.kill(os.getpid(), 15), 143)])
def test_an_init_takes_who_ends_until_its_own_child_has_ended(how, code):
    def be_init() -> None:
        child = os.fork()
        if child == 0:
            time.sleep(0.5)    # the orphans end before it, on a slow machine too
            how()
        for _ in range(3):
            if os.fork() == 0:    # the parent of an orphan, which ends at once
                os.fork() or os._exit(0)
                os._exit(0)
        assert pid.reap_children(child) == code
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        os._exit(0)
    first = syscalls.clone3(syscalls.CLONE_NEWPID)
    if first == 0:
        try:
            be_init()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) == 0


def test_a_session_of_its_own_is_led():
    with apart(pid.new_session) as child:
        assert os.getsid(child) == os.getpgid(child) == child


# ---- capabilities

def test_the_bounding_set_is_what_is_kept():
    last = capabilities.last_capability()
    with apart(lambda: capabilities.drop_bounding_set(("CAP_CHOWN", "CAP_KILL"), last)) as child:
        assert int(status(child)["CapBnd"], 16) == 1 << 0 | 1 << 5


def test_another_user_keeps_permitted_capabilities_to_choose_from():
    before = int(status(os.getpid())["CapPrm"], 16)
    with apart(lambda: capabilities.become_user(1000, 1001, (7, 9))) as child:
        found = status(child)
    assert (found["Uid"].split(), found["Gid"].split()) == (["1000"] * 4, ["1001"] * 4)
    assert found["Groups"].split() == ["7", "9"]
    assert int(found["CapPrm"], 16) == before
    assert int(found["CapEff"], 16) == 0


def test_four_sets_are_set():
    kill, chown = 1 << 5, 1 << 0
    with apart(lambda: capabilities.set_capabilities(
            ("CAP_KILL",), ("CAP_KILL", "CAP_CHOWN"), ("CAP_CHOWN",), ("CAP_CHOWN",))) as child:
        found = {name: int(value, 16) for name, value in status(child).items() if name.startswith("Cap")}
    assert (found["CapEff"], found["CapPrm"], found["CapInh"], found["CapAmb"]) == (kill, kill | chown, chown, chown)


def test_privileges_are_not_gained_again():
    with apart(capabilities.set_no_new_privs) as child:
        assert status(child)["NoNewPrivs"] == "1"


# ---- the process

def test_who_is_undumpable_belongs_to_root_in_proc():
    def become_another_user() -> None:
        capabilities.become_user(1000, 1000, ())
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # which a change of user has taken away
    with apart(become_another_user) as child:
        assert os.stat(f"/proc/{child}/exe", follow_symlinks=False).st_uid == 1000
    with apart(become_another_user, process.become_undumpable) as child:
        assert os.stat(f"/proc/{child}/exe", follow_symlinks=False).st_uid == 0


def test_limits_score_umask_and_directory_are_set(tmp_path):
    with apart(lambda: process.set_rlimit("RLIMIT_NOFILE", 64, 128), lambda: process.set_oom_score(500),
               lambda: process.set_umask(0o027), lambda: process.enter_directory(str(tmp_path))) as child:
        limits = next(line for line in Path(f"/proc/{child}/limits").read_text().splitlines() if "open files" in line)
        assert limits.split()[3:5] == ["64", "128"]
        assert Path(f"/proc/{child}/oom_score_adj").read_text() == "500\n"
        assert status(child)["Umask"] == "0027"
        assert os.readlink(f"/proc/{child}/cwd") == str(tmp_path)


@pytest.mark.parametrize(("kind", "soft", "hard", "said"), [
    ("RLIMIT_FLY", 1, 1, "no such limit"), ("RLIMIT_CORE", 2, 1, "EINVAL")])
def test_a_limit_that_cannot_be_is_refused(kind, soft, hard, said):
    assert said in refusal(lambda: process.set_rlimit(kind, soft, hard))


def test_descriptors_are_closed_at_execve_from_the_first_on():
    def flags() -> None:
        for handle in (20, 21):
            os.dup2(1, handle, inheritable=True)
        process.close_descriptors(21)
        assert fcntl.fcntl(20, fcntl.F_GETFD) == 0
        assert fcntl.fcntl(21, fcntl.F_GETFD) == fcntl.FD_CLOEXEC
        os.fstat(21)
    with apart(flags):
        pass


def test_a_sysctl_is_set_in_its_namespace_alone():
    before = Path("/proc/sys/kernel/msgmax").read_text()
    with apart(ipc.unshare_ipc, lambda: sysctl.set_sysctl("kernel.msgmax", "9001")) as child:
        said = subprocess.run(["nsenter", "-t", str(child), "-i", "cat", "/proc/sys/kernel/msgmax"],
                              capture_output=True, text=True).stdout
    assert said == "9001\n"
    assert Path("/proc/sys/kernel/msgmax").read_text() == before


def test_a_proc_that_an_image_has_faked_gets_no_sysctl():
    def fake() -> None:
        mount.unshare_mount()
        mount.set_propagation("/", syscalls.MS_PRIVATE)
        syscalls.mount("cl-fake", "/proc", "tmpfs", 0)
        os.makedirs("/proc/sys/kernel")
        Path("/proc/sys/kernel/msgmax").write_text("fake")
    with apart(ipc.unshare_ipc, fake, lambda: sysctl.set_sysctl("kernel.msgmax", "9001")) as child:
        said = subprocess.run(["nsenter", "-t", str(child), "-i", "cat", "/proc/sys/kernel/msgmax"],
                              capture_output=True, text=True).stdout
        assert Path(f"/proc/{child}/root/proc/sys/kernel/msgmax").read_text() == "fake"
    assert said == "9001\n"


@pytest.mark.parametrize(("name", "value", "said"), [
    ("kernel.msgmax", "many", "EINVAL"), ("kernel.no_such_thing", "1", "ENOENT"), ("kernel.osrelease", "7", "EACCES")])
def test_a_sysctl_that_cannot_be_set_is_told_and_nothing_stays_open(name, value, said):
    def sets() -> None:
        before = os.listdir("/proc/self/fd")
        try:
            sysctl.set_sysctl(name, value)
        finally:
            assert os.listdir("/proc/self/fd") == before
    assert said in refusal(ipc.unshare_ipc, sets)


@pytest.mark.parametrize(("name", "path", "said"), [
    ("sh", "/nowhere:/bin", ""), ("/bin/sh", "", ""),
    ("nope", "/bin", "nope: no such program in the container: no such file or directory (ENOENT)"),
    ("/etc/passwd", "", "/etc/passwd: cannot be executed: permission denied (EACCES)"),
    ("/bin", "", "/bin: cannot be executed: permission denied (EACCES)")])
def test_a_program_is_found_as_a_shell_finds_it(name, path, said):
    if said:
        assert refusal(lambda: process.find_program(name, path)).startswith(said)
    else:
        assert process.find_program(name, path) == "/bin/sh"
