"""The intruder: what its attacks do on their stage, what our container holds, and that the machine is left alone."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contain_lab import engine, image
from contain_lab.labkit import host
from contain_lab.labkit.intruder import attacks, board, stage

pytestmark = pytest.mark.needs("root", "image busybox", "pid namespace", "mount namespace", "uts namespace",
                               "ipc namespace", "net namespace", "overlay")
NAMES = [attack.name for attack in attacks.ATTACKS]
KINDS = ("mnt", "pid", "net", "ipc", "uts")


@pytest.fixture
def untouched():
    """What the machine is like, compared at the end: our names, mounts, namespaces, image, core_pattern."""
    def look() -> dict[str, object]:
        root = Path(image.find("busybox").rootfs)
        return {
            "ours": host.look(), "mounts": Path("/proc/self/mountinfo").read_text(),
            "namespaces": {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS},
            "image": {path: path.lstat().st_mtime for path in root.rglob("*")},
            "core_pattern": Path("/proc/sys/kernel/core_pattern").read_text(),
            "link": Path("/sys/class/net/lo/flags").read_text(),
        }
    before = look()
    yield
    assert host.left_since(before["ours"]) == []
    assert look() | {"ours": before["ours"]} == before


def in_plan(attack: attacks.Attack) -> tuple[str, ...]:
    """Those of an attack's walls that its container on this machine is started with."""
    names = {name for _, name, *_ in stage.plan_of(attack, ["true"]).rows()}
    return tuple(step for step in attack.walls if step in names)


def test_every_attack_works_plain_and_none_from_our_container(untouched):
    rows = list(board.rows(attacks.ATTACKS))
    assert [row.attack.name for row in rows if not row.plain] == []
    assert [row.attack.name for row in rows if row.container] == []
    assert board.score(rows) == {"attacks": len(NAMES), "plain": len(NAMES), "container": 0}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "image"])
def test_without_its_walls_an_attack_works_from_a_container(name: str, untouched):
    assert stage.play(name, "container", skipped=in_plan(attacks.find(name)))


def test_without_a_layer_of_its_own_a_container_has_no_root(untouched):
    with pytest.raises(Exception, match=r"attack image: the container did not start: .*pivot_root"):
        stage.play("image", "container", skipped=("mount_overlay",))


@pytest.mark.parametrize(("name", "other"), [("hostname", "unshare_ipc"), ("memory", "unshare_uts")])
def test_a_step_holds_its_own_attack_and_no_other(name: str, other: str):
    assert not stage.play(name, "container", skipped=(other,))


def test_each_attack_names_steps_that_are_there():
    names = {name for attack in attacks.ATTACKS for _, name, *_ in stage.plan_of(attack, ["true"]).rows()}
    names |= {"allow_devices"}
    assert {wall for attack in attacks.ATTACKS for wall in attack.walls} <= names
    assert len(set(NAMES)) == len(NAMES) >= 12


def test_a_container_that_does_not_start_is_an_error_and_no_attack_held(tmp_path: Path):
    (tmp_path / "my_runtime").mkdir()
    (tmp_path / "my_runtime/namespaces.py").write_text("def set_hostname(name):\n    raise ValueError('no')\n")
    with pytest.raises(Exception, match=r"the container did not start: namespaces\.uts\.set_hostname.*ValueError: no"):
        stage.play("hostname", "container", str(tmp_path / "my_runtime"))


def test_a_student_step_that_does_nothing_lets_the_attack_work(tmp_path: Path, untouched):
    (tmp_path / "my_runtime").mkdir()
    (tmp_path / "my_runtime/namespaces.py").write_text("def unshare_uts():\n    pass\n")
    [row] = board.rows([attacks.find("hostname")], str(tmp_path / "my_runtime"))
    assert row.plain
    assert row.container


def test_a_students_step_cannot_write_on_the_machine(tmp_path: Path):
    (tmp_path / "my_runtime").mkdir()
    (tmp_path / "my_runtime/namespaces.py").write_text(
        f"def unshare_uts():\n    open('{tmp_path}/written', 'w').close()\n")
    with pytest.raises(Exception, match=r"EROFS"):
        stage.play("hostname", "container", str(tmp_path / "my_runtime"))
    assert not (tmp_path / "written").exists()


def test_a_killed_intruder_leaves_nothing(cli: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untouched):
    monkeypatch.setenv("CONTAIN_LAB_STATE", str(tmp_path))
    with subprocess.Popen([cli, "intruder"], stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: len(stages(process.pid)) >= 3)  # who makes the stage, its first process, and that one's child
        there = stages(process.pid)
        for pid in there:
            os.kill(pid, signal.SIGSTOP)  # so that it would stay for ever, were it not killed
        process.kill()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in there))
    engine.clean()
    assert not (tmp_path / "run").exists() or os.listdir(tmp_path / "run") == []


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until it says yes; an error after five seconds."""
    end = time.monotonic() + 5
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def stages(parent: int) -> set[int]:
    """The processes below one, by their ids."""
    path = Path(f"/proc/{parent}/task/{parent}/children")
    children = {int(pid) for pid in path.read_text().split()} if path.exists() else set()
    return children.union(*map(stages, children))


# ---- the command

def intruder(cli: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `contain-lab intruder WORDS`."""
    return subprocess.run([cli, "intruder", *words], text=True, capture_output=True, timeout=60)


def test_the_board_has_a_row_and_a_score(cli: str):
    done = intruder(cli, "--only", "file", "--only", "umount")
    assert done.returncode == 0, done.stderr
    assert "file       04   read a file of the host     works  held" in done.stdout
    assert "score of the intruder: plain process 2 of 2, container 0 of 2" in done.stdout
    assert 'umount: $ umount "$place/disk"\n  against it: unshare_mount' in done.stdout
    assert "\033" not in done.stdout


def test_a_skipped_step_is_named_above_its_column(cli: str):
    done = intruder(cli, "--only", "hostname", "--skip", "unshare_uts")
    assert "plain  container without unshare_uts" in done.stdout
    assert "works  works" in done.stdout


def test_json_has_attacks_and_score(cli: str):
    said = json.loads(intruder(cli, "--json", "--only", "timers").stdout)
    assert said["score"] == {"attacks": 1, "plain": 1, "container": 0}
    [row] = said["attacks"]
    assert (row["name"], row["plain"], row["container"], row["walls"]) == ("timers", "works", "held", ["mask_path"])


@pytest.mark.parametrize(("words", "message", "hint"), [
    (("--only", "hostnam"), "attack 'hostnam': there is none of this name", "attacks are hostname, memory"),
    (("--skip", "unshare_ut"), "step 'unshare_ut': not among the steps", "did you mean unshare_uts"),
    (("--with", "nowhere"), "nowhere: no such folder", "a Build cell"),
])
def test_what_is_not_there_is_said(cli: str, words: tuple[str, ...], message: str, hint: str):
    done = intruder(cli, *words)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"contain-lab: {message}")
    assert f"hint: {hint}" in done.stderr
