"""Containers that people name: unique, kept until they are removed, listed, inspected; also after a kill."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bundles import until
from people import Run

from contain_lab.engine import names

pytestmark = pytest.mark.needs("root", "busybox", "overlay")


@contextmanager
def running(run: Run, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """A container that runs until its input ends, with these options."""
    program = ("sh", "-c", "echo ready; read x; exit 3")
    process = run.begin("run", "-i", *options, "busybox", *program, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n", process.communicate()
    try:
        yield process
    finally:
        process.communicate(timeout=10)


def listed(run: Run, *options: str) -> list[dict[str, str]]:
    return json.loads(run.do("ps", "--format", "json", *options).out)


def test_what_has_ended_is_kept_with_its_exit_code_until_it_is_removed(run):
    assert run.do("run", "--name", "web", "busybox", "sh", "-c", "touch /made; exit 4").code == 4
    only, = listed(run, "-a")
    assert (only["name"], only["image"], only["command"]) == ("web", "busybox", "sh -c touch /made; exit 4")
    assert re.fullmatch(r"Exited \(4\) \d seconds? ago", only["status"])
    assert listed(run) == []
    assert (run.place / "data/containers" / only["id"] / "layer/upper/made").exists()
    assert run.do("rm", "web").out == "web\n"
    assert run.left() == []


def test_one_that_runs_is_listed_and_is_not_removed(run):
    with running(run, "--rm", "--name", "web") as process:
        only, = listed(run)
        assert re.fullmatch(r"Up \d seconds?", only["status"])
        done = run.do("rm", "web")
        assert (done.code, done.err) == (1, "contain-lab: container web: it is running\n"
                                            "hint: contain-lab kill web, or rm --force\n")
        said, = json.loads(run.do("inspect", "web").out)
        assert os.readlink(f"/proc/{said['State']['Pid']}/ns/pid") != os.readlink("/proc/self/ns/pid")
        assert (said["State"]["Status"], said["State"]["ExitCode"]) == ("running", None)
    assert process.returncode == 3


def test_a_name_is_taken_until_it_is_given_free(run):
    with running(run, "--rm", "--name", "web"):
        done = run("--name", "web", "busybox", "true")
        ident, = (each["id"] for each in listed(run))
        assert (done.code, done.err) == (125, f"contain-lab: container name web: it is in use by container {ident}\n"
                                              "hint: take another one, or contain-lab rm web\n")
    assert run("--name", "web", "busybox", "echo", "again").out == "again\n"


def test_of_many_who_want_a_name_one_gets_it(run):
    begun = [run.begin("run", "--name", "web", "busybox", "true") for _ in range(8)]
    said = [(process.communicate(timeout=30)[1], process.returncode) for process in begun]
    assert sorted(code for _, code in said) == [0] + 7 * [125]
    assert sum("it is in use" in err for err, _ in said) == 7
    assert run.do("rm", "web").code == 0


def test_without_a_name_one_is_made_up(run):
    for _ in range(2):
        run.do("run", "busybox", "true")
    made = [each["name"] for each in listed(run, "-a")]
    assert len(set(made)) == 2
    assert all(re.fullmatch("[a-z]+_[a-z]+", name) for name in made)
    assert run.do("rm", *made).code == 0


def test_a_made_up_name_that_is_taken_is_made_up_again(place, monkeypatch):
    from contain_lab.engine import records

    drawn = iter(["brave_otter", "brave_otter", "calm_owl"])
    monkeypatch.setattr(names, "make_name", lambda: next(drawn))
    os.makedirs(records.names_root())
    os.symlink("0123456789ab", f"{records.names_root()}/brave_otter")
    assert records.free_name() == "calm_owl"


def test_a_container_is_found_by_its_name_and_the_beginning_of_its_id(run):
    run.do("run", "--name", "web", "busybox", "true")
    ident = run.do("ps", "-aq").out.strip()
    assert len(ident) == 12
    for word in ("web", ident, ident[:3]):
        assert json.loads(run.do("inspect", word).out)[0]["Id"] == ident
    for word in ("we", "", "..", "../names/web", ".lock", "x" * 300):
        done = run.do("inspect", word)
        assert (done.code, done.err) == (1, f"contain-lab: container {word}: it does not exist\n"
                                            "hint: contain-lab ps -a lists them\n")
    run.do("rm", "web")


def test_what_two_ids_begin_with_means_neither(run):
    for number in range(2):
        folder = run.place / f"data/containers/abc{number}"
        folder.mkdir(parents=True)
        (folder / "container.json").write_text(json.dumps(
            {"id": f"abc{number}", "name": f"n{number}", "image": "x", "args": ["x"], "created": 1, "remove": False,
             "pid": 1, "exitCode": 0}))
        (run.place / "data/names").mkdir(exist_ok=True)
        os.symlink(f"abc{number}", run.place / f"data/names/n{number}")
    assert run.do("inspect", "abc").err == ("contain-lab: container abc: 2 have an id that begins so\n"
                                            "hint: write more of it\n")
    assert run.do("rm", "abc0", "abc1", "abc2").out == "abc0\nabc1\n"


def test_several_are_removed_and_each_that_is_not_there_is_told(run):
    run.do("run", "--name", "web", "busybox", "true")
    done = run.do("rm", "one", "web", "two")
    assert (done.code, done.out) == (1, "web\n")
    assert re.findall(r"container (\w+): it does not exist", done.err) == ["one", "two"]


def test_a_document_says_what_was_asked_for(run, tmp_path):
    run.do("run", "--name", "web", "-v", f"{tmp_path}:/x:ro", "-u", "7", "-e", "A=1", "--read-only", "--hostname", "h",
           "busybox", "true")
    said, = json.loads(run.do("inspect", "web").out)
    assert (said["Name"], said["Image"], said["State"]["ExitCode"]) == ("web", "busybox", 0)
    assert said["Mounts"] == [{"Type": "bind", "Source": str(tmp_path), "Destination": "/x", "RW": False}]
    assert {"Hostname": "h", "User": "7:0", "Cmd": ["true"], "ReadonlyRootfs": True}.items() <= said["Config"].items()
    assert "A=1" in said["Config"]["Env"]
    assert json.loads(Path(said["ConfigPath"]).read_text())["hostname"] == "h"
    run.do("rm", "web")


def test_one_that_does_not_begin_leaves_nothing(run):
    assert run.do("run", "--name", "web", "busybox", "no-such-program").code == 127
    assert listed(run, "-a") == []


# ---- killed commands

def test_a_killed_command_of_one_to_be_removed_gives_its_name_free(run):
    with running(run, "--rm", "--name", "web") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(lambda: run.processes() == [])
        assert listed(run, "-a") == []
        assert run("--name", "web", "busybox", "echo", "again").out == "again\n"


def test_a_killed_command_of_one_to_be_kept_leaves_one_that_was_killed(run):
    with running(run, "--name", "web") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(lambda: run.processes() == [])
        only, = listed(run, "-a")
        assert only["status"].startswith("Exited (137)")
        assert run.do("run", "--name", "web", "busybox", "true").code == 125
        assert run.do("rm", "web").code == 0


KILLED_AT = """
import os, sys
from contain_lab import engine, files
from contain_lab.engine import records
room, name = {"files": files, "os": os, "records": records}[sys.argv[1]], sys.argv[2]
real, left = getattr(room, name), int(sys.argv[3])
def dies(*args, **named):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), 9)
    return real(*args, **named)
plan = engine.prepare("busybox", ["true"])
setattr(room, name, dies)
engine.run(plan, name="web", remove=sys.argv[4] == "rm")
"""


@pytest.mark.parametrize("remove", ["rm", "keep"])
@pytest.mark.parametrize(("room", "name"), [
    ("os", "mkdir"), ("os", "symlink"), ("os", "replace"), ("os", "rename"), ("os", "unlink"), ("os", "rmdir"),
    ("files", "lock"), ("files", "write"), ("records", "reserve"), ("records", "begin"), ("records", "end"),
    ("records", "discard")])
def test_a_kill_at_any_moment_leaves_nothing_that_clean_does_not_take(run, room, name, remove):
    for number in range(1, 6):
        done = subprocess.run([sys.executable, "-c", KILLED_AT, room, name, str(number), remove], text=True,
                              capture_output=True)
        assert done.returncode in (0, -9), done.stderr
        until(lambda: run.processes() == [])
        kept = [each["name"] for each in listed(run, "-a")]
        assert kept in ([], ["web"] if remove == "keep" else [])
        assert run.do("clean").code == 0
        assert run.do("rm", *kept).code == 0 if kept else run.left() == []
        if done.returncode == 0:
            break


def test_many_at_once_are_all_there_and_all_gone(run):
    def one(number: int) -> None:
        codes[number] = run.do("run", "busybox", "sh", "-c", f"exit {number}").code

    codes: dict[int, int] = {}
    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for step in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            step(thread)
    assert codes == {number: number for number in range(12)}
    found = listed(run, "-a")
    assert len({each["name"] for each in found}) == 12
    assert sorted(each["status"].split()[1] for each in found) == sorted(f"({number})" for number in range(12))
    assert run.do("rm", *(each["id"] for each in found)).code == 0


def test_removing_at_once_is_no_quarrel(run):
    """Whoever runs a container removes it, while the next ones look for what killed commands have left."""
    begun = [run.begin("run", *remove, "busybox", "true") for remove in 20 * [("--rm",), ("--rm", "--name", "web")]]
    said = [process.communicate(timeout=60)[1] for process in begun]
    assert [each for each in said if each and "it is in use by container" not in each] == []
    assert listed(run, "-a") == []


def test_who_only_looks_is_in_nobodys_way(run):
    looking = [run.begin("ps", "-a") for _ in range(3)]
    for number in range(6):
        assert run.do("run", "--name", "web", "busybox", "true").code == 0
        looking += [run.begin("ps", "-a") for _ in range(3)]
        done = run.do("rm", "web")
        assert (done.code, done.err) == (0, ""), number
    assert [process.communicate(timeout=20)[1] for process in looking] == [""] * len(looking)


def test_a_name_without_a_container_is_given_free(run):
    run.do("run", "--name", "web", "busybox", "true")
    folder, = (run.place / "data/containers").iterdir()
    shutil.rmtree(folder)
    assert run("--name", "web", "busybox", "echo", "again").out == "again\n"
    os.symlink("0123456789ab", run.place / "data/names/lost")
    assert run("busybox", "true").code == 0
