"""Control groups as files tell of them: v1, v2 and hybrid machines; the kernel's own are met in tests/kernel."""

from pathlib import Path

import pytest

from contain_lab import cgroups
from contain_lab.errors import Unsupported

V1 = "30 29 0:26 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids\n"
BOTH = "32 29 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct,xattr\n"
NAMED = "33 29 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,none,name=systemd\n"
V2 = "31 29 0:27 / {} rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the v2 tree, of which mountinfo tells."""
    (tmp_path / "cgroup.controllers").write_text("pids memory\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    (tmp_path / "mountinfo").write_text(V2.format(tmp_path))
    real = cgroups.files.get
    monkeypatch.setattr(cgroups.files, "get", lambda path: real(
        str(tmp_path / "mountinfo") if path == "/proc/self/mountinfo" else path))
    return tmp_path


def test_each_controller_of_v1_has_its_mount():
    found = cgroups.hierarchies(V1 + BOTH + NAMED + "1 0 8:1 / / rw - ext4 /dev/vda rw\n")
    assert found == {"pids": "/sys/fs/cgroup/pids", "cpu": "/sys/fs/cgroup/cpu,cpuacct",
                     "cpuacct": "/sys/fs/cgroup/cpu,cpuacct", "none": "/sys/fs/cgroup/systemd",
                     "systemd": "/sys/fs/cgroup/systemd"}


def test_the_first_of_two_mounts_counts():
    assert cgroups.hierarchies(V2.format("/a") + V2.format("/b")) == {"unified": "/a"}


def test_a_group_is_in_the_v1_hierarchy_of_its_controller_where_there_is_one(tree):
    (tree / "mountinfo").write_text(V2.format(tree) + V1)
    assert cgroups.group_path("pids", "a/b") == "/sys/fs/cgroup/pids/a/b"
    assert cgroups.group_path("memory", "a/b") == f"{tree}/a/b"


def test_a_controller_that_no_hierarchy_has_is_refused(tree):
    with pytest.raises(Unsupported, match="cgroup controller devices: no hierarchy of this machine has it"):
        cgroups.group_path("devices", "a")
    assert not cgroups.available("devices")
    assert cgroups.available("pids")


def test_in_v2_each_parent_hands_the_controller_on(tree):
    (tree / "a").mkdir()
    (tree / "a/cgroup.subtree_control").write_text("")
    cgroups.create_group("pids", "a/b")
    assert (tree / "cgroup.subtree_control").read_text() == "+pids"
    assert (tree / "a/cgroup.subtree_control").read_text() == "+pids"
    assert not (tree / "a/b/cgroup.subtree_control").exists()


def test_a_group_that_is_there_already_is_an_error(tree):
    (tree / "a").mkdir()
    with pytest.raises(FileExistsError):
        cgroups.create_group("pids", "a")


def test_a_group_that_holds_another_is_not_removed(tree):
    (tree / "a/b").mkdir(parents=True)
    with pytest.raises(OSError, match="not empty"):
        cgroups.remove_group("pids", "a")


@pytest.mark.parametrize(("limit", "said"), [(5, "5"), (0, "max"), (-1, "max")])
def test_no_limit_of_processes_is_max(tree, limit, said):
    (tree / "a").mkdir()
    (tree / "a/pids.max").write_text("")
    cgroups.set_pids_limit("a", limit)
    assert (tree / "a/pids.max").read_text() == said
