"""What any correct step of rootfs, cgroups and state does, seen from outside."""

import os
import re
import signal
import stat
from pathlib import Path

import pytest
from apart import apart, mounts, refusal
from bundles import until

from contain_lab import cgroups, rootfs, syscalls
from contain_lab.cgroups import pids
from contain_lab.container import state
from contain_lab.errors import ContainLabError
from contain_lab.namespaces import mount

pytestmark = [pytest.mark.contract, pytest.mark.needs("root")]


def private() -> None:
    """Mounts of our own, which nobody else sees."""
    mount.unshare_mount()
    mount.set_propagation("/", syscalls.MS_PRIVATE)


@pytest.fixture
def root(tmp_path: Path) -> str:
    for name in ("root/proc", "root/dev", "root/etc", "outside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "root/etc/a").write_text("image")
    return str(tmp_path / "root")


# ---- the root

def test_the_root_is_pivoted_onto_and_the_old_one_is_gone(root):
    with apart(private, lambda: rootfs.bind_rootfs(root), lambda: rootfs.pivot_into_rootfs(root)) as child:
        assert sorted(os.listdir(f"/proc/{child}/root")) == ["dev", "etc", "proc"]
        assert list(mounts(child)) == ["/"]
        assert os.readlink(f"/proc/{child}/cwd") == "/"


def test_a_folder_that_is_no_mount_is_no_root(root):
    assert re.search("pivot_root.*(EBUSY|EINVAL)", refusal(private, lambda: rootfs.pivot_into_rootfs(root)))


@pytest.mark.needs("overlay")
def test_a_layer_takes_what_is_written_and_the_image_stays(root, tmp_path):
    layer = str(tmp_path / "layers/one")
    rootfs.make_layer(layer)
    with apart(private, lambda: rootfs.mount_overlay(f"{layer}/root", root, f"{layer}/upper", f"{layer}/work"),
               lambda: rootfs.pivot_into_rootfs(f"{layer}/root"), lambda: Path("/etc/a").write_text("mine")):
        pass
    assert Path(f"{layer}/upper/etc/a").read_text() == "mine"
    assert Path(f"{root}/etc/a").read_text() == "image"
    rootfs.remove_layer(layer)
    assert os.listdir(tmp_path / "layers") == []
    rootfs.remove_layer(layer)


def test_a_layer_is_removed_with_a_mount_that_has_leaked_out_of_its_container(tmp_path):
    layer = str(tmp_path / "layers/one")
    rootfs.make_layer(layer)

    def leak_and_remove() -> None:
        for _ in range(2):
            syscalls.mount("cl-test", f"{layer}/root", "tmpfs", 0)
        rootfs.remove_layer(layer)
    with apart(private, leak_and_remove) as child:
        assert [place for place in mounts(child) if place.startswith(layer)] == []
    assert os.listdir(tmp_path / "layers") == []


def test_a_layer_is_for_its_owner_alone(tmp_path):
    rootfs.make_layer(str(tmp_path / "layers/one"))
    assert stat.S_IMODE((tmp_path / "layers/one").stat().st_mode) == 0o700
    with pytest.raises(FileExistsError):
        rootfs.make_layer(str(tmp_path / "layers/one"))


def test_the_root_is_read_only_and_what_is_mounted_below_is_not(root):
    with apart(private, lambda: rootfs.bind_rootfs(root), lambda: rootfs.mount_tmpfs(root, "/dev", ()),
               lambda: rootfs.pivot_into_rootfs(root), rootfs.make_root_readonly) as child:
        found = mounts(child)
    assert found["/"][0].split(",")[0] == "ro"
    assert found["/dev"][0].split(",")[0] == "rw"


# ---- mounts

@pytest.mark.parametrize(("step", "place", "kind"), [
    (rootfs.mount_proc, "/proc", "proc"), (rootfs.mount_sysfs, "/sys", "sysfs"),
    (rootfs.mount_tmpfs, "/new/place", "tmpfs")])
def test_a_new_file_system_stands_at_its_place_with_its_options(root, step, place, kind):
    with apart(private, lambda: step(root, place, ("nosuid", "noexec", "ro"))) as child:
        options, found, _ = mounts(child)[root + place]
    assert found == kind
    assert {"ro", "nosuid", "noexec"} <= set(options.split()[0].split(","))


def test_settings_of_a_file_system_reach_it(root):
    options = ("size=64k", "mode=700")
    with apart(private, lambda: rootfs.mount_filesystem(root, "/t", "tmpfs", "name", options)) as child:
        assert {"size=64k", "mode=700"} <= set(mounts(child)[f"{root}/t"][2].split(","))


def test_a_setting_that_is_unknown_is_refused(root):
    assert "EINVAL" in refusal(private, lambda: rootfs.mount_tmpfs(root, "/t", ("flavour=sweet",)))


@pytest.mark.parametrize(("options", "below"), [(("rbind", "ro"), True), (("bind", "ro"), False)])
def test_a_bind_brings_what_is_mounted_below_only_where_it_is_asked_to(root, tmp_path, options, below):
    source = str(tmp_path / "outside")

    def mount_below() -> None:
        os.mkdir(f"{source}/inner")
        rootfs.mount_tmpfs("/", f"{source}/inner", ())
    with apart(private, mount_below, lambda: rootfs.bind_path(root, "/data", source, options)) as child:
        found = mounts(child)
    assert found[f"{root}/data"][0].startswith("ro")
    assert (f"{root}/data/inner" in found) == below


def test_a_bind_with_an_option_that_says_nothing_is_refused(root, tmp_path):
    assert "says nothing to a bind mount" in refusal(
        private, lambda: rootfs.bind_path(root, "/data", str(tmp_path), ("bind", "size=1k")))


def test_propagation_of_a_mount_is_set(root):
    with apart(private, lambda: rootfs.mount_tmpfs(root, "/t", ()),
               lambda: rootfs.set_mount_propagation(root, "/t", ("shared",))) as child:
        assert "shared:" in mounts(child)[f"{root}/t"][0]


def test_a_path_is_read_only_and_its_content_stays(root):
    with apart(private, lambda: rootfs.make_path_readonly(root, "/etc")) as child:
        assert mounts(child)[f"{root}/etc"][0].startswith("ro")
        assert Path(f"/proc/{child}/root{root}/etc/a").read_text() == "image"


def test_a_masked_folder_is_empty_and_a_masked_file_is_the_null_device(root):
    Path(root, "dev/null").touch()

    def null() -> None:
        rootfs.mount_tmpfs(root, "/dev", ())
        rootfs.make_devices(root, (("/dev/null", "c", 1, 3, 0o666, 0, 0),))

    def mask() -> None:
        rootfs.mask_path(root, "/etc/a")
        rootfs.mask_path(root, "/proc")
    with apart(private, null, mask) as child:
        inside = f"/proc/{child}/root{root}"
        assert os.stat(f"{inside}/etc/a").st_rdev == os.makedev(1, 3)
        assert os.listdir(f"{inside}/proc") == []
        assert mounts(child)[f"{root}/proc"][0].startswith("ro")


@pytest.mark.parametrize("step", [rootfs.mask_path, rootfs.make_path_readonly])
def test_a_path_that_is_not_there_is_left_alone(root, step):
    with apart(private, lambda: step(root, "/nowhere/at/all")) as child:
        assert [place for place in mounts(child) if place.startswith(root)] == []


# ---- devices

def test_devices_have_their_numbers_mode_and_owner_whatever_the_umask(root):
    def make() -> None:
        os.umask(0o077)
        rootfs.make_devices(root, (("/dev/zero", "c", 1, 5, 0o666, 0, 0), ("/dev/p", "p", 0, 0, 0o640, 1, 2)))
    with apart(make):
        pass
    zero, fifo = os.stat(f"{root}/dev/zero"), os.stat(f"{root}/dev/p")
    assert (zero.st_rdev, zero.st_mode) == (os.makedev(1, 5), stat.S_IFCHR | 0o666)
    assert (fifo.st_mode, fifo.st_uid, fifo.st_gid) == (stat.S_IFIFO | 0o640, 1, 2)


def test_what_is_there_already_stays(root):
    Path(root, "dev/fd").write_text("theirs")
    Path(root, "dev/null").write_text("theirs")
    rootfs.link_standard_streams(root)
    rootfs.make_devices(root, (("/dev/null", "c", 1, 3, 0o666, 0, 0),))
    assert Path(root, "dev/fd").read_text() == Path(root, "dev/null").read_text() == "theirs"
    assert os.readlink(f"{root}/dev/stdout") == "/proc/self/fd/1"


# ---- groups

@pytest.fixture
def group():
    name = f"cl-test-{os.getpid()}/inner"
    cgroups.create_group(name, ("pids",))
    yield name
    until(lambda: not cgroups._in_use(cgroups.group_path("pids", name)))  # who was killed takes a moment to go
    cgroups.remove_group(name, ("pids",))
    assert not os.path.exists(cgroups.group_path("pids", name.split("/")[0]))


def test_a_process_is_moved_into_a_group(group):
    with apart(lambda: cgroups.add_process(group, os.getpid(), ("pids",))) as child:
        assert f"/{group}\n" in Path(f"/proc/{child}/cgroup").read_text()
        assert any(path.endswith(f"/{group}") for _, path in cgroups.own_groups(child))


def test_a_limit_of_processes_is_crossed(group):
    pids.set_pids_limit(group, 2)

    def fork(times: int) -> None:
        cgroups.add_process(group, os.getpid(), ("pids",))
        parent = os.getpid()
        for _ in range(times):
            if os.fork() == 0:
                syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() == parent:
                    signal.pause()
                os._exit(0)
    with apart(lambda: fork(1)):
        pass
    until(lambda: not cgroups._in_use(cgroups.group_path("pids", group)))
    assert "resource temporarily unavailable (EAGAIN)" in refusal(lambda: fork(2))


def test_a_group_in_use_is_not_removed(group):
    with apart(lambda: cgroups.add_process(group, os.getpid(), ("pids",))):
        with pytest.raises(OSError, match="busy"):
            cgroups.remove_group(group, ("pids",))


# ---- the state directory

def test_a_name_is_reserved_once(tmp_path):
    folder = str(tmp_path / "state/web")
    state.reserve_state(folder)
    assert sorted(os.listdir(folder)) == ["lock", "start"]
    assert stat.S_IMODE(os.stat(tmp_path / "state").st_mode) == 0o700
    with pytest.raises(ContainLabError, match=r"^container web: it exists already$"):
        state.reserve_state(folder)
    assert os.listdir(tmp_path / "state") == ["web"]
    os.close(state.held.pop(folder))
    state.remove_state(folder)
    state.remove_state(folder)
    assert os.listdir(tmp_path / "state") == []


def test_a_state_directory_is_stale_once_nobody_holds_it_and_it_was_never_finished(tmp_path):
    root, folder = str(tmp_path), str(tmp_path / "web")
    state.reserve_state(folder)
    assert state.stale(root) == []
    os.close(state.held.pop(folder))
    assert state.stale(root) == ["web"]
    state.write_state(folder, {"id": "web"})
    assert state.stale(root) == []
    state.write_planned(folder, [])
    assert state.stale(root) == ["web"]
    state.remove_planned(folder)
    assert state.stale(root) == []


def test_a_name_that_is_about_to_be_taken_is_not_stale_while_its_maker_lives(tmp_path):
    (tmp_path / f".web.{os.getpid()}").mkdir()
    (tmp_path / ".web.4194305").mkdir()
    assert state.stale(str(tmp_path)) == [".web.4194305"]


def test_those_who_ask_for_the_state_at_once_see_the_same(tmp_path):
    kept = {"id": "web", "pid": os.getpid(), "started": state.start_time(os.getpid())}
    (tmp_path / "web").mkdir()
    asking = state.files.lock(f"{tmp_path}/web/lock", shared=True)
    assert state.status(str(tmp_path), kept) == "running"
    os.close(asking)
    held = state.files.lock(f"{tmp_path}/web/lock")
    assert state.status(str(tmp_path), kept) == "created"
    os.close(held)
    assert state.status(str(tmp_path), {**kept, "started": 1}) == "stopped"
