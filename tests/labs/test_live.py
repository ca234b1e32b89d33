"""A container in the background is there when it is said to be, and goes with whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contain_lab.labkit import host, lab, leftovers, live, measuring, wild
from contain_lab.labkit.looking import processes
from contain_lab.labkit.sentence import Refused

pytestmark = pytest.mark.needs("root", "image busybox", "pid namespace")
STARTS = """
from contain_lab.labkit import lab, live
lab.ready_commands()
box = live.background("busybox", "sleep", "600", hostname="box")
print(box.pid, box.run.pid, flush=True)
import time; time.sleep(60)
"""


@pytest.fixture(autouse=True)
def commands(monkeypatch):
    for name in ("PATH", "NO_COLOR"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    lab.ready_commands()


def gone(pid: int) -> bool:
    end = time.monotonic() + 5
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
        time.sleep(0.02)
    return not os.path.exists(f"/proc/{pid}")


def test_it_executes_the_command_and_has_two_numbers():
    box = live.background("busybox", "sleep", "600", hostname="two-numbers")
    try:
        with open(f"/proc/{box.pid}/cmdline") as file:
            assert file.read() == "sleep\x00600\x00"
        assert processes.numbers(processes.status(box.pid))[-1] == 1
        assert repr(box) == "a container, running: sleep 600"
        assert box in live.running()
    finally:
        box.stop()
    assert repr(box) == "a container, ended: sleep 600"
    assert box not in live.running()


def test_what_its_first_process_starts_at_once_is_there():
    box = live.background("busybox", "sh", "-c", "sleep 600 & sleep 601 & wait", hostname="settled")
    try:
        assert [processes.status(each)["Name"] for each in processes.children(box.pid)] == ["sleep", "sleep"]
    finally:
        box.stop()


def test_with_an_init_its_first_process_is_the_init():
    box = live.background("busybox", "sleep", "600", hostname="with-init", options="--init")
    (child,) = processes.children(box.pid)
    assert processes.numbers(processes.status(child))[-1] == 2
    os.kill(box.pid, signal.SIGTERM)
    assert box.run.wait(5) == 143
    box.stop()


def test_a_second_one_of_the_same_name_ends_the_first():
    first = live.background("busybox", "sleep", "600", hostname="again")
    second = live.background("busybox", "sleep", "600", hostname="again")
    assert first.run.poll() is not None
    second.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_goes_with_the_kernel_and_leaves_nothing(number):
    before = host.look()
    kernel = subprocess.Popen([sys.executable, "-c", STARTS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True)
    box, watcher = map(int, kernel.stdout.readline().split())
    kernel.send_signal(number)
    kernel.communicate()
    assert gone(box)
    assert gone(watcher)
    assert host.left_since(before) == []


def test_what_run_says_is_told():
    with pytest.raises(Refused, match="image 'no-such-image': not found"):
        live.background("no-such-image", "sleep", "600")
    with pytest.raises(Refused, match="no such program in the container"):
        live.background("busybox", "no-such-program")


# ---- clean up

def test_a_container_that_runs_is_stopped(monkeypatch):
    monkeypatch.setattr(leftovers, "_before", set())
    monkeypatch.setattr(host, "WAIT", 0.2)
    leftovers.note_beginning()
    live.background("busybox", "sleep", "600", hostname="counted")
    assert repr(leftovers.clean_up()).startswith("left on this machine: mounts 0, cgroups 0, links 0, ")
    assert not live.running()


def test_the_control_group_of_anothers_container_is_not_ours(monkeypatch):
    monkeypatch.setattr(leftovers, "_ancestors", lambda pid: [4711, 1])
    assert leftovers._foreign(12345)
    monkeypatch.setattr(leftovers, "_ancestors", lambda pid: [4711, os.getpid(), 1])
    assert not leftovers._foreign(12345)
    monkeypatch.setattr(leftovers, "_ancestors", lambda pid: [1])    # an orphan: somebody has left it
    assert not leftovers._foreign(12345)


# ---- looking at others

def test_measure_tells_a_median_and_refuses_what_it_does_not_know():
    said = repr(measuring.measure("getppid", "unshare(CLONE_NEWUTS)", rounds=5))
    assert [line.split()[0] for line in said.splitlines()] == ["getppid", "unshare(CLONE_NEWUTS)", "medians"]
    with pytest.raises(Refused, match="measure 'sleep': there is no such thing"):
        measuring.measure("sleep")


@pytest.mark.needs("root", "image busybox")
def test_a_copy_costs_more_than_a_bind_mount_and_neither_leaves_anything():
    before = Path("/proc/self/mountinfo").read_text()
    said = repr(measuring.measure("bind mount the image, unmount it", "copy the image, remove it", rounds=2))
    bound, copied = (float(line.split("µs")[0].split()[-1]) for line in said.splitlines()[:2])
    assert bound < copied
    assert Path("/proc/self/mountinfo").read_text() == before


@pytest.mark.needs("runc", "strace")
def test_runc_unshares_names_and_executes_in_this_order():
    said = repr(wild.strace_runtime("runc"))
    assert said.startswith("the container printed: box\n")
    assert said.index("CLONE_NEWUTS") < said.index("sethostname") < said.index('execve("/bin/hostname"')
    assert said == repr(wild.strace_runtime("runc"))    # nothing in it changes from run to run


@pytest.mark.needs("runc", "strace")
def test_runc_sets_a_parameter_after_the_namespaces_and_forks_twice():
    parameters, processes = (repr(wild.strace_runtime("runc", show)) for show in ("parameters", "processes"))
    assert parameters.index("CLONE_NEWIPC") < parameters.index("msgmax") < parameters.index('"9000"')
    assert processes.count("CLONE_PARENT|SIGCHLD") == 2
    with pytest.raises(Refused, match="'weather' is nothing to show"):
        wild.strace_runtime("runc", "weather")


@pytest.mark.needs("runc", "strace")
def test_runc_binds_its_root_pivots_onto_it_and_closes_what_belongs_to_the_machine():
    root, mounts = (repr(wild.strace_runtime("runc", show)) for show in ("root", "mounts"))
    assert root.index("MS_BIND|MS_REC") < root.index("pivot_root") < root.index('umount2(".", MNT_DETACH)')
    assert "chroot" not in root
    assert mounts.index("MS_REC|MS_SLAVE") < mounts.index('"proc"') < mounts.index("pivot_root")
    assert mounts.index("pivot_root") < mounts.index('"/proc/sys", MS_RDONLY') < mounts.index("ENOTDIR")


def test_a_runtime_that_is_not_there_is_told():
    assert repr(wild.strace_runtime("no-such-runtime")).startswith("no-such-runtime: not on this machine")


def test_a_call_that_strace_cut_in_two_is_whole_again():
    trace = ('7 unshare(CLONE_NEWUTS <unfinished ...>\n8 sethostname("other", 5)    = 0\n'
             '7 <... unshare resumed>)         = 0\n'
             '7 execve("/proc/self/exe", ["runc", "init"], 0xc00 /* 7 vars */) = 0\n'
             '7 clone(child_stack=NULL, flags=CLONE_NEWPID|SIGCHLD) = 4711\n7 write(1, "x", 1) = 1\n')
    assert wild._worth(trace, wild.SHOWN["names"][1], "cl-wild-x") == [
        'sethostname("other", 5) = 0', "unshare(CLONE_NEWUTS) = 0", "clone(flags=CLONE_NEWPID|SIGCHLD) = PID"]
