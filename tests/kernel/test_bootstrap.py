"""Images on the real kernel: killed while they are made, on a full disk, and what programs find in them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contain_lab import image

MAKE = "import sys; from contain_lab.image import bootstrap; bootstrap.bootstrap(sys.argv[1:])"
STOP = """
import sys, time
from contain_lab.image import bootstrap

def report(line):
    print(line, flush=True)
    if line.endswith("…"):
        time.sleep(60)

bootstrap.bootstrap(["busybox"], report)
"""
SLEEP = """
import subprocess
from contain_lab.image import debian

subprocess.run(debian.tied(["sleep", "61"]))
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, for this process and those that it starts."""
    monkeypatch.setenv("CONTAIN_LAB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def half_made(data: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that stands still in the middle of making busybox."""
    command = [sys.executable, "-c", STOP]
    environment = {**os.environ, "CONTAIN_LAB_DATA": str(data)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert "applets…" in process.stdout.readline()
        yield process
        process.kill()


def names(data: Path) -> list[str]:
    return sorted(os.listdir(data / "images"))


@pytest.mark.needs("busybox")
def test_a_bootstrap_that_is_killed_leaves_one_folder_that_the_sweep_takes(
    data: Path, half_made: subprocess.Popen[str]
) -> None:
    temporary = f"cl-busybox-{half_made.pid}"
    assert names(data) == [".lock", temporary]
    assert image.sweep() == []
    half_made.kill()
    half_made.wait()
    assert names(data) == [".lock", temporary]
    assert image.sweep() == [temporary]
    assert names(data) == [".lock"]


@pytest.mark.needs("busybox")
def test_the_next_bootstrap_makes_the_image(data: Path, half_made: subprocess.Popen[str]) -> None:
    half_made.kill()
    half_made.wait()
    subprocess.run([sys.executable, "-c", MAKE, "busybox"], check=True)
    assert names(data) == [".lock", "busybox"]


@pytest.mark.needs("busybox")
def test_a_bootstrap_that_is_interrupted_leaves_nothing(data: Path, half_made: subprocess.Popen[str]) -> None:
    half_made.send_signal(signal.SIGINT)
    half_made.wait()
    assert names(data) == [".lock"]


@pytest.mark.needs("busybox")
def test_a_second_bootstrap_waits_for_the_first(data: Path, half_made: subprocess.Popen[str]) -> None:
    with subprocess.Popen([sys.executable, "-c", MAKE, "busybox"]) as second:
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(0.5)
        half_made.kill()
        assert second.wait(10) == 0
    assert names(data) == [".lock", "busybox"]


@pytest.mark.needs("setpriv")
def test_what_a_bootstrap_runs_dies_with_it() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        tool = wait_for_sleep(children)
        process.kill()
    end = time.monotonic() + 5
    while is_alive(tool) and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_alive(tool)


def wait_for_sleep(children: Path) -> int:
    """The process id of the tool, once setpriv has become it."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for pid in children.read_text().split():
            if Path(f"/proc/{pid}/comm").read_text() == "sleep\n":
                return int(pid)
        time.sleep(0.01)
    pytest.fail("the tool did not start")


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.needs("root", "mount namespace", "busybox")
def test_a_full_disk_is_an_error_with_a_way_out_and_leaves_nothing(data: Path) -> None:
    data.mkdir()
    script = 'mount -t tmpfs -o size=512k cl-test "$1"; "$2" -c "$3" busybox; ls -A "$1/images"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(data), sys.executable, MAKE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "image 'busybox': " in done.stderr
    assert "no space left on device (ENOSPC)" in done.stderr
    assert done.stdout.split() == [".lock"]


@pytest.mark.needs("root", "busybox")
def test_programs_of_busybox_run_in_its_root(data: Path) -> None:
    subprocess.run([sys.executable, "-c", MAKE, "busybox"], check=True)
    command = ["chroot", data / "images/busybox/rootfs", "/bin/sh", "-c", "id -un; ls -d /tmp; env true"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["root", "/tmp"]


@pytest.mark.needs("root", "image debian")
def test_debian_has_a_shell_and_a_python_with_sockets() -> None:
    script = """
        set -e
        python3 -B -c 'import os, socket, json, ctypes; print(6 * 7)'
        . /etc/os-release; echo $ID
        id -un
        hostname | grep . | tail -n 1 | awk '{print "awk"}'
    """
    command = ["chroot", image.find("debian").rootfs, "bash", "-c", script]
    answer, system, *rest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert (answer, rest) == ("42", ["root", "awk"])
    assert system in ("debian", "ubuntu")
