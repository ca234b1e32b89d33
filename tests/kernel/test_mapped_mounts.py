"""Mounts with mapped ids, and mounts that are changed: what runc 1.1 has not, so no black box."""

import os
from pathlib import Path

import pytest
from apart import apart, mounts, refusal
from bundles import Bundle

from contain_lab import rootfs, syscalls
from contain_lab.namespaces import mount

pytestmark = pytest.mark.needs("root", "busybox", "user namespace")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of 5000:6000, with a file of theirs in it."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "file").touch()
    for path in (folder, folder / "file"):
        os.chown(path, 5000, 6000)
    return folder


def entry(data: Path, *options: str, uid: int = 0, gid: int = 0) -> dict[str, object]:
    """A bind mount at /tmp in which 5000:6000 of the disk is uid:gid of the host, where one is given."""
    made: dict[str, object] = {"destination": "/tmp", "type": "bind", "source": str(data),
                               "options": ["bind", *options]}
    if uid or gid:
        made["uidMappings"] = [{"containerID": 5000, "hostID": uid, "size": 1}]
        made["gidMappings"] = [{"containerID": 6000, "hostID": gid, "size": 1}]
    return made


def test_an_owner_on_the_disk_is_another_one_in_the_container(bundle: Bundle, data: Path):
    bundle.config["mounts"].append(entry(data, uid=7, gid=8))
    bundle.process["user"] = {"uid": 7, "gid": 8}
    assert bundle.says("stat -c %u:%g /tmp/file; touch /tmp/new; stat -c %u:%g /tmp/new") == "7:8\n7:8"
    made = (data / "new").stat()
    assert (made.st_uid, made.st_gid) == (5000, 6000)


def test_with_a_user_namespace_both_maps_count(mapped: Bundle, data: Path):
    mapped.config["mounts"].append(entry(data, uid=100007, gid=200008))
    assert mapped.says("stat -c %u:%g /tmp/file") == "7:8"


def test_the_containers_own_maps_are_taken_where_the_mount_has_none(mapped: Bundle, data: Path):
    os.chown(data / "file", 7, 8)
    mapped.config["mounts"].append(entry(data, "idmap"))
    assert mapped.says("stat -c %u:%g /tmp/file") == "7:8"


def test_who_is_not_in_the_map_is_nobody_and_may_nothing(bundle: Bundle, data: Path):
    (data / "other").touch(0o600)
    bundle.config["mounts"].append(entry(data, uid=7, gid=8))
    said = bundle.says("stat -c %u:%g /tmp/other; rm -f /tmp/file; touch /tmp/x 2>&1 | grep -c -i 'too large'")
    assert said.split() == ["65534:65534", "1"]


def test_options_hold_for_a_mapped_mount_too(bundle: Bundle, data: Path):
    bundle.config["mounts"].append(entry(data, "rro", uid=7, gid=8))
    assert bundle.says("touch /tmp/x 2>&1 | grep -c Read-only") == "1"


def test_a_file_system_that_maps_no_ids_is_named_and_nothing_is_left(bundle: Bundle):
    bundle.config["mounts"].append(entry(Path("/proc"), uid=7, gid=8))
    done = bundle.try_create()
    assert done.code != 0
    assert 'prepared.prepare_mapped_mount(6, "/proc"' in done.err
    assert "EINVAL" in done.err
    assert bundle.run_command("state", bundle.id).code != 0


# ---- the steps, alone

def private() -> None:
    mount.unshare_mount()
    mount.set_propagation("/", syscalls.MS_PRIVATE)


def test_a_mount_is_changed_where_it_is(tmp_path: Path):
    (tmp_path / "t").mkdir()
    root = str(tmp_path)
    with apart(private, lambda: rootfs.mount_tmpfs(root, "/t", ("size=64k", "nosuid", "noexec")),
               lambda: rootfs.remount(root, "/t", ("remount", "ro", "exec", "size=128k"))) as child:
        flags, _, settings = mounts(child)[f"{root}/t"]
    assert {"ro", "nosuid"} <= set(flags.split()[0].split(","))
    assert "noexec" not in flags
    assert "size=128k" in settings


def test_a_device_that_the_host_has_is_found_by_its_numbers():
    assert rootfs.find_device("/dev/mine", "c", 1, 3) == "/dev/null"
    assert rootfs.find_device("/dev/zero", "c", 1, 5) == "/dev/zero"
    assert "the host has no node of c 77:78" in refusal(lambda: rootfs.find_device("/dev/null", "c", 77, 78))


def test_devices_of_the_host_are_shown_and_a_link_at_their_place_leads_nowhere(tmp_path: Path):
    (tmp_path / "root/dev").mkdir(parents=True)
    (tmp_path / "outside").touch()
    (tmp_path / "root/dev/null").symlink_to(tmp_path / "outside")
    root, devices = str(tmp_path / "root"), (("/dev/null", "c", 1, 3), ("/dev/full", "c", 1, 7))
    with apart(private, lambda: rootfs.bind_devices(root, devices)) as child:
        inside = f"/proc/{child}/root"
        assert os.stat(f"{inside}{root}/dev/full").st_rdev == os.makedev(1, 7)
        assert os.stat(f"{inside}{tmp_path}/outside").st_rdev == 0
        assert f"{tmp_path}/outside" not in mounts(child)


def test_a_copy_follows_no_link_out_of_the_root(tmp_path: Path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("of the host")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "kept").symlink_to(tmp_path / "outside")
    (root / "etc/link").symlink_to(tmp_path / "outside")
    with apart(private, lambda: rootfs.mount_tmpfs_with_copy(str(root), "/kept", ()),
               lambda: rootfs.mount_tmpfs_with_copy(str(root), "/etc", ())) as child:
        inside = f"/proc/{child}/root{root}"
        assert os.readlink(f"{inside}/etc/link") == str(tmp_path / "outside")
        places = [place for place in mounts(child) if place.startswith(str(tmp_path))]
        assert places == [f"{root}{tmp_path}/outside", f"{root}/etc"]
        assert os.listdir(f"{inside}{tmp_path}/outside") == []
