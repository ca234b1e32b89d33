"""`contain-lab bench start` beside real runtimes: figures, conditions, and nothing left however it ends."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from contain_lab import cgroups, files, image
from contain_lab.bench import playground

pytestmark = pytest.mark.needs("root", "image busybox", "pid namespace", "mount namespace", "net namespace")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory of the test's own: other measurements on this machine are not looked at."""
    monkeypatch.setenv("CONTAIN_LAB_STATE", str(tmp_path))
    return tmp_path / "bench"


def bench(cli: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `contain-lab bench start` with few rounds."""
    return subprocess.run([cli, "bench", "start", "--rounds", "4", *words], text=True, capture_output=True, timeout=60)


def left_in(state: Path) -> list[str]:
    """What is there beside the lock of all measurements."""
    return [path.name for path in state.iterdir() if path.name != "lock"]


def groups_of(pid: int) -> list[str]:
    """The groups that a measurement of this process would have left."""
    mounts = set(cgroups.hierarchies(files.get("/proc/self/mountinfo")).values())
    return [f"{mount}/cl-bench-{pid}" for mount in mounts if os.path.exists(f"{mount}/cl-bench-{pid}")]


@pytest.mark.needs("crun", "runc")
def test_both_are_measured_and_nothing_is_left(cli: str, state: Path):
    mounts = Path("/proc/self/mountinfo").read_text()
    times = {path: path.lstat().st_mtime for path in Path(image.find("busybox").rootfs).rglob("*")}
    done = bench(cli, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("measuring ")
    said = json.loads(done.stdout)
    assert said["missing"] == []
    pairs = {(each["ours"], each["way"], each["theirs"]) for each in said["compared"]}
    ways = [("contain-lab-runtime", "create + start + delete"), ("contain-lab-runtime", "run"),
            ("contain_lab", "call in a warm process")]
    assert pairs == {(*way, theirs) for way in ways for theirs in ("crun", "runc")}
    assert all(0 < each["low"] <= each["ratio"] <= each["high"] for each in said["compared"])
    assert {"kernel", "cores", "load", "cgroups", "crun", "runc", "contain-lab-runtime"} <= set(said["conditions"])
    assert left_in(state) == []
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert {path: path.lstat().st_mtime for path in Path(image.find("busybox").rootfs).rglob("*")} == times


@pytest.mark.needs("runc")
def test_a_runtime_that_is_missing_or_fails_is_said_and_the_others_go_on(cli: str):
    done = bench(cli, "--against", "no-such-runtime,false,runc")
    assert done.returncode == 0, done.stderr
    for words in ("no-such-runtime: no such command", "false create: exit code 1", "false run: exit code 1",
                  "contain-lab-runtime ÷ runc"):
        assert words in done.stdout
    assert "÷ false" not in done.stdout


def test_nothing_to_compare_with_is_an_error(cli: str, state: Path):
    done = bench(cli, "--against", "false")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "contain-lab: bench start: nothing could be compared: " in done.stderr
    assert "false create: exit code 1" in done.stderr
    assert left_in(state) == []


@pytest.mark.parametrize(("words", "message"), [
    (("--rounds", "2"), "bench: --rounds 2: at least 3 are needed"),
    (("--against", ","), "bench: --against: no runtime is named"),
])
def test_what_says_nothing_is_refused(cli: str, words: tuple[str, ...], message: str):
    done = bench(cli, *words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"contain-lab: {message}")


@pytest.mark.needs("crun", "runc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_measurement_leaves_nothing(cli: str, state: Path, number: int, code: int):
    for delay in (0.02, 0.25, 0.55):
        process = begin(cli, state)
        time.sleep(delay)
        process.send_signal(number)
        assert process.wait(20) == code
        assert left_in(state) == []
        assert groups_of(process.pid) == []


@pytest.mark.needs("crun", "runc")
def test_what_a_killed_measurement_leaves_is_swept(cli: str, state: Path):
    left = 0
    for delay in (0.05, 0.2, 0.35, 0.5):
        process = begin(cli, state)
        time.sleep(delay)
        process.kill()
        process.wait()
        time.sleep(0.1)  # the command that it had started comes to its end
        left += len(groups_of(process.pid))
        cleaned = subprocess.run([cli, "clean"], text=True, capture_output=True, check=True)
        assert f"removed measurement cl-bench-{process.pid}\n" in cleaned.stdout
        assert groups_of(process.pid) == []
    assert left_in(state) == []
    assert left


def begin(cli: str, state: Path) -> subprocess.Popen[bytes]:
    """Begin a measurement, and wait until its folder is there."""
    process = subprocess.Popen([cli, "bench", "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while not list(state.glob("cl-bench-*/bundle/config.json")):
        assert time.monotonic() < end, "no measurement began"
        time.sleep(0.01)
    return process


def test_a_measurement_sweeps_what_a_killed_one_left(state: Path):
    (state / "cl-bench-1/bundle").mkdir(parents=True)
    with playground.playground() as folder:
        assert left_in(state) == [os.path.basename(folder)]


def test_a_measurement_that_lives_is_not_swept(state: Path):
    with playground.playground() as folder:
        assert playground.sweep() == []
        assert os.path.isdir(folder)
    assert not os.path.exists(folder)
