"""The process tree from both sides, and the mount tree: what the kernel has, drawn and written."""

import contextlib
import os
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest

from contain_lab.labkit.looking import processes
from contain_lab.labkit.pictures import mount_tree as mount_picture, process_tree as process_picture
from contain_lab.labkit.pictures.mount_tree import mount_tree, parse
from contain_lab.labkit.pictures import Picture
from contain_lab.labkit.pictures.process_tree import process_tree
from contain_lab.labkit.sentence import Refused

SVG = "{http://www.w3.org/2000/svg}"


@contextlib.contextmanager
def there(*command: str) -> Iterator[int]:
    """A process that says "there" when its scene stands, and ends with its input: its number."""
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as scene:
        assert scene.stdout
        assert scene.stdout.readline() == "there\n"
        yield scene.pid
        scene.communicate("")


def words(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter(f"{SVG}text")]


def child_of(pid: int) -> int:
    return processes.below(processes.everyone(), [pid])[0]


def drawn(pid: int, *said: str) -> Picture:
    """The tree of a process, once it says all this: a process is called like its parent until it executes."""
    end = time.monotonic() + 5
    while not all(each in (picture := process_tree(pid)).text for each in said):
        assert time.monotonic() < end, picture.text
    return picture


# ---- processes

@pytest.mark.needs("root", "pid namespace")
def test_a_process_has_a_number_on_each_side():
    script = "sleep 60 & echo there; cat; kill $!"
    with there("unshare", "--pid", "--fork", "sh", "-c", script) as outside:
        init = child_of(outside)
        picture = drawn(init, "cat:", "sleep:")
    lines = picture.text.split("\n")
    assert lines[1] == f"unshare: pid {outside} outside, not seen inside"
    assert lines[2] == f"  sh: pid {init} outside, pid 1 inside"
    assert sorted(line.split(":")[0] for line in lines[3:]) == ["    cat", "    sleep"]
    assert all("pid 2 inside" in line or "pid 3 inside" in line for line in lines[3:])
    assert {"unshare", "sh", f"pid {init}", "pid 1", "not seen"} <= set(words(picture.svg))


@pytest.mark.needs("root", "pid namespace")
def test_a_namespace_within_another_gives_a_third_number():
    script = "unshare --pid --fork sh -c 'echo there; cat'"
    with there("unshare", "--pid", "--fork", "sh", "-c", script) as outside:
        init = child_of(outside)
        text = process_tree(init).text
    assert any(line.endswith(", pid 1 inside") and line.count("inside") == 2 for line in text.split("\n")), text


@pytest.mark.needs("root", "pid namespace")
def test_who_enters_has_a_parent_outside():
    with there("unshare", "--pid", "--fork", "sh", "-c", "echo there; cat") as outside:
        init = child_of(outside)
        with there("nsenter", f"--pid=/proc/{init}/ns/pid", "sh", "-c", "echo there; cat") as entering:
            text = process_tree(init).text
    assert f"\nnsenter: pid {entering} outside, not seen inside\n  sh: pid " in text


@pytest.mark.needs("root", "pid namespace")
def test_a_child_that_nobody_waited_for_is_called_a_zombie():
    script = "import os, sys\nif os.fork() == 0: os._exit(0)\nprint('there', flush=True); sys.stdin.read()"
    with there("unshare", "--pid", "--fork", "python3", "-c", script) as outside:
        text = drawn(child_of(outside), "zombie").text
    assert "(zombie: it has ended, nobody has waited): pid " in text


def test_of_the_notebooks_own_namespace_only_what_descends_is_drawn():
    with there("sh", "-c", "echo there; cat; true") as pid:
        text = drawn(pid, "cat:").text
    assert [line.strip().split(":")[0] for line in text.split("\n")[2:]] == ["sh", "cat"]
    assert "pid 1 " not in text


def test_a_tree_whose_parent_is_out_of_sight_is_drawn_without_it():
    everyone = {7: {"PPid": "0", "Name": "init"}, 8: {"PPid": "7", "Name": "sh"}}
    assert process_picture._tree(everyone, [7, 8]) == [(0, 7), (1, 8)]


@pytest.mark.parametrize("draw", [process_tree, mount_tree])
def test_a_process_that_has_ended_is_refused(draw):
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(Refused, match=f"process {ended.pid} has ended"):
        draw(ended.pid)


# ---- mounts

SCENE = """
mount -t tmpfs cl-trees "$0"; cd "$0"; mkdir one 't wo' three four
mount --bind one one; mount --make-shared one
mount --bind one 't wo'; mount --make-slave 't wo'
mount --bind three three; mount --make-unbindable three; mount -o remount,bind,ro three
mount -t tmpfs cl-trees four; mount -t tmpfs cl-trees four
echo there; cat"""


@pytest.mark.needs("root", "mount namespace")
def test_mounts_are_written_with_what_they_are_and_how_far_they_are_heard(tmp_path):
    with there("unshare", "--mount", "--propagation", "private", "sh", "-ec", SCENE, str(tmp_path)) as pid:
        picture = mount_tree(pid, below=f"{tmp_path}/")
    assert picture.text.replace(str(tmp_path), "/mnt").split("\n") == [
        "mounts",
        "/mnt: tmpfs, rw, private",
        "  /mnt/one: tmpfs, /one of it, rw, shared A",
        "  /mnt/t wo: tmpfs, /one of it, rw, slave A",
        "  /mnt/three: tmpfs, /three of it, ro, unbindable",
        "  /mnt/four: tmpfs, rw, private",
        "    /mnt/four (covers the one above): tmpfs, rw, private",
        *mount_picture.MEANS.values(),
    ]
    assert {f"{tmp_path}/t wo", "shared A", "slave A", "unbindable", "ro"} <= set(words(picture.svg))


@pytest.mark.needs("root", "mount namespace")
def test_two_processes_are_drawn_with_one_alphabet(tmp_path):
    script = ("mount -t tmpfs cl-trees \"$0\"; mount --make-shared \"$0\"; "
              "unshare --mount --propagation slave sh -c 'echo there; cat'; true")
    with there("unshare", "--mount", "--propagation", "private", "sh", "-ec", script, str(tmp_path)) as pid:
        text = mount_tree({"none": os.getpid(), "host": pid, "box": child_of(pid)}, below=str(tmp_path)).text
    assert text.replace(str(tmp_path), "/mnt").split("\n")[:6] == [
        "mounts of none", "  none", "mounts of host", "  /mnt: tmpfs, rw, shared A",
        "mounts of box", "  /mnt: tmpfs, rw, slave A"]


def test_a_mount_that_is_shared_and_slave_says_both():
    mount = parse("36 35 98:0 /part /at rw,noatime shared:7 master:1 - ext4 /dev/root rw")
    groups: dict[str, str] = {}
    assert (mount.part, mount.point, mount.kind) == ("/part", "/at", "ext4")
    assert mount_picture._propagation(mount, groups) == "shared A and slave B"


def test_a_mount_with_no_fields_but_the_first_is_private():
    assert parse("66 43 0:40 / / rw,relatime - overlay overlay rw").peers == {}


def test_there_are_letters_for_many_groups():
    assert [mount_picture._letter(at) for at in (0, 25, 26, 52)] == ["A", "Z", "AA", "BA"]


def test_long_words_are_cut_in_their_middle():
    assert mount_picture._short("a" * 20 + "b" * 20, 20) == "aaaaaaaaa … bbbbbbbb"
    assert mount_picture._short("short") == "short"


def test_boxes_and_words_stand_within_the_card():
    lines = [mount_picture.Line(at, "/a/long/mount/point" * 3, (mount_picture.Cell("x", "#ffffff"),))
             for at in range(12)]
    card = ET.fromstring(mount_picture.outline.draw("t", "d", {"a": 10, "b": 90}, lines, ["foot"]))
    wide, high = float(card.get("width", 0)), float(card.get("height", 0))
    for each in card.iter(f"{SVG}rect"):
        assert float(each.get("x", 0)) + float(each.get("width", 0)) <= wide
        assert float(each.get("y", 0)) + float(each.get("height", 0)) <= high
    for each in card.iter(f"{SVG}text"):
        assert float(each.get("x", 0)) + 7.3 * len(each.text or "") <= wide
