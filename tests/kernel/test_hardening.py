"""Attacks of a root file system, a config or a program on the runtime; DESIGN.md names the CVE of each."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from bundles import until

from contain_lab.container import trampoline

pytestmark = [pytest.mark.hardening, pytest.mark.needs("root", "busybox")]


def refused(bundle) -> str:
    """What is said where create fails."""
    done = bundle.try_create()
    assert done.code != 0
    return done.err


# ---- what lies in the root file system

@pytest.mark.parametrize("place", ["proc", "sys"])
@pytest.mark.parametrize("target", ["etc", "/etc", "/nowhere"])
def test_a_link_in_the_place_of_proc_or_sys_is_refused(own_bundle, place, target):
    (own_bundle.rootfs / place).rmdir()
    (own_bundle.rootfs / place).symlink_to(target)
    assert f"/{place}: it is a symbolic link in the root file system" in refused(own_bundle)


def test_a_folder_behind_a_link_is_no_place_for_proc(own_bundle):
    (own_bundle.rootfs / "real/proc").mkdir(parents=True)
    (own_bundle.rootfs / "link").symlink_to("real")
    own_bundle.config["mounts"][0]["destination"] = "/link/proc"
    assert "lies behind one" in refused(own_bundle)


@pytest.mark.parametrize("up", ["/", "../../../../../../.."])
def test_a_dev_that_leads_out_of_the_root_leads_nowhere(own_bundle, tmp_path, up):
    (tmp_path / "host").mkdir()
    (own_bundle.rootfs / "dev").rmdir()
    (own_bundle.rootfs / "dev").symlink_to(f"{up}{tmp_path}/host")
    own_bundle.lived("true")
    assert os.listdir(tmp_path / "host") == []
    assert not [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(tmp_path) in line]


@pytest.mark.parametrize("destination", ["/../../..{}/host/x", "/link/x", "/up/up/..{}/host/x"])
def test_no_mount_reaches_the_host(own_bundle, tmp_path, destination):
    (tmp_path / "host").mkdir()
    (own_bundle.rootfs / "link").symlink_to(tmp_path / "host")
    (own_bundle.rootfs / "up").symlink_to("../..")
    own_bundle.config["mounts"].append({"destination": destination.format(tmp_path), "type": "tmpfs", "source": "t"})
    own_bundle.lived("true")
    assert os.listdir(tmp_path / "host") == []


def test_what_masks_a_file_is_the_null_device_or_nothing_starts(own_bundle, tmp_path):
    (tmp_path / "null").write_text("seen")
    own_bundle.config["mounts"].append({"destination": "/dev/null", "type": "bind", "source": str(tmp_path / "null"),
                                        "options": ["bind"]})
    own_bundle.linux["maskedPaths"] = ["/etc/passwd"]
    assert "/dev/null in the container is not the null device, so nothing masks it" in refused(own_bundle)


def test_a_link_in_the_place_of_a_device_masks_nothing(own_bundle):
    mounts = own_bundle.config["mounts"]
    own_bundle.config["mounts"] = [each for each in mounts if not each["destination"].startswith("/dev")]
    (own_bundle.rootfs / "dev/null").symlink_to("/etc/passwd")
    own_bundle.linux["maskedPaths"] = ["/etc/group"]
    (own_bundle.rootfs / "etc/group").write_text("x")
    assert "is not the null device" in refused(own_bundle)


def test_a_console_of_the_image_is_not_the_hosts(own_bundle):
    (own_bundle.rootfs / "dev/console").symlink_to("/dev/null")
    assert own_bundle.says("echo fine") == "fine"


# ---- what a program is given

@pytest.mark.parametrize("number", [*range(3, 12), 150])
def test_no_descriptor_of_the_host_is_a_way_out(own_bundle, number):
    handle = os.open("/etc", os.O_RDONLY)
    os.dup2(handle, 150, inheritable=True)
    own_bundle.process["cwd"] = f"/proc/self/fd/{number}"
    try:
        done = own_bundle.lived("cat ../../../../../../../../etc/hostname; ls ..")
    finally:
        os.close(150)
        os.close(handle)
    assert done.code != 0
    assert Path("/etc/hostname").read_text() not in done.out


def test_inherited_descriptors_are_closed(bundle):
    handle = os.open("/", os.O_RDONLY)
    os.dup2(handle, 150, inheritable=True)
    try:
        assert bundle.says("ls /proc/1/fd; true").split() == ["0", "1", "2"]
    finally:
        os.close(150)
        os.close(handle)


@pytest.mark.needs("user namespace")
def test_of_the_mounts_that_the_parent_makes_no_descriptor_is_left(mapped, tmp_path):
    mapped.config["mounts"].append({"destination": "/tmp", "type": "bind", "source": str(tmp_path),
                                    "options": ["rbind", "idmap"]})
    mapped.config["mounts"].append({"destination": "/run", "type": "bind", "source": str(tmp_path),
                                    "options": ["rbind"]})
    assert mapped.says("ls /proc/1/fd; true").split() == ["0", "1", "2"]


@pytest.mark.needs("user namespace")
def test_process_1_of_a_user_namespace_is_sealed_too(mapped):
    mapped.create()
    exe = Path(f"/proc/{mapped.state()['pid']}/exe")
    assert exe.read_bytes() == trampoline.program(os.uname().machine)
    with pytest.raises(OSError, match=r"busy|not permitted"):
        os.open(exe, os.O_WRONLY)


def test_process_1_is_a_few_sealed_bytes_while_it_waits(bundle):
    bundle.create()
    pid = bundle.state()["pid"]
    assert os.readlink(f"/proc/{pid}/exe").startswith("/memfd:contain_lab:init")
    assert Path(f"/proc/{pid}/exe").read_bytes() == trampoline.program(os.uname().machine)
    assert sum(int(size) for size in re.findall(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps").read_text(), re.M)) < 64
    with pytest.raises(OSError, match=r"busy|not permitted"):
        os.open(f"/proc/{pid}/exe", os.O_WRONLY)


def test_a_script_whose_interpreter_is_the_runtime_ends_with_126(own_bundle):
    evil = own_bundle.rootfs / "bin/evil"
    evil.write_text("#!/proc/self/exe\n")
    evil.chmod(0o755)
    own_bundle.process["args"] = ["/bin/evil"]
    for more in ([], ["a", "b", "c"]):
        own_bundle.process["args"] = ["/bin/evil", *more]
        own_bundle.write()
        done = own_bundle.run_command("run", "--bundle", str(own_bundle.folder), own_bundle.id)
        assert done.code == 126
        assert "execve of the program has failed" in done.err


def test_a_set_user_id_program_gives_an_ordinary_user_nothing(own_bundle):
    os.chmod(own_bundle.rootfs / "bin/busybox", 0o4755)
    own_bundle.process["user"] = {"uid": 1000, "gid": 1000}
    said = {}
    for wanted in (True, False):
        own_bundle.process["noNewPrivileges"] = wanted
        said[wanted] = own_bundle.lived("su -c true </dev/null").err
        own_bundle.command("delete", own_bundle.id)
    assert "su: must be suid to work properly" in said[True]
    assert "must be suid" not in said[False]


def test_nothing_is_inherited_by_capability(bundle):
    assert bundle.says("grep -E 'CapInh|CapAmb' /proc/self/status").split() == [
        "CapInh:", "0" * 16, "CapAmb:", "0" * 16]


def test_the_cgroup_namespace_hides_where_the_group_is(bundle):
    bundle.linux["namespaces"].append({"type": "cgroup"})
    bundle.linux["cgroupsPath"] = f"/{bundle.id}"
    bundle.linux["resources"] = {"pids": {"limit": 20}}
    assert bundle.id not in bundle.says("cat /proc/self/cgroup")


def test_the_kernels_switches_cannot_be_turned(bundle):
    for path in ("/proc/sysrq-trigger", "/proc/sys/vm/drop_caches", "/sys/kernel/mm/ksm/run"):
        assert bundle.lived(f"echo 0 > {path}").code != 0
        bundle.command("delete", bundle.id)


# ---- what is kept

def test_a_state_directory_is_for_its_owner_alone(bundle):
    bundle.create()
    state = bundle.folder / "state"
    assert [stat.S_IMODE(each.stat().st_mode) & 0o077 for each in (state, state / bundle.id)] == [0, 0]
    assert {stat.S_IMODE(each.stat().st_mode) & 0o077 for each in (state / bundle.id).iterdir()} == {0}


def test_a_process_that_has_the_number_of_a_container_is_not_killed_for_it(bundle):
    bundle.lived("true")
    other = subprocess.Popen(["sleep", "60"])
    try:
        file = bundle.folder / "state" / bundle.id / "state.json"
        file.write_text(re.sub(r'"pid": \d+', f'"pid": {other.pid}', file.read_text()))
        assert bundle.status() == "stopped"
        assert bundle.run_command("kill", bundle.id, "KILL").code != 0
        bundle.command("delete", "--force", bundle.id)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_created_container_dies_with_no_parent_but_by_its_engine(bundle):
    bundle.create()
    pid = bundle.state()["pid"]
    until(lambda: Path(f"/proc/{pid}/comm").exists())
    assert bundle.status() == "created"
