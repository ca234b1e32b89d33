"""Who hears of whose mounts, tried on a stage; and a mount table that is read from outside."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from contain_lab import syscalls
from contain_lab.labkit.looking import mount_table
from contain_lab.labkit.play.propagation import try_propagation
from contain_lab.labkit.sentence import Refused

HOST, BOX = "/srv/of-the-host", "/srv/of-the-container"


@pytest.mark.needs("root", "mount namespace")
@pytest.mark.parametrize(("kind", "host", "container"), [
    ("private", [HOST], [BOX]), ("slave", [HOST], [BOX, HOST]), ("shared", [BOX, HOST], [BOX, HOST])])
def test_each_side_sees_what_the_propagation_lets_through(kind, host, container):
    before = Path("/proc/self/mountinfo").read_text()
    text = try_propagation(kind).text
    there, inside = text.split("mounts of the container")
    assert [[place for place in (BOX, HOST) if f"{place}:" in side] for side in (there, inside)] == [host, container]
    assert f"  /srv: tmpfs, rw, {kind}" in inside
    assert Path("/proc/self/mountinfo").read_text() == before


def test_another_word_is_refused_with_those_that_there_are():
    with pytest.raises(Refused, match="'public' is none") as refused:
        try_propagation("public")
    assert "private, slave, shared" in refused.value.hint


# ---- the table

def test_a_line_of_mountinfo_is_parted():
    mount, = mount_table.parse(r"36 35 98:0 /a\040b /mnt/c rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=panic")
    assert (mount.id, mount.parent, mount.device, mount.shown, mount.place) == (36, 35, "98:0", "/a b", "/mnt/c")
    assert (mount.options, mount.peers) == (("rw", "noatime"), ("master:1", "shared:7"))
    assert (mount.kind, mount.settings) == ("ext3", ("rw", "errors=panic"))


def test_what_stands_below_a_mount_is_found_in_any_depth():
    table = mount_table.parse("\n".join(f"{id} {parent} 0:1 / /{id} rw - tmpfs t rw"
                                        for id, parent in ((1, 0), (2, 1), (4, 3), (3, 2), (5, 1))))
    assert mount_table.below(table, 2) == {2, 3, 4}


@pytest.mark.needs("root", "mount namespace")
def test_the_whole_table_is_that_of_the_namespace_though_the_process_is_in_a_chroot(tmp_path):
    (tmp_path / "root").mkdir()
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("cl-test", str(tmp_path / "root"), "tmpfs", 0)
        os.chroot(tmp_path / "root")
        os.write(say, b"r")
        signal.pause()
    try:
        os.read(hear, 1)
        seen, whole = mount_table.seen(child), mount_table.whole(child)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(hear)
        os.close(say)
    assert [mount.place for mount in seen] == ["/"]
    assert len(whole) > 1
    assert str(tmp_path / "root") in {mount.place for mount in whole}


@pytest.mark.needs("root")
def test_the_table_of_a_process_that_has_ended_is_an_error():
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(FileNotFoundError):
        mount_table.seen(ended.pid)
