"""What a check may ask of a process in the sandbox, and the scenes and containers that it may make there."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from contain_lab.labkit.judge import PLACE

pytestmark = pytest.mark.needs("root", "image busybox")

BEGIN = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
from contain_lab.labkit.sandbox import ids as sandbox_ids, inside
from contain_lab.labkit.judge.process import Judge
from contain_lab.labkit.sandbox import Failed
from contain_lab.syscalls import *
sandbox_ids.stand_apart()
judge = Judge(sys.argv[2], {"set_hostname": "contain_lab.namespaces.uts"})
"""
STEP = """
import os, socket
def set_hostname(name):
    print("called")
    socket.sethostname(name)
"""


def judged(code: str, folder: Path, step: str = STEP):
    """What code that has a judge leaves in `told`; it runs as the judge does, in a process of its own."""
    package = folder / "my_runtime"
    package.mkdir(exist_ok=True)
    (package / "namespaces.py").write_text(step)
    program = BEGIN + textwrap.dedent(code) + "\nprint(json.dumps(told))"
    done = subprocess.run([os.path.realpath(sys.executable), "-IS", "-c", program, str(PLACE), str(package)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_container_is_seen_from_outside_in_every_way(tmp_path: Path):
    told = judged("""
        with judge.container() as box:
            config = box.config(hostname="seen")
            config["linux"]["sysctl"] = {"kernel.msgmax": "4321"}
            pid = box.start(config)
            status, lo = box.status(pid), box.links(pid)["lo"]
            told = {"name": box.hostname(pid), "program": box.program(pid), "number": status["NSpid"][-1],
                    "numbers": len(status["NSpid"]), "no_new_privs": status["NoNewPrivs"],
                    "bounding": sorted(box.capabilities(pid)["bounding"]), "names": box.listing(pid), "image": sorted(os.listdir(box.rootfs)),
                    "proc": box.mount_at(pid, "/proc").kind, "tmp": box.mount_at(pid, "/tmp") is None,
                    "limits": box.read(pid, "/proc/sys/kernel/ostype"), "msgmax": box.sysctl(pid, "kernel.msgmax"),
                    "outside": box.sysctl(box.init, "kernel.msgmax"), "lo": [lo.up, lo.index, *lo.addresses],
                    "others": [box.links(box.init)["lo"].up], "null": box.stat(pid, "/dev/null").st_rdev,
                    "root": box.namespaces(pid)["mnt"] == box.namespaces(box.init)["mnt"]}
        """, tmp_path)
    assert told == {
        "name": "seen", "program": "/bin/busybox", "number": "1", "numbers": 3, "no_new_privs": ["1"],
        "bounding": told["bounding"], "names": told["image"], "image": told["image"],
        "proc": "proc", "tmp": True, "limits": "Linux\n", "msgmax": "4321", "outside": "8192",
        "lo": [True, 1, "127.0.0.1/8", "::1/128"], "others": [False], "null": os.makedev(1, 3),
        "root": False}
    assert "CAP_CHOWN" in told["bounding"]
    assert "CAP_SYS_ADMIN" not in told["bounding"]


def test_a_program_runs_in_a_container_beside_its_first_process(tmp_path: Path):
    assert judged("""
        with judge.container() as box:
            pid = box.start(hostname="inside")
            told = [box.run(pid, "sh", "-c", "hostname; id -u; ls -d /etc /work; exit 3"), box.run(pid, "no-such")[0],
                    box.run(pid, "sh", "-c", "ps | grep -c '[s]leep 60'"), box.run(pid, "sh", "-c", "kill -9 $$")[0]]
            try:
                box.run(pid, "sleep", "50", seconds=0.1)
            except TimeoutError:
                told.append("late")
            time.sleep(0.1)
            told.append(len([each for each in box.processes() if box.program(each) == "/bin/busybox"]))
        """, tmp_path) == [[3, "inside\n0\nls: /work: No such file or directory\n/etc\n"], 127, [0, "1\n"], 137,
                           "late", 1]


def test_a_container_ends_with_its_parent_and_another_one_starts_beside_it(tmp_path: Path):
    assert judged("""
        with judge.container() as box:
            first, second = box.start(), box.start(hostname="second", args=("/bin/sh", "-c", "sleep 50; true"))
            told = [box.hostname(first), box.hostname(second), box.is_gone(first, 0.01)]
            box.kill(box.student)
            told += [box.is_gone(first), box.is_gone(second)]
        """, tmp_path) == ["box", "second", False, True, True]


def test_a_container_without_a_layer_is_rooted_in_the_image(tmp_path: Path):
    assert judged("""
        with judge.container(layered=False) as box:
            root, image = box.stat(box.start(), "/"), os.stat(box.rootfs)
            told = [root.st_dev == image.st_dev, root.st_ino == image.st_ino]
        """, tmp_path) == [True, True]


def test_a_container_whose_step_fails_is_not_started(tmp_path: Path):
    assert judged("""
        try:
            with judge.container() as box:
                told = box.start()
        except Failed as failed:
            told = [failed.message, failed.values["said"], failed.values["errno"]]
        """, tmp_path, "def set_hostname(name):\n    raise OSError(1, 'no')\n") == [
            "not_started", 'namespaces.uts.set_hostname("box"): no (EPERM)', 1]


def test_a_program_that_ends_at_once_is_told(tmp_path: Path):
    assert judged("""
        try:
            with judge.container() as box:
                told = box.start(args=("/bin/true",))
        except Failed as failed:
            told = failed.message
        """, tmp_path) in ("nothing_runs", 0)


def test_the_child_of_a_step_that_returns_twice_stays_where_it_returned_0(tmp_path: Path):
    code = """
        from contain_lab.labkit.sandbox import children
        told = []
        for name in ("0", "5"):
            with judge.sandbox(twice=True) as box:
                told.append(box.must("set_hostname", name)["returned"].isdigit())
                pid, end = children(box.student)[0], time.monotonic() + 0.5
                while box.program(pid) and time.monotonic() < end:
                    time.sleep(0.01)
                told.append(bool(box.program(pid)))
        """
    step = "import os\ndef set_hostname(name):\n    return os.fork() or int(name)\n"
    assert judged(code, tmp_path, step) == [True, True, True, False]


def test_the_student_may_be_the_first_of_a_pid_namespace_with_orphans(tmp_path: Path):
    told = judged("""
        def leave_orphans():
            for ends in (False, True):                     # a child, and one whose child loses its parent
                if os.fork() == 0:
                    if ends and os.fork():
                        os._exit(0)
                    os._exit(3)
        with judge.sandbox(first=True, prepare=leave_orphans) as box:
            time.sleep(0.2)
            mine = {box.status(pid)["NSpid"][-1]: box.status(pid)["State"][0] for pid in box.processes()}
            told = [mine, box.status(box.student)["NSpid"][-1], box.listing(box.student, "/proc").count("2")]
        """, tmp_path)
    assert told == [{"1": "S", "2": "Z", "3": "Z", "4": "Z"}, "1", 1]


def test_a_step_that_answers_for_the_kernel_is_not_asked(tmp_path: Path):
    """Whatever the student's process says, the name is read by a reader of the judge's."""
    assert judged("""
        with judge.sandbox(apart=CLONE_NEWUTS) as box:
            box.must("set_hostname", "mine")
            told = [box.hostname(box.student), box.hostname(box.init), box.printout()]
        """, tmp_path) == ["mine", "the-host", "called\n"]


def test_a_neighbours_links_and_a_veth_pair_are_told_apart(tmp_path: Path):
    told = judged("""
        def cable():
            import subprocess
            subprocess.run("ip link add cl-a type veth peer name cl-b netns 2 && ip address add 10.7.0.1/24 dev cl-a && "
                           "ip link set cl-a up", shell=True, check=True)
        with judge.sandbox(neighbour=CLONE_NEWNET, prepare=cable) as box:
            mine, theirs = box.links(box.student), box.links(box.neighbour)
            told = [sorted(mine), sorted(theirs), mine["cl-a"].kind, mine["cl-a"].addresses[0], mine["cl-a"].up,
                    theirs["cl-b"].up, mine["cl-a"].peer == theirs["cl-b"].index]
        """, tmp_path)
    assert told == [["cl-a", "lo"], ["cl-b", "lo"], "veth", "10.7.0.1/24", True, False, True]


def test_id_maps_are_told_as_the_sandbox_counts(tmp_path: Path):
    assert judged("""
        def map_neighbour():
            for name, text in (("setgroups", "deny"), ("uid_map", "0 1000 10"), ("gid_map", "0 2000 5")):
                open(f"/proc/2/{name}", "w").write(text)
        with judge.sandbox(neighbour=CLONE_NEWUSER, prepare=map_neighbour) as box:
            told = box.id_maps(box.neighbour)
        """, tmp_path) == {"uid": [[0, 1000, 10]], "gid": [[0, 2000, 5]]}


@pytest.mark.parametrize("look", ["hostname(1 << 21)", "status(1 << 21)", "run(1 << 21, 'true')", "links(1 << 21)"])
def test_a_process_that_is_gone_is_a_failure_of_the_step(look: str, tmp_path: Path):
    assert judged(f"""
        with judge.sandbox() as box:
            try:
                told = box.{look}
            except Failed as failed:
                told = failed.message
        """, tmp_path) == "went_away"


@pytest.mark.parametrize("kinds", [("uts", "ipc", "network"), ("uts", "mount")])
def test_the_judge_is_where_it_was_after_a_look(kinds: tuple[str, ...], tmp_path: Path):
    """Also where what it does there fails; with a mount namespace it sends a copy of itself."""
    assert judged(f"""
        from contain_lab.errors import ContainLabError
        with judge.sandbox() as box:
            before = box.namespaces(os.getpid())
            there = box.within(box.init, {kinds!r}, lambda: os.uname().nodename)
            try:
                box.within(box.init, {kinds!r}, lambda: 1 / 0)
                told = []
            except ContainLabError as error:
                told = [error.message]
            told += [there, box.namespaces(os.getpid()) == before]
        """, tmp_path) == ["looking at a process of the sandbox: ZeroDivisionError: division by zero", "the-host", True]
