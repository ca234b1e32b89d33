"""What a program finds in its container; RUNTIME=runc runs the same against another runtime."""

import os
import re
import stat
from pathlib import Path

import pytest

pytestmark = [pytest.mark.blackbox, pytest.mark.needs("root", "busybox")]


def status_of(said: str) -> dict[str, str]:
    """/proc/PID/status as {field: value}."""
    return {name: value.strip() for name, _, value in (line.partition(":") for line in said.splitlines())}


def mask(*numbers: int) -> str:
    return f"{sum(1 << number for number in numbers):016x}"


# ---- the process

def test_arguments_environment_and_directory_are_those_of_the_config(bundle):
    bundle.process.update(env=["PATH=/bin", "A=b c", "EMPTY=", "EQ=x=y"], cwd="/etc",
                          args=["sh", "-c", 'echo "$1|$2|$A|$EMPTY|$EQ|$(pwd)"', "name", "one two", ""])
    done = bundle.lived()
    assert done.out == "one two||b c||x=y|/etc\n"


def test_user_groups_and_umask_are_those_of_the_config(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [5, 7], "umask": 0o077}
    assert bundle.says("id -u; id -g; id -G; umask").split("\n") == ["1000", "1001", "1001 5 7", "0077"]


def test_the_umask_is_the_usual_one_unless_asked(bundle):
    before = os.umask(0o077)
    try:
        assert bundle.says("umask") == "0022"
    finally:
        os.umask(before)


def test_limits_are_those_of_the_config(bundle):
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
    assert bundle.says("ulimit -Sn; ulimit -Hn").split() == ["100", "200"]


def test_the_oom_score_is_the_configs(bundle):
    bundle.process["oomScoreAdj"] = 321
    assert bundle.says("cat /proc/self/oom_score_adj") == "321"


def test_capabilities_are_those_of_the_config(bundle):
    held = ["CAP_CHOWN", "CAP_KILL"]
    bundle.process["capabilities"] = {"bounding": [*held, "CAP_SETUID"], "effective": held, "permitted": held}
    found = status_of(bundle.says("cat /proc/self/status"))
    assert found["CapBnd"] == mask(0, 5, 7)
    assert found["CapInh"] == found["CapAmb"] == mask()


def test_ambient_capabilities_reach_an_ordinary_user(bundle):
    held = ["CAP_NET_BIND_SERVICE"]
    sets = ("bounding", "effective", "permitted", "inheritable", "ambient")
    bundle.process["capabilities"] = dict.fromkeys(sets, held)
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    found = status_of(bundle.says("cat /proc/self/status"))
    assert found["CapEff"] == found["CapPrm"] == found["CapAmb"] == mask(10)


def test_an_ordinary_user_has_no_capabilities_left(bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    found = status_of(bundle.says("cat /proc/self/status"))
    assert found["CapEff"] == found["CapPrm"] == found["CapAmb"] == mask()


@pytest.mark.parametrize("wanted", [True, False])
def test_new_privileges_are_given_up_where_the_config_says_so(bundle, wanted):
    bundle.process["noNewPrivileges"] = wanted
    assert status_of(bundle.says("cat /proc/self/status"))["NoNewPrivs"] == str(int(wanted))


def test_signals_are_as_a_program_expects_them(bundle):
    bundle.process["args"] = ["cat", "/proc/self/status"]
    found = status_of(bundle.lived().out)
    of_glibc = 3 << 31  # 32 and 33: posix_spawn(3), by which the runtime was started, ignores its own
    assert int(found["SigIgn"], 16) & ~of_glibc == int(found["SigBlk"], 16) == 0


def test_three_descriptors_are_open(bundle):
    handles = [os.open("/", os.O_RDONLY) for _ in range(5)]
    for handle in handles:
        os.set_inheritable(handle, True)
    assert bundle.says("ls /proc/1/fd; true").split() == ["0", "1", "2"]
    for handle in handles:
        os.close(handle)


def test_the_program_leads_a_session_of_its_own(bundle):
    assert bundle.says("cut -d' ' -f1,5,6 /proc/1/stat") == "1 1 1"


# ---- namespaces

def test_the_program_is_process_1_and_sees_no_other(bundle):
    assert bundle.says("echo $$; echo /proc/[0-9]*").split() == ["1", "/proc/1"]


@pytest.mark.parametrize("kind", ["pid", "net", "ipc", "uts", "mnt"])
def test_a_namespace_is_not_the_hosts(bundle, kind):
    assert bundle.says(f"readlink /proc/self/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")


def test_a_namespace_that_is_not_asked_for_is_the_hosts(bundle):
    bundle.linux["namespaces"] = [{"type": kind} for kind in ("mount", "pid", "uts", "ipc")]
    bundle.config["mounts"] = [each for each in bundle.config["mounts"] if each["type"] != "sysfs"]
    assert bundle.says("readlink /proc/self/ns/net") == os.readlink("/proc/self/ns/net")


@pytest.mark.parametrize(("kind", "file"), [("network", "net"), ("uts", "uts"), ("ipc", "ipc")])
def test_a_namespace_with_a_path_is_joined(bundle, kind, file):
    pid = bundle.up()
    path = f"/proc/{pid}/ns/{file}"
    due = os.readlink(path)
    other = type(bundle)(bundle.folder, bundle.rootfs, bundle.runtime)
    other.linux["namespaces"] = [{"type": each, **({"path": path} if each == kind else {})}
                                 for each in ("pid", "network", "ipc", "uts", "mount")]
    try:
        assert other.says(f"readlink /proc/self/ns/{file}") == due
    finally:
        other.remove()


def test_a_pid_namespace_with_a_path_is_joined(bundle):
    path = f"/proc/{bundle.up()}/ns/pid"
    due = os.readlink(path)
    other = type(bundle)(bundle.folder, bundle.rootfs, bundle.runtime)
    other.linux["namespaces"] = [{"type": "pid", "path": path}, *({"type": each} for each in ("ipc", "uts", "mount"))]
    other.config["mounts"] = [each for each in other.config["mounts"] if each["type"] != "sysfs"]
    try:
        said = other.says("readlink /proc/self/ns/pid; echo $$").split()
        assert said[0] == due
        assert said[1] != "1"
    finally:
        other.remove()


def test_the_host_name_is_the_containers_alone(bundle):
    before = os.uname().nodename
    bundle.config["hostname"] = "inside"
    assert bundle.says("hostname") == "inside"
    assert os.uname().nodename == before


def test_the_loopback_is_up_and_alone(bundle):
    said = bundle.says("ifconfig lo; cat /proc/net/dev")
    assert [line.split(":")[0].strip() for line in said.splitlines() if re.search(r":\s+\d", line)] == ["lo"]
    assert "inet addr:127.0.0.1" in said
    assert "UP LOOPBACK RUNNING" in said


def test_a_parameter_of_a_namespace_is_set_in_it_alone(bundle):
    before = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    bundle.linux["sysctl"] = {"net.ipv4.ip_default_ttl": "77", "kernel.msgmax": "9000"}
    assert bundle.says("cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax").split() == ["77", "9000"]
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == before


# ---- files

def test_the_root_is_the_bundles_and_the_hosts_is_out_of_reach(own_bundle):
    (own_bundle.rootfs / "etc/here").write_text("mine")
    assert own_bundle.says("cat /etc/here; cat /../../etc/here; ls -d /work /boot 2>/dev/null; true") == "minemine"


def test_what_is_written_is_on_the_root(own_bundle):
    own_bundle.says("echo said > /etc/new")
    assert (own_bundle.rootfs / "etc/new").read_text() == "said\n"
    assert os.listdir(own_bundle.rootfs / "dev") == []


def test_a_root_may_be_read_only(own_bundle):
    own_bundle.config["root"]["readonly"] = True
    assert own_bundle.says("touch /x 2>/dev/null || echo refused; touch /dev/shm/x && echo allowed").split() == [
        "refused", "allowed"]
    assert not (own_bundle.rootfs / "x").exists()


def test_a_folder_of_the_host_is_bound_and_its_place_is_made(own_bundle, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").write_text("from outside")
    own_bundle.config["mounts"].append({"destination": "/deep/er", "type": "bind", "source": str(tmp_path / "data"),
                                        "options": ["rbind", "rw"]})
    assert own_bundle.says("cat /deep/er/a; echo back > /deep/er/b") == "from outside"
    assert (tmp_path / "data/b").read_text() == "back\n"


def test_a_file_is_bound_and_may_be_read_only(own_bundle, tmp_path):
    (tmp_path / "file").write_text("kept\n")
    own_bundle.config["mounts"].append({"destination": "/etc/file", "type": "bind", "source": str(tmp_path / "file"),
                                        "options": ["bind", "ro"]})
    assert own_bundle.says("cat /etc/file; echo no > /etc/file || echo refused").split() == ["kept", "refused"]
    assert (tmp_path / "file").read_text() == "kept\n"


def test_a_bind_is_made_where_a_link_leads_to_nothing(own_bundle, tmp_path):
    (tmp_path / "file").write_text("bound\n")
    (own_bundle.rootfs / "etc/resolv.conf").symlink_to("../run/systemd/resolv.conf")
    own_bundle.config["mounts"].append({"destination": "/etc/resolv.conf", "type": "bind",
                                        "source": str(tmp_path / "file"), "options": ["bind"]})
    assert own_bundle.says("cat /etc/resolv.conf") == "bound"


def test_a_tmpfs_has_its_options(own_bundle):
    own_bundle.config["mounts"].append({"destination": "/mnt", "type": "tmpfs", "source": "tmpfs",
                                        "options": ["nosuid", "nodev", "noexec", "mode=1770", "size=64k"]})
    said = own_bundle.says("stat -c %a /mnt; grep ' /mnt ' /proc/self/mounts; "
                           "dd if=/dev/zero of=/mnt/x bs=1k count=100 2>/dev/null || echo full").splitlines()
    assert said[0] == "1770"
    assert {"nosuid", "nodev", "noexec", "size=64k"} <= set(said[1].split()[3].split(","))
    assert said[2] == "full"


def test_a_masked_file_is_empty(bundle):
    bundle.linux["maskedPaths"] = ["/etc/passwd"]
    assert bundle.says("wc -c < /etc/passwd; echo no > /etc/passwd; cat /etc/passwd; stat -c %F /etc/passwd").split(
        "\n") == ["0", "character special file"]
    assert (bundle.rootfs / "etc/passwd").stat().st_size


@pytest.mark.parametrize("path", ["/sys/firmware", "/etc"])
def test_a_masked_folder_is_empty_and_stays_so(bundle, path):
    bundle.linux["maskedPaths"] = [path]
    assert bundle.says(f"ls -A {path} | wc -l; touch {path}/x 2>/dev/null || echo refused").split() == ["0", "refused"]


def test_a_masked_or_read_only_path_that_is_not_there_is_no_error(bundle):
    bundle.linux["maskedPaths"] = bundle.linux["readonlyPaths"] = ["/proc/nowhere", "/none/at/all"]
    assert bundle.says("echo fine") == "fine"


def test_a_read_only_path_cannot_be_written(bundle):
    assert bundle.says("echo 1 > /proc/sys/kernel/domainname || echo refused") == "refused"


def test_devices_are_there_and_work(bundle):
    said = bundle.says("echo x > /dev/null; head -c3 /dev/zero | wc -c; head -c3 /dev/urandom | wc -c; "
                       "echo x 2>/dev/null > /dev/full || echo full; "
                       "for name in fd stdin ptmx; do readlink /dev/$name; done; stat -c '%a %t:%T' /dev/null /dev/tty")
    assert said.split("\n") == ["3", "3", "full", "/proc/self/fd", "/proc/self/fd/0", "pts/ptmx", "666 1:3", "666 5:0"]


def test_a_device_of_the_config_is_made(bundle):
    bundle.linux["devices"] = [{"path": "/dev/mine", "type": "c", "major": 10, "minor": 229, "uid": 1, "gid": 2,
                                "fileMode": 0o640 | stat.S_IFCHR}]
    assert bundle.says("stat -c '%a %t:%T %u %g' /dev/mine") == "640 a:e5 1 2"


def test_mounts_are_those_of_the_config(bundle):
    places = [line.split()[1] for line in bundle.says("cat /proc/self/mounts").splitlines()]
    assert [each for each in places if each.startswith(("/dev", "/sys", "/proc")) and each.count("/") < 3
            and each not in bundle.linux["readonlyPaths"] + bundle.linux["maskedPaths"]] == [
        "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"]
    assert places.count("/") == 1


# ---- groups

def test_a_limit_of_processes_holds(bundle):
    bundle.linux["resources"] = {"pids": {"limit": 4}}
    bundle.linux["cgroupsPath"] = f"/{bundle.id}"
    said = bundle.lived("for n in 1 2 3 4 5 6 7 8; do sleep 0.3 & done; wait")
    assert said.code != 0
    assert "fork" in said.err
