"""Playthings: namespaces to tick, and a slider through a start; in the page and as text, the same."""

import json
import os
import subprocess
import sys

import pytest

from contain_lab.labkit.play import namespaces as namespace_play, start as start_play
from contain_lab.labkit.play.namespaces import look, play_namespaces
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.play.start import play_start


def seen(*ticked: str) -> dict[str, tuple[str, str]]:
    """What the host and the process see, by the first two words of a line."""
    return {" ".join(what.split(",")[0].split()[:2]): (host, process) for what, host, process in look(list(ticked))}


# ---- namespaces to tick

@pytest.mark.needs("root", "uts namespace")
def test_what_is_not_ticked_is_shared_and_what_is_done_there_reaches_the_host():
    name = os.uname().nodename
    shared = seen("ipc")
    assert shared["host name"] == ("box", "box")
    assert shared["mounts"] == ("one more", "one more")
    assert shared["shared memory"] == ("1", "0")
    own = seen("uts", "mount")
    assert own["host name"] == ("the-host", "box")
    assert own["mounts"] == ("as before", "one more")
    assert own["shared memory"] == ("1", "1")
    assert os.uname().nodename == name


@pytest.mark.needs("root", "pid namespace")
def test_a_pid_namespace_alone_does_not_change_what_proc_shows():
    alone, mounted = seen("pid"), seen("pid", "mount", "a new /proc")
    assert alone["number of"] == mounted["number of"] == ("one of the machine's", "1")
    assert alone["processes that"] == ("all of the machine", "all of the machine")
    assert mounted["processes that"] == ("all of the machine", "1")


@pytest.mark.needs("root", "user namespace", "time namespace")
def test_the_other_kinds_show_themselves_too():
    table = seen("network", "cgroup", "time", "user")
    assert table["network interfaces"] == ("the machine's", "lo")
    assert table["paths of"] == ("the machine's root", "the process's own group")
    assert table["time since"] == ("the machine's", "100 days more")
    assert table["user id"] == ("0", "65534")
    assert table["host name"] == ("the-host", "the-host (to change it: EPERM)")    # not its user namespace's


@pytest.mark.needs("root", "user namespace")
def test_an_ordinary_user_may_play_too():
    script = """import os
from contain_lab import syscalls
from contain_lab.labkit.play import process as play_process
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
syscalls.prctl(4, 1)    # PR_SET_DUMPABLE: as after an execve
play_process.main(["uts"])"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert namespace_play.rows(**json.loads(done.stdout))[0][1:] == ("the-host", "box"), done.stderr


def test_what_is_no_namespace_and_a_proc_that_would_cover_the_hosts_are_refused():
    with pytest.raises(Refused, match="'net' is no kind of namespace"):
        play_namespaces("net")
    with pytest.raises(Refused, match="would cover the host's"):
        play_namespaces("pid", "a new /proc")


@pytest.mark.needs("root", "uts namespace")
def test_the_table_is_the_same_as_text_and_in_the_page():
    text = repr(play_namespaces("uts"))
    assert text.split("\n")[0].split() == "the host sees the process sees".split()
    assert all(" ".join(row[0].split()) in text for row in look(["uts"]))
    widget, sent = play_namespaces().make(), []
    widget.send = sent.append
    widget._handle_custom_msg({"ticked": ["uts"]}, [])
    widget._handle_custom_msg({"ticked": ["a new /proc"]}, [])
    assert sent[0] == {"said": "The process ran. 1 of 9 lines differ from the host's.", "rows": look(["uts"])}
    assert sent[1] == {"said": 'a new /proc would cover the host\'s: tick "mount", too', "rows": []}
    assert [name for name, _ in widget.given["choices"]] == list(namespace_play.HOLDS)


# ---- the slider through a start

def state(**changes: object) -> dict[str, object]:
    namespaces = {"pid": "pid:[1]", "mount": "mnt:[1]"}
    return {"namespaces": namespaces, "host name": "m", "root": [1, 2], "mounts": ["/", "/r/root", "/r/root/proc"],
            "below": "", "folder": "/here", "uid": "0", "capabilities": 41, "bounding": 41, "no_new_privs": "0",
            "seccomp": "0", **changes}


def test_a_step_is_told_by_what_differs_before_and_after():
    events = [("clone", "", state(namespaces={"pid": "pid:[2]", "mount": "mnt:[1]"})), ("clone", "", None),
              ("group", "", None), ("caps", "x" * 80, state(capabilities=14))]
    clone, group, caps = start_play.stops(state(), events)
    assert ("namespaces of its own", "none", "pid") in clone.rows
    assert all(before == after for _, before, after in group.rows)    # the parent's: nothing of the child changes
    assert ("capabilities", "all", "14") in caps.rows
    assert ("namespaces of its own", "pid", "none") in caps.rows
    assert caps.args == "x" * 67 + "…"
    assert start_play.as_text(caps).split("\n")[0] == "after caps"
    assert "* capabilities: 14 (before: all)" in start_play.as_text(caps)


def test_mounts_are_told_as_the_container_will_see_them():
    first = state()
    assert start_play._mounts(first, state()) == []
    assert start_play._mounts(first, state(below="/r/root")) == ["/", "/proc"]
    assert start_play._mounts(first, state(root=[3, 4], mounts=["/", "/proc"])) == ["/", "/proc"]
    assert start_play._short(["/", "/a", "/b", "/c", "/d", "/e"]) == "6, the last: /e"


@pytest.mark.needs("root", "image busybox")
def test_each_step_of_a_start_changes_what_it_is_for():
    stops = {stop.step: stop for stop in reversed(start_play.record("busybox", "true"))}
    changed = {step: {what for what, before, after in stop.rows if before != after} for step, stop in stops.items()}
    for step, what in (("clone_into_namespaces", "namespaces of its own"), ("unshare_uts", "namespaces of its own"),
                       ("set_hostname", "host name"), ("pivot_into_rootfs", "root"),
                       ("mount_proc", "mounts of the container"), ("set_capabilities", "capabilities"),
                       ("set_no_new_privs", "no_new_privs")):
        assert what in changed[step], step
    assert changed["die_with_parent"] == changed["new_session"] == set()
    last = dict((what, after) for what, _, after in start_play.record("busybox", "true")[-1].rows)
    assert last["root"] == "the container's"
    assert last["host name"] == "box"
    assert last["no_new_privs"] == "on"


@pytest.mark.needs("root", "image busybox")
def test_the_slider_says_what_the_text_says():
    widget, sent = play_start().make(), []
    widget.send = sent.append
    names = [name for name, _ in widget.given["choices"]]
    widget._handle_custom_msg({"at": names.index("set_hostname")}, [])
    assert sent[0]["said"] == "set_hostname changes: host name."
    assert ["host name", "the machine's", "box"] in [list(row) for row in sent[0]["rows"]]
    assert "* host name: box (before: the machine's)" in repr(play_start("set_hostname"))
    with pytest.raises(Refused, match="the start has no such step"):
        play_start("set_host")
