"""Control groups as files tell of them: v1, v2 and hybrid machines; the kernel's own are met in tests/kernel."""

from pathlib import Path

import pytest

from contain_lab import cgroups
from contain_lab.cgroups import cpu, cpuset, freezer, hugetlb, io, memory, pids, rdma, unified
from contain_lab.errors import ContainLabError, Unsupported

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
    cgroups.create_group("a/b", ("pids",))
    assert (tree / "cgroup.subtree_control").read_text() == "+pids"
    assert (tree / "a/cgroup.subtree_control").read_text() == "+pids"
    assert not (tree / "a/b/cgroup.subtree_control").exists()


def test_a_group_that_is_there_already_is_an_error(tree):
    (tree / "a").mkdir()
    with pytest.raises(FileExistsError):
        cgroups.create_group("a", ("pids",))


def test_a_group_that_holds_another_is_not_removed(tree):
    (tree / "a/b").mkdir(parents=True)
    with pytest.raises(OSError, match="not empty"):
        cgroups.remove_group("a", ("pids",))


@pytest.mark.parametrize(("limit", "said"), [(5, "5"), (0, "max"), (-1, "max")])
def test_no_limit_of_processes_is_max(tree, limit, said):
    (tree / "a").mkdir()
    (tree / "a/pids.max").write_text("")
    pids.set_pids_limit("a", limit)
    assert (tree / "a/pids.max").read_text() == said


def test_one_group_of_v2_serves_all_controllers(tree):
    (tree / "a").mkdir()
    (tree / "a/cgroup.subtree_control").write_text("")
    cgroups.create_group("a/b", ("pids", "memory"))
    assert (tree / "a/cgroup.subtree_control").read_text() == "+memory"  # the last of the two writes
    (tree / "a/b/cgroup.procs").write_text("")
    cgroups.add_process("a/b", 7, ("pids", "memory"))
    assert (tree / "a/b/cgroup.procs").read_text() == "7"


def test_of_a_group_that_cannot_be_made_in_every_hierarchy_nothing_is_left(tree, monkeypatch):
    first = tree / "v1"
    first.mkdir()
    (first / "b").mkdir()
    (tree / "mountinfo").write_text(V2.format(tree) + V1.replace("/sys/fs/cgroup/pids", str(first)))
    with pytest.raises(FileExistsError):
        cgroups.create_group("b", ("memory", "pids"))
    assert not (tree / "b").exists()
    assert (first / "b").is_dir()


# ---- limits: (the step, what the files of v2 say then, what those of v1 say; "" where the version cannot)

LIMITS = [
    (lambda: memory.set_memory_limit("a", 4096), "memory.max=4096", "memory.limit_in_bytes=4096"),
    (lambda: memory.set_memory_limit("a", -1), "memory.max=max", "memory.limit_in_bytes=-1"),
    (lambda: memory.set_swap_limit("a", 4096, 4096), "memory.swap.max=0", "memory.memsw.limit_in_bytes=4096"),
    (lambda: memory.set_swap_limit("a", 4096, 6096), "memory.swap.max=2000", "memory.memsw.limit_in_bytes=6096"),
    (lambda: memory.set_swap_limit("a", 4096, -1), "memory.swap.max=max", "memory.memsw.limit_in_bytes=-1"),
    (lambda: memory.set_memory_protection("a", 5), "memory.low=5", "memory.soft_limit_in_bytes=5"),
    (lambda: memory.set_swappiness("a", 5), "", "memory.swappiness=5"),
    (lambda: memory.disable_oom_killer("a"), "", "memory.oom_control=1"),
    (lambda: cpu.set_cpu_weight("a", 1024), "cpu.weight=39", "cpu.shares=1024"),
    (lambda: cpu.set_cpu_weight("a", 2), "cpu.weight=1", "cpu.shares=2"),
    (lambda: cpu.set_cpu_weight("a", 262144), "cpu.weight=10000", "cpu.shares=262144"),
    (lambda: cpu.set_cpu_quota("a", 5000, 100000), "cpu.max=5000 100000",
     "cpu.cfs_period_us=100000 cpu.cfs_quota_us=5000"),
    (lambda: cpu.set_cpu_quota("a", -1, 100000), "cpu.max=max 100000",
     "cpu.cfs_period_us=100000 cpu.cfs_quota_us=-1"),
    (lambda: cpu.set_cpu_burst("a", 5), "cpu.max.burst=5", "cpu.cfs_burst_us=5"),
    (lambda: cpu.set_cpu_idle("a", 1), "cpu.idle=1", "cpu.idle=1"),
    (lambda: io.set_io_limit("a", "8:0", "rbps", 9), "io.max=8:0 rbps=9", "blkio.throttle.read_bps_device=8:0 9"),
    (lambda: io.set_io_limit("a", "8:0", "wiops", 0), "io.max=8:0 wiops=max",
     "blkio.throttle.write_iops_device=8:0 0"),
    (lambda: io.set_io_weight("a", "default", 1000), "io.weight=default 10000", "blkio.weight=1000"),
    (lambda: io.set_io_weight("a", "8:0", 10), "io.weight=8:0 1", "blkio.weight_device=8:0 10"),
    (lambda: hugetlb.set_hugepage_limit("a", "2MB", 9), "hugetlb.2MB.max=9", "hugetlb.2MB.limit_in_bytes=9"),
    (lambda: rdma.set_rdma_limit("a", "m", 3, -1), "rdma.max=m hca_handle=3 hca_object=max",
     "rdma.max=m hca_handle=3 hca_object=max"),
    (lambda: unified.set_unified("a", "memory.high", "1M"), "memory.high=1M", ""),
    (lambda: pids.set_pids_limit("a", 5), "pids.max=5", "pids.max=5"),
]


@pytest.mark.parametrize(("step", "second", "first"), LIMITS)
@pytest.mark.parametrize("version", [1, 2])
def test_a_limit_is_written_as_the_version_has_it(tree, monkeypatch, version, step, second, first):
    written = []
    monkeypatch.setattr(cgroups, "hierarchy", lambda controller: (str(tree), version))
    monkeypatch.setattr(cgroups.files, "put",
                        lambda path, text: written.append(f"{path.removeprefix(f'{tree}/a/')}={text}"))
    due = second if version == 2 else first
    if not due:
        with pytest.raises(Unsupported, match="cgroup controller memory: "):
            step()
        return
    step()
    assert " ".join(dict.fromkeys(written)) == due


def test_on_v1_a_cpuset_has_what_its_parents_have_unless_it_is_chosen(tree, monkeypatch):
    monkeypatch.setattr(cgroups, "hierarchy", lambda controller: (str(tree), 1))
    (tree / "a/b").mkdir(parents=True)
    for place, cpus, mems in ((tree, "0-3\n", "0\n"), (tree / "a", "\n", "\n"), (tree / "a/b", "\n", "\n")):
        (place / "cpuset.cpus").write_text(cpus)
        (place / "cpuset.mems").write_text(mems)
    cpuset.set_cpuset("a/b", "1", "")
    assert [(tree / place).read_text().strip() for place in ("a/cpuset.cpus", "a/cpuset.mems", "a/b/cpuset.mems")] == [
        "0-3", "0", "0"]
    assert (tree / "a/b/cpuset.cpus").read_text().startswith("1")


@pytest.mark.parametrize(("version", "file"), [(1, "memory.oom_control"), (2, "memory.events")])
def test_oom_kills_are_counted(tree, monkeypatch, version, file):
    monkeypatch.setattr(cgroups, "hierarchy", lambda controller: (str(tree), version))
    (tree / "a").mkdir()
    (tree / "a" / file).write_text("oom_kill_disable 0\noom 7\noom_kill 3\noom_group_kill 1\n")
    assert memory.count_oom_kills("a") == 3


@pytest.mark.parametrize(("version", "file", "frozen", "thawed", "told"), [
    (1, "freezer.state", "FROZEN", "THAWED", "freezer.state"), (2, "cgroup.freeze", "1", "0", "cgroup.events")])
def test_a_group_is_frozen_until_all_of_it_stands_still(tree, monkeypatch, version, file, frozen, thawed, told):
    monkeypatch.setattr(cgroups, "hierarchy", lambda controller: (str(tree), version))
    monkeypatch.setattr(freezer, "PATIENCE", 0.05)
    (tree / "a").mkdir()
    (tree / "a" / file).write_text("")
    (tree / "a" / told).write_text("populated 1\nfrozen 0\n" if version == 2 else "THAWED\n")
    real = cgroups.put

    def put_and_freeze(*args):
        real(*args)
        assert (tree / "a" / file).read_text() in (frozen, f"{frozen}\n")
        (tree / "a" / told).write_text("populated 1\nfrozen 1\n" if version == 2 else "FROZEN\n")

    monkeypatch.setattr(cgroups, "put", put_and_freeze)
    freezer.freeze_group("a")
    monkeypatch.setattr(cgroups, "put", real)
    freezer.thaw_group("a")
    assert (tree / "a" / file).read_text().startswith(thawed)
    (tree / "a" / told).write_text("populated 1\nfrozen 0\n" if version == 2 else "FREEZING\n")
    monkeypatch.setattr(cgroups, "put", lambda *args: None)
    with pytest.raises(ContainLabError, match="group a: some process of it does not stand still"):
        freezer.freeze_group("a")


def test_v2_freezes_without_a_controller(tree):
    assert cgroups.hierarchy("freezer") == (str(tree), 2)
    cgroups.create_group("a", ("freezer",))
    assert (tree / "cgroup.subtree_control").read_text() == ""
