"""Limits of a container's resources, crossed: what the kernel does then, seen from both sides. config-linux.md."""

import os
import time
from pathlib import Path

import pytest

from contain_lab import cgroups, files
from contain_lab.cgroups import cpu, memory
from tests.kernel.bundles import groups

MIB = 1 << 20
pytestmark = pytest.mark.needs("root", "busybox")


def test_memory_above_max_is_killed(bundle):
    bundle.linux.update(cgroupsPath=f"/{bundle.id}", resources={"memory": {"limit": 16 * MIB, "swap": 16 * MIB}})
    bundle.process["args"] = ["sh", "-c", "dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null; echo $?"]
    done = bundle.lived()
    assert done.out == "137\n"
    assert memory.count_oom_kills(bundle.id) == 1
    bundle.remove()
    assert groups(bundle.id) == []


def test_a_quota_of_cpu_time_is_all_there_is(bundle):
    bundle.linux.update(cgroupsPath=f"/{bundle.id}", resources={"cpu": {"quota": 10_000, "period": 50_000}})
    said = bundle.lived("timeout 1 sh -c 'while :; do :; done'; cut -d' ' -f16,17 /proc/1/stat")
    ticks = sum(map(int, said.out.split()))
    assert 10 <= ticks <= 40, f"a fifth of a second is due, {ticks / 100} s were had"
    assert cpu.count_throttled(bundle.id) >= 5


def test_a_processor_that_is_not_its_own_is_not_used(bundle):
    bundle.linux["resources"] = {"cpu": {"cpus": "0"}}
    assert bundle.says("grep Cpus_allowed_list /proc/self/status").split() == ["Cpus_allowed_list:", "0"]


def test_nested_groups_have_processors_too(bundle):
    bundle.linux.update(cgroupsPath=f"/{bundle.id}/inner", resources={"cpu": {"cpus": "0"}})
    assert bundle.says("cat /proc/self/cgroup").count(f"/{bundle.id}/inner") == 1
    bundle.remove()
    assert groups(bundle.id) == []


def test_reads_beyond_a_rate_wait(bundle, tmp_path):
    data = tmp_path / "data"
    data.write_bytes(os.urandom(3 * MIB))
    os.sync()
    device = files.get(f"/sys/dev/block/{_numbers(tmp_path)}/dev").strip()
    bundle.config["mounts"].append({"destination": "/data", "type": "bind", "source": str(data), "options": ["bind"]})
    major, minor = map(int, device.split(":"))
    bundle.linux["resources"] = {"blockIO": {"throttleReadBpsDevice": [
        {"major": major, "minor": minor, "rate": 2 * MIB}]}}
    with open(data, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    began = time.monotonic()
    assert bundle.says("wc -c </data") == str(3 * MIB)
    assert time.monotonic() - began > 1.2


def _numbers(path: Path) -> str:
    """The block device of a file, of the whole disk where it is a partition."""
    number = os.stat(path).st_dev
    place = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    return files.get(f"{place.parent if (place / 'partition').exists() else place}/dev").strip()


def test_a_limit_that_the_kernel_does_not_take_is_said_and_nothing_is_left(bundle):
    bundle.linux.update(cgroupsPath=f"/{bundle.id}", resources={"pids": {"limit": 9}, "cpu": {"cpus": "9999"}})
    done = bundle.try_create()
    assert done.code == 1
    assert "cpuset.set_cpuset" in done.err
    assert "cpuset.cpus" in done.err
    assert groups(bundle.id) == []


def test_a_group_that_is_there_is_not_taken(bundle):
    cgroups.create_group(bundle.id, ("memory",))
    try:
        bundle.linux.update(cgroupsPath=f"/{bundle.id}", resources={"pids": {"limit": 9}, "memory": {"limit": MIB}})
        done = bundle.try_create()
        assert done.code == 1
        assert "file exists" in done.err
        assert [path.split("/")[4] for path in groups(bundle.id)] == ["memory"]
    finally:
        cgroups.remove_group(bundle.id, ("memory",))
