"""Hooks: programs at points of a container's life. Not all runtimes do what the specification says: `blackbox` marks
what holds with runc 1.1, too; the others are of runtime.md, "Lifecycle".
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from bundles import Bundle, groups, marked, until

pytestmark = pytest.mark.needs("root", "busybox")
AT_CREATE = ("prestart", "createRuntime", "createContainer")
SCRIPT = """#!/bin/sh
cat > $2/$1.json
readlink /proc/self/ns/mnt > $2/$1.mnt
readlink /proc/self/ns/pid >> $2/$1.mnt
echo "$1 $WORD" >> $2/order
exit ${CODE:-0}
"""


@pytest.fixture
def hooked(own_bundle: Bundle, tmp_path: Path) -> Bundle:
    """A bundle whose root has a folder `shared` of the host, and a hook in it and on the host."""
    shared = tmp_path / "shared"
    shared.mkdir()
    own_bundle.config["mounts"].append({"destination": "/shared", "type": "bind", "source": str(shared),
                                        "options": ["bind"]})
    for path in (tmp_path / "hook", own_bundle.rootfs / "bin/hook"):
        path.write_text(SCRIPT)
        path.chmod(0o755)
    own_bundle.config["hooks"] = {}
    return own_bundle


def shared(bundle: Bundle) -> Path:
    return Path(bundle.config["mounts"][-1]["source"])


def add(bundle: Bundle, place: str, name: str = "", **more: Any) -> None:
    """A hook that writes down what it sees, under a name."""
    inside = place == "startContainer"
    code = more.pop("code", 0)
    bundle.config["hooks"].setdefault(place, []).append({
        "path": "/bin/hook" if inside else str(bundle.folder.parent / "hook"),
        "args": ["hook", name or place, "/shared" if inside else str(shared(bundle))],
        "env": [f"WORD={place[:4]}", "PATH=/usr/bin:/bin", f"CODE={code}"], **more})


def order(bundle: Bundle) -> list[str]:
    path = shared(bundle) / "order"
    return path.read_text().splitlines() if path.exists() else []


def told(bundle: Bundle, name: str) -> dict[str, Any]:
    return dict(json.loads((shared(bundle) / f"{name}.json").read_text()))


@pytest.mark.blackbox
def test_they_run_in_order_each_at_its_verb(hooked):
    for place in (*AT_CREATE, "startContainer", "poststop"):
        add(hooked, place)
    add(hooked, "createRuntime", "second")
    hooked.process["args"] = ["sh", "-c", "echo process >> /shared/order; sleep 60"]
    hooked.create()
    assert order(hooked) == ["prestart pres", "createRuntime crea", "second crea", "createContainer crea"]
    hooked.start()
    until(lambda: "process" in order(hooked))
    assert order(hooked)[4:] == ["startContainer star", "process"]
    hooked.command("kill", hooked.id, "KILL")
    os.waitpid(hooked.state()["pid"] or -1, 0)
    assert "poststop post" not in order(hooked)
    hooked.command("delete", hooked.id)
    assert order(hooked)[6:] == ["poststop post"]


def test_each_is_told_the_state(hooked):
    hooked.config["annotations"] = {"org.example": "ü"}
    for place in (*AT_CREATE, "startContainer", "poststart", "poststop"):
        add(hooked, place)
    pid = hooked.up()
    hooked.command("delete", "--force", hooked.id)
    for place in (*AT_CREATE, "startContainer", "poststart", "poststop"):
        state = told(hooked, place)
        assert (state["id"], state["bundle"]) == (hooked.id, str(hooked.folder))
        assert state["annotations"] == {"org.example": "ü"}
        assert state.get("pid", 0) == (0 if place == "poststop" else pid)
    assert [told(hooked, place)["status"] for place in ("startContainer", "poststart", "poststop")] == [
        "created", "running", "stopped"]


@pytest.mark.blackbox
def test_each_runs_in_the_namespaces_that_the_specification_names(hooked):
    for place in (*AT_CREATE, "startContainer", "poststart", "poststop"):
        add(hooked, place)
    pid = hooked.up()
    theirs, ours = ([os.readlink(f"/proc/{each}/ns/{kind}") for kind in ("mnt", "pid")] for each in (pid, "self"))
    hooked.command("delete", "--force", hooked.id)
    for place in (*AT_CREATE, "startContainer", "poststart", "poststop"):
        seen = (shared(hooked) / f"{place}.mnt").read_text().split()
        assert seen == (theirs if "Container" in place else ours), place


def test_poststart_runs_once_the_program_runs_and_before_start_returns(hooked):
    add(hooked, "poststart")
    hooked.process["args"] = ["sleep", "60"]
    hooked.create()
    assert order(hooked) == []
    hooked.start()
    assert order(hooked) == ["poststart post"]


def test_run_in_the_foreground_runs_them_all(hooked):
    for place in (*AT_CREATE, "startContainer", "poststart", "poststop"):
        add(hooked, place)
    hooked.process["args"] = ["sh", "-c", "sleep 0.3; cat /shared/order; exit 3"]
    hooked.write()
    done = hooked.run_command("run", "--bundle", str(hooked.folder), hooked.id)
    assert done.code == 3, done
    assert [line.split()[0] for line in done.out.splitlines()] == [*AT_CREATE, "startContainer", "poststart"]
    assert order(hooked)[-1] == "poststop post"


@pytest.mark.blackbox
@pytest.mark.parametrize("place", AT_CREATE)
def test_one_that_fails_ends_create_and_nothing_is_left(hooked, place):
    hooked.linux["cgroupsPath"], hooked.linux["resources"]["pids"] = f"/{hooked.id}", {"limit": 20}
    add(hooked, place, code=3)
    add(hooked, place, "next")
    done = hooked.try_create()
    assert done.code != 0
    assert "hook" in done.err
    assert hooked.run_command("state", hooked.id).code != 0
    assert order(hooked) == [f"{place} {place[:4]}"]
    assert (groups(hooked.id), marked(hooked.id)) == ([], [])


@pytest.mark.parametrize("place", AT_CREATE)
def test_one_that_hangs_is_ended_with_all_it_started(hooked, place):
    hooked.config["hooks"] = {place: [{"path": "/bin/sh", "args": ["sh", "-c", "sleep 61; true"], "timeout": 1,
                                       "env": ["PATH=/bin:/usr/bin", f"CL_TEST_MARK={hooked.id}"]}]}
    started = time.monotonic()
    assert hooked.try_create().code != 0
    assert 0.9 < time.monotonic() - started < 8
    assert marked(hooked.id) == []
    assert hooked.run_command("state", hooked.id).code != 0


@pytest.mark.blackbox
@pytest.mark.parametrize("hook", [{"path": "/no/such/hook"}, {"path": "relative/hook"}, {"path": "/etc/passwd"}])
def test_one_that_cannot_be_executed_is_named(hooked, hook):
    hooked.config["hooks"] = {"createRuntime": [hook]}
    done = hooked.try_create()
    assert done.code != 0
    assert hook["path"] in done.err or "hook" in done.err


def test_a_poststop_hook_that_fails_keeps_nothing_and_stops_no_other(hooked):
    add(hooked, "poststop", code=3)
    add(hooked, "poststop", "second")
    hooked.up()
    hooked.command("delete", "--force", hooked.id)
    assert order(hooked) == ["poststop post", "second post"]
    assert hooked.run_command("state", hooked.id).code != 0


@pytest.mark.blackbox
def test_no_environment_of_ours_reaches_one_that_has_its_own(hooked):
    hooked.config["hooks"] = {"createRuntime": [{"path": "/usr/bin/env", "env": ["ONLY=this"]}, {
        "path": "/bin/sh", "args": ["sh", "-c", f"/usr/bin/env > {shared(hooked)}/env"], "env": ["ONLY=this"]}]}
    hooked.create()
    assert {line.partition("=")[0] for line in (shared(hooked) / "env").read_text().splitlines()} <= {
        "ONLY", "PWD", "_", "SHLVL", "OLDPWD"}


@pytest.mark.blackbox
def test_one_of_the_container_runs_as_its_user_with_its_privileges(hooked):
    shared(hooked).chmod(0o777)
    hooked.process.update(user={"uid": 1000, "gid": 1000}, args=["sleep", "60"])
    look = "id -u > /shared/seen; grep NoNewPrivs /proc/self/status >> /shared/seen"
    hooked.config["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", look], "env": ["PATH=/bin"]}]}
    hooked.create()
    hooked.start()
    assert (shared(hooked) / "seen").read_text().split() == ["1000", "NoNewPrivs:", "1"]


def test_a_hook_of_the_container_that_fails_ends_it(hooked):
    add(hooked, "startContainer", code=3)
    hooked.process["args"] = ["touch", "/shared/ran"]
    hooked.create()
    assert hooked.run_command("start", hooked.id).code != 0
    assert not (shared(hooked) / "ran").exists()
    done = hooked.run_command("state", hooked.id)
    assert done.code != 0 or until(lambda: hooked.status() == "stopped")


def test_where_create_fails_by_a_hook_the_last_ones_run(hooked):
    add(hooked, "createContainer", code=3)
    add(hooked, "poststop")
    assert hooked.try_create().code != 0
    assert order(hooked) == ["createContainer crea", "poststop post"]
    assert told(hooked, "poststop")["status"] == "stopped"


def test_a_run_ends_with_its_hook_that_fails_and_nothing_is_left(hooked):
    add(hooked, "startContainer", code=3)
    add(hooked, "poststart")
    add(hooked, "poststop")
    hooked.process["args"] = ["touch", "/shared/ran"]
    hooked.write()
    done = hooked.run_command("run", "--bundle", str(hooked.folder), hooked.id)
    assert (done.code, "startContainer hook /bin/hook: exit code 3" in done.err) == (1, True)
    assert order(hooked) == ["startContainer star", "poststop post"]
    assert not (shared(hooked) / "ran").exists()
    assert (hooked.command("list", "-q").out, marked(hooked.id)) == ("", [])


def test_what_goes_wrong_with_the_last_hooks_is_told_and_logged(hooked):
    add(hooked, "poststart", code=3)
    add(hooked, "poststop", code=4)
    hooked.process["args"] = ["sleep", "60"]
    hooked.create()
    log = hooked.folder / "log"
    said = [hooked.command("--log", str(log), "--log-format", "json", *words, hooked.id).err
            for words in (("start",), ("delete", "--force"))]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line, seen, place, code in zip(lines, said, ("poststart", "poststop"), (3, 4), strict=True):
        assert seen == f"contain-lab-runtime: warning: {line['msg']}\n"
        assert (line["level"], line["msg"].startswith(f"{place} hook ")) == ("warning", True)
        assert line["msg"].endswith(f"exit code {code}")


def test_of_a_run_that_was_killed_the_last_ones_run_when_it_is_cleared_up(hooked):
    add(hooked, "poststop")
    hooked.process["args"] = ["sh", "-c", "echo began > /shared/began; sleep 60"]
    hooked.write()
    line = [hooked.runtime, "--root", str(hooked.folder / "state"), "run", "--bundle", str(hooked.folder), hooked.id]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL) as running:
        until((shared(hooked) / "began").exists)
        running.kill()
    until(lambda: not marked(hooked.id))
    assert order(hooked) == []
    hooked.command("delete", "--force", hooked.id)
    assert order(hooked) == ["poststop post"]


@pytest.mark.blackbox
def test_what_is_killed_while_a_hook_runs_leaves_no_hook(hooked):
    hooked.config["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "61"],
                                                 "env": [f"CL_TEST_MARK={hooked.id}"]}]}
    hooked.write()
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.execv(hooked.runtime, [hooked.runtime, "--root", str(hooked.folder / "state"), "create", "--bundle",
                                  str(hooked.folder), hooked.id])
    until(lambda: marked(hooked.id))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    hooked.command("delete", "--force", hooked.id)
    assert hooked.run_command("state", hooked.id).code != 0
