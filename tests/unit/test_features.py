"""What the probes conclude from what a kernel says; the kernel of this machine is asked in tests/kernel."""

from pathlib import Path

import pytest

from contain_lab import features
from contain_lab.errors import ContainLabError
from contain_lab.features import cgroup, kernel, namespaces, privileges, tools, trial
from contain_lab.features.feature import Feature
from contain_lab.labkit import table

V1 = "30 29 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
V2 = "31 29 0:27 / {} rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which cgroup2 is mounted, where `cgroup` reads mountinfo as the file `mountinfo` has it."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    real = cgroup.files.get
    monkeypatch.setattr(cgroup.files, "get", lambda path: real(
        str(tmp_path / "mountinfo") if path == "/proc/self/mountinfo" else path))
    return tmp_path


def probed(mounts: Path, mountinfo: str) -> dict[str, Feature]:
    (mounts / "mountinfo").write_text("1 0 8:1 / / rw - ext4 /dev/vda rw\n" + mountinfo.format(mounts))
    return {each.name: each for each in cgroup.cgroups()}


@pytest.mark.parametrize(("mountinfo", "mode"), [("", "none"), (V1, "v1"), (V1 + V2, "hybrid"), (V2, "v2")])
def test_the_mode_of_cgroups_is_read_from_the_mounts(mounts: Path, mountinfo: str, mode: str) -> None:
    found = probed(mounts, mountinfo)
    assert found["cgroup"].reason.split(";")[0] == mode
    assert found["cgroup"].ok == (mode != "none")
    assert found["cgroup2"].ok == (mode == "v2")
    assert [each.name for each in found.values() if not each.ok and not each.hint] == []


def test_controllers_of_v2_are_read_from_its_root(mounts: Path) -> None:
    found = probed(mounts, V2)
    assert found["cgroup memory"] == Feature("cgroup memory", True, f"at {mounts}")
    assert not found["cgroup pids"].ok
    assert "cgroup_enable=pids" in found["cgroup pids"].hint
    assert found["cgroup freezer"].ok
    assert f"v2 at {mounts}: cpu memory" in found["cgroup"].reason


def test_io_is_blkio_in_v1(mounts: Path) -> None:
    found = probed(mounts, V2.replace("cgroup2", "cgroup").replace("nsdelegate", "blkio"))
    assert found["cgroup io"] == Feature("cgroup io", True, f"at {mounts}")


def test_a_hierarchy_that_cannot_be_written_is_no_use(mounts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup.os, "access", lambda *_: False)
    found = probed(mounts, V2)["cgroup cpu"]
    assert not found.ok
    assert "cannot make groups" in found.reason
    assert found.hint


@pytest.mark.parametrize(("release", "ok"), [
    ("5.11.22", False), ("5.12.0-rc1", True), ("6.1.0-18-amd64", True), ("4.19.0", False), ("10.0", True),
])
def test_a_kernel_is_new_enough_or_not(release: str, ok: bool) -> None:
    found = kernel.read_release(release, "x86_64")
    assert found.ok == ok
    assert release in found.reason
    assert bool(found.hint) != ok


def test_wsl_1_is_no_linux_and_wsl_2_is() -> None:
    assert not kernel.read_machine("4.4.0-19041-Microsoft").ok
    found = kernel.read_machine("5.15.90.1-microsoft-standard-WSL2")
    assert found.ok
    assert "WSL" in found.reason


@pytest.mark.parametrize(("mask", "ok", "words"), [
    (0x1FFFFFFFFFF, True, "all"), (0x1FFFEFFFFFF, False, "CAP_SYS_RESOURCE"), (0, False, "none"),
])
def test_missing_capabilities_are_named(
    monkeypatch: pytest.MonkeyPatch, mask: int, ok: bool, words: str
) -> None:
    monkeypatch.setattr(privileges, "_last", lambda: 40)
    found = privileges.read_capabilities(f"CapPrm:\t0\nCapEff:\t{mask:016x}\n", 1000)
    assert found.ok == ok
    assert words in found.reason
    assert ok or found.hint


def test_a_capability_that_this_kernel_does_not_know_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "_last", lambda: 37)
    assert privileges.read_capabilities("CapEff:\t0000003fffffffff\n", 0).ok


@pytest.mark.parametrize(("sysctls", "hint"), [
    ({"user.max_user_namespaces": "0"}, "sysctl -w user.max_user_namespaces=10000"),
    ({"user.max_user_namespaces": "9", "kernel.unprivileged_userns_clone": "0"},
     "sysctl -w kernel.unprivileged_userns_clone=1"),
    ({"kernel.apparmor_restrict_unprivileged_userns": "1"},
     "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
    ({"user.max_user_namespaces": "9"}, "ask who runs this machine"),
])
def test_the_sysctl_that_denies_user_namespaces_is_named(sysctls: dict[str, str], hint: str) -> None:
    found = namespaces.read_policy("unshare(CLONE_NEWUSER): operation not permitted (EPERM)", sysctls)
    assert not found.ok
    assert found.hint == hint
    assert all(f"{name} is {value}" in found.reason for name, value in sysctls.items())


def test_user_namespaces_that_can_be_made_are_ok_whatever_the_sysctls() -> None:
    assert namespaces.read_policy("", {"kernel.apparmor_restrict_unprivileged_userns": "1"}).ok


@pytest.mark.parametrize(("reason", "words"), [
    ("unshare(CLONE_NEWTIME): invalid argument (EINVAL)", "built without"),
    ("unshare(CLONE_NEWTIME): no space left on device (ENOSPC)", "user.max_time_namespaces"),
    ("unshare(CLONE_NEWTIME): operation not permitted (EPERM)", "run "),
])
def test_a_namespace_that_cannot_be_made_has_a_way_out(
    monkeypatch: pytest.MonkeyPatch, reason: str, words: str
) -> None:
    monkeypatch.setattr(trial, "results", lambda: dict.fromkeys([*trial.TRIALS], reason))
    found = {each.name: each for each in namespaces.namespaces()}["time namespace"]
    assert (found.ok, found.reason) == (False, reason)
    assert words in found.hint


def test_overlay_needs_a_file_system_that_takes_an_upper_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "results", lambda: {"overlay": "", "nft": ""})
    monkeypatch.setattr(kernel, "filesystem_of", lambda *_: ("/", "overlay"))
    overlay = kernel.mechanisms()[0]
    assert not overlay.ok
    assert "CONTAIN_LAB_DATA" in overlay.hint


@pytest.mark.parametrize(("reason", "hint"), [
    ("mount(…): no such device (ENODEV)", "modprobe overlay"),
    ("unshare(…): not permitted (EPERM)", "run as root"),
])
def test_an_overlay_that_fails_has_a_way_out(monkeypatch: pytest.MonkeyPatch, reason: str, hint: str) -> None:
    monkeypatch.setattr(trial, "results", lambda: {"overlay": reason, "nft": ""})
    overlay = kernel.mechanisms()[0]
    assert (overlay.ok, overlay.reason) == (False, reason)
    assert hint in overlay.hint


def test_the_file_system_of_a_path_is_that_of_the_nearest_mount() -> None:
    mountinfo = ("1 0 8:1 / / rw - ext4 /dev/vda rw\n2 1 8:2 / /var rw - xfs /dev/vdb rw\n"
                 "3 2 8:3 / /var/lib rw - tmpfs none rw\n"
                 "4 2 8:4 / /var/lib rw shared:1 - btrfs /dev/vdc rw\n")
    assert kernel.filesystem_of("/var/lib/contain_lab", mountinfo) == ("/var/lib", "btrfs")
    assert kernel.filesystem_of("/var/library", mountinfo) == ("/var", "xfs")
    assert kernel.filesystem_of("/home", mountinfo) == ("/", "ext4")


def test_a_program_that_is_not_here_comes_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "PACKAGES", {"no-such-program": "some-package"})
    assert tools.tools() == [Feature("no-such-program", False, "no-such-program is not on this machine",
                                     "apt-get install some-package")]
    monkeypatch.setenv("CONTAIN_LAB_DATA", str(tmp_path))
    images = {each.name: each for each in tools.images()}
    assert "contain-lab image bootstrap" in images["image busybox"].hint


def test_a_trial_gives_its_reason_and_a_trial_that_dies_is_no_success() -> None:
    def refuse() -> None:
        raise ContainLabError("no\nluck")

    assert trial._try_one(lambda: None) == ""
    assert trial._try_one(refuse) == "no luck"
    assert "died" in trial._try_one(lambda: trial.os.kill(trial.os.getpid(), 9))
    assert "died" in trial._try_one(lambda: {}["nothing"])


def test_names_are_unique_and_each_failure_has_a_reason_and_a_way_out() -> None:
    found = features.probe()
    assert len({each.name for each in found}) == len(found)
    assert [each.name for each in found if not each.ok and not (each.reason and each.hint)] == []


def test_every_lab_needs_features_that_are_probed() -> None:
    known = {each.name for each in features.probe()}
    assert {need for lab in table.LABS for need in lab.needs} - known == set()


def test_what_is_missing_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (Feature("here", True, "yes"), Feature("gone", False, "no", "go"))
    monkeypatch.setattr(features, "probe_groups", lambda: {"group": rows})
    assert features.missing(["here", "gone", "unheard-of"]) == [
        rows[1], Feature("unheard-of", False, "no feature has this name")]


@pytest.mark.parametrize(("user", "failure", "ok", "word"), [
    (0, "", True, "user 0"),
    (1000, "", True, "user namespaces of their own"),
    (1000, "unshare(CLONE_NEWUSER): operation not permitted (EPERM)", False, "EPERM"),
])
def test_containers_need_root_or_user_namespaces(user: int, failure: str, ok: bool, word: str) -> None:
    found = privileges.read_privileges(user, failure)
    assert found.ok is ok
    assert word in found.reason
    assert bool(found.hint) is not ok
