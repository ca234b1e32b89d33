"""`contain-lab-runtime update`: other limits for a container that runs."""

import json
from pathlib import Path

import pytest

from contain_lab import cgroups

pytestmark = pytest.mark.needs("root", "busybox")
MIB = 1 << 20
RESOURCES = {"memory": {"limit": 16 * MIB, "swap": 16 * MIB}, "cpu": {"quota": 50_000}, "pids": {"limit": 20}}


@pytest.fixture
def limited(own_bundle):
    """A container with limits, that forks and takes memory when it is told to."""
    own_bundle.linux.update(resources=RESOURCES, cgroupsPath=f"/{own_bundle.id}")
    own_bundle.up("while :; do sleep 0.05; done")
    return own_bundle


def taken(bundle) -> str:
    """What becomes of a process that takes 30 MiB; one alone, for a second one beside it may be killed in its place."""
    takes = "dd if=/dev/zero of=/dev/null bs=30M count=1 2>/dev/null; echo $?"
    return bundle.command("exec", bundle.id, "sh", "-c", takes).out


@pytest.mark.blackbox
def test_memory_is_limited_anew(limited):
    assert taken(limited) == "137\n"
    limited.command("update", "--memory", str(64 * MIB), "--memory-swap", str(64 * MIB), limited.id)
    assert taken(limited) == "0\n"
    limited.command("update", "--memory", str(16 * MIB), "--memory-swap", str(16 * MIB), limited.id)
    assert taken(limited) == "137\n"


def test_limits_of_a_file_are_those_of_a_config(limited, tmp_path):
    (tmp_path / "limits").write_text(json.dumps({"pids": {"limit": 3}, "cpu": {"quota": 20_000, "period": 50_000}}))
    limited.command("update", "--resources", str(tmp_path / "limits"), limited.id)
    done = limited.run_command("exec", limited.id, "sh", "-c", "sleep 1 & sleep 1 & sleep 1 & sleep 1 & wait")
    assert "fork" in done.err
    assert cgroups.get("cpu", limited.id, "cpu.max", "cpu.cfs_quota_us").split()[0] == "20000"


@pytest.mark.parametrize(("words", "said"), [
    (("--blkio-weight", "100"), "it has no group of the controller io"),
    (("--memory", "much"), "update: --memory much: it is no whole number"),
    (("--resources", "/nowhere"), "/nowhere"),
    (("--resources", "/nowhere", "--memory", "1"), "update: --resources and other limits exclude each other"),
])
def test_what_cannot_be_updated_is_said(limited, words, said):
    done = limited.run_command("update", *words, limited.id)
    assert (done.code != 0, said in done.err) == (True, True), done


def test_what_is_no_limit_changes_nothing(limited, tmp_path):
    Path(tmp_path, "limits").write_text('{"pids": {"limit": 5}, "unified": {"cgroup.procs": "1"}}')
    done = limited.run_command("update", "--resources", str(tmp_path / "limits"), limited.id)
    assert "linux.resources.unified: 'cgroup.procs' is no file of a controller" in done.err
    assert cgroups.get("pids", limited.id, "pids.max", "pids.max") == "20\n"
