"""A machine as people meet it: a real kernel with pure cgroup v2, commands, snapshots, and nothing left."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.needs("root", "qemu", "mmdebstrap", "mkfs.erofs"), pytest.mark.slow]


def test_a_command_is_the_command(vm, machine):
    done = vm("run", "sh", "-c", "cat; echo err >&2; exit 7", given="in\n", code=7)
    assert (done.stdout, done.stderr) == ("in\n", "err\n")


def test_inside_is_pure_cgroup_v2_with_controllers(vm, machine):
    mounts = vm("run", "awk", "$3 ~ /cgroup/ {print $2, $3}", "/proc/mounts").stdout.splitlines()
    assert mounts == ["/sys/fs/cgroup cgroup2"]
    assert {"cpu", "memory", "io", "pids"} <= set(vm("run", "cat", "/sys/fs/cgroup/cgroup.controllers").stdout.split())


def test_memory_above_max_is_killed_inside(vm, machine):
    script = """
        cd /sys/fs/cgroup; echo +memory > cgroup.subtree_control; mkdir cl-oom; echo 30M > cl-oom/memory.max
        (echo 0 > cl-oom/cgroup.procs; exec python3 -c "bytearray(200 << 20)"); code=$?
        cat cl-oom/memory.events; rmdir cl-oom; exit $code"""
    said = vm("run", "sh", "-c", script, code=137).stdout
    assert "oom_kill 1" in said.splitlines()


def test_a_container_runs_inside(vm, machine):
    vm("run", "contain-lab", "image", "bootstrap", "busybox")
    said = vm("run", "contain-lab", "run", "--rm", "--hostname", "inside", "busybox", "sh", "-c", "hostname; echo $$")
    assert said.stdout == "inside\n1\n"


def test_a_change_of_the_repository_is_seen_by_the_next_command(vm, machine):
    root = Path(__file__).resolve().parents[2]
    new = root / f"labs/.cl-test-{os.getpid()}"
    new.write_text("new\n")
    try:
        assert vm("run", "cat", f"labs/{new.name}").stdout == "new\n"
    finally:
        new.unlink()
    vm("run", "test", "-e", f"labs/{new.name}", code=1)


def test_results_come_back(vm, cli, machine, tmp_path: Path):
    done = subprocess.run([cli, "vm", "run", "--name", machine, "--bring", "/tmp/results", "sh", "-c",
                           "mkdir -p /tmp/results; echo 17 > /tmp/results/n; exit 3"], cwd=tmp_path)
    assert done.returncode == 3
    assert (tmp_path / "results/n").read_text() == "17\n"


def test_a_snapshot_brings_back_what_was(vm, machine):
    vm("run", "sh", "-c", "echo kept > /root/f")
    vm("snapshot", "one")
    vm("run", "sh", "-c", "echo changed > /root/f")
    vm("restore", "one")
    assert vm("run", "cat", "/root/f").stdout == "kept\n"
    assert abs(int(vm("run", "date", "+%s").stdout) - time.time()) < 5


def test_what_goes_down_goes_on_when_it_comes_up(vm, machine):
    vm("run", "sh", "-c", "sleep 98766 >/dev/null 2>&1 & echo down > /root/f")
    vm("down")
    vm("run", "true", code=1)
    vm("up")
    assert vm("run", "cat", "/root/f").stdout == "down\n"
    vm("run", "pgrep", "-f", "sleep 98766")


def test_copies_of_one_template_are_not_the_same(cli, machine):
    words = [cli, "vm", "run", "--fresh", "cat", "/proc/sys/kernel/random/boot_id", "/etc/machine-id"]
    ids = [subprocess.run(words, text=True, capture_output=True, check=True).stdout.split() for _ in range(2)]
    assert len({each for pair in ids for each in pair}) == 4


def test_a_killed_run_ends_the_command_inside(vm, cli, machine):
    process = subprocess.Popen([cli, "vm", "run", "--name", machine, "sleep", "98767"], stdin=subprocess.DEVNULL)
    while vm("run", "pgrep", "-f", "^sleep 98767", code=None).returncode:
        time.sleep(0.2)
    process.kill()
    process.wait()
    end = time.monotonic() + 10
    while vm("run", "pgrep", "-f", "^sleep 98767", code=None).returncode == 0:
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_killed_keeper_takes_its_machine_along(vm, cli, machine):
    name = f"{machine}-k"
    vm("up", name=name)
    qemu, = (int(pid) for pid in os.listdir("/proc") if pid.isdigit() and f"\0-name\0{name}\0".encode() in read(pid))
    keeper = int(Path(f"/proc/{qemu}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(keeper, signal.SIGKILL)
    end = time.monotonic() + 10
    while Path(f"/proc/{qemu}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert f"removed machine {name}" in subprocess.run([cli, "clean"], text=True, capture_output=True).stdout
    vm("destroy", name=name)


def read(pid: str) -> bytes:
    """A process's command line; empty where it has ended."""
    path = Path(f"/proc/{pid}/cmdline")
    return path.read_bytes() if path.exists() else b""


@pytest.mark.parametrize("folder", ["tests/unit/test_cgroups.py", "tests/kernel/test_contract_namespaces.py"])
def test_the_tests_pass_inside(vm, machine, folder: str):
    words = ["env", "PYTHONPATH=/contain_lab", "python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", folder]
    done = vm("run", *words, code=None, timeout=400)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
