"""What Podman asks of a runtime besides `run`: create, start, kill, stop, remove, a terminal, volumes, and errors."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from contain_lab import image

pytestmark = pytest.mark.needs("root", "podman", "image busybox")
ROOT = Path(__file__).resolve().parents[2]
WORLD = ROOT / "tests/peers/podman_world.sh"
OPTIONS = "--cgroup-parent="
Shell = Callable[[str], str]


@pytest.fixture
def shell(runtime: str, group: str) -> Shell:
    """Run lines of a shell where `$P` is Podman with our runtime, and `$O` are the options of its run and create."""
    def run(script: str, runtime: str = runtime) -> str:
        settings = {"IMAGE": image.find("busybox").rootfs, "P": f"podman --runtime {runtime}",
                    "O": f"{OPTIONS}/{group}"}
        done = subprocess.run([WORLD, "sh", "-euc", script], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, env={**os.environ, **settings})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()
    return run


def test_a_container_is_created_started_stopped_and_removed(shell):
    said = shell("""
        $P create $O --name one busybox sh -c 'trap "exit 7" TERM; while :; do sleep 0.1; done' >/dev/null
        $P inspect --format '{{.State.Status}}' one
        $P start one >/dev/null; $P inspect --format '{{.State.Status}} {{.OCIRuntime}}' one
        $P stop -t 10 one >/dev/null; $P inspect --format '{{.State.ExitCode}}' one
        $P rm one >/dev/null; $P ps -aq""").splitlines()
    assert (said[0], said[2:]) == ("created", ["7"])
    assert said[1].startswith("running ")
    assert "contain-lab-runtime" in said[1]


def test_name_environment_user_directory_and_volume_are_those_that_were_asked_for(shell, tmp_path):
    (tmp_path / "a").write_text("outside\n")
    tmp_path.chmod(0o755)
    said = shell(f"$P run $O --rm --hostname web -e A=b -u 1000:1001 -v {tmp_path}:/data:ro -w /tmp busybox "
                 "sh -c 'hostname; echo $A; id -u; id -g; pwd; cat /data/a; touch /data/b 2>/dev/null || echo refused'")
    assert said.split() == ["web", "b", "1000", "1001", "/tmp", "outside", "refused"]


def test_a_terminal_is_given(shell):
    assert shell("$P run $O --rm -t busybox tty") == "/dev/pts/0"


def test_a_limit_of_processes_holds(shell):
    assert "fork" in shell("$P run $O --rm --pids-limit 3 busybox sh -c "
                           "'for n in 1 2 3 4 5; do sleep 0.2 & done; wait' 2>&1 || true")


def test_a_killed_one_gives_137_and_a_missing_program_127(shell):
    said = shell("""
        $P run $O -d --name one busybox sleep 60 >/dev/null
        $P kill one >/dev/null; $P wait one; $P rm one >/dev/null
        $P run $O --rm busybox nowhere-at-all 2>/dev/null || echo $?""")
    assert said.split() == ["137", "127"]


def test_the_error_of_a_students_step_reaches_podman_and_nothing_is_left(shell, cli, tmp_path):
    package = tmp_path / "my_runtime"
    package.mkdir(mode=0o755)
    (package / "namespaces.py").write_text("def set_hostname(name):\n    raise ValueError('not today')\n")
    subprocess.run([cli, "export", package, "-o", tmp_path / "exported"], capture_output=True, check=True)
    script = "$P run $O --rm busybox true 2>&1 && exit 9; $P ps -aq"
    said = shell(script, runtime=str(tmp_path / "exported"))
    assert "namespaces.uts.set_hostname" in said
    assert "ValueError: not today" in said
    assert len(said.splitlines()[-1].split()) > 1, "a container is left"


def test_one_more_process_is_executed_in_a_container(shell):
    said = shell("""
        $P run $O -d --name one busybox sh -c 'trap "exit 7" TERM; while :; do sleep 0.1; done' >/dev/null
        $P exec -e A=1 -w /tmp -u 1000 one sh -c 'echo $A $PWD $(id -u)'
        $P exec one sh -c 'exit 4' || echo $?
        $P exec one nowhere-at-all 2>/dev/null || echo $?
        echo fro | $P exec -i one cat
        $P exec -t one tty
        $P exec one grep -c ^Seccomp:.*2 /proc/self/status
        $P exec -d one sleep 987 >/dev/null; $P top one args | grep -c 'sleep 987'
        $P rm -f -t 0 one >/dev/null""")
    assert said.split("\n") == ["1 /tmp 1000", "4", "127", "fro", "/dev/pts/0", "1", "1"]
