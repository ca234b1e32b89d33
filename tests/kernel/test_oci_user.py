"""User namespaces of a config.json, and namespaces that are joined; RUNTIME=runc runs the same against runc."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from apart import namespace
from bundles import Bundle, map_ids, until

from contain_lab.syscalls import CLONE_NEWNET, unshare

pytestmark = [pytest.mark.blackbox, pytest.mark.needs("root", "busybox", "user namespace")]


def test_ids_are_mapped_and_what_is_made_inside_is_the_mapped_ids(mapped: Bundle, tmp_path: Path):
    shared = tmp_path / "shared"
    shared.mkdir()
    os.chown(shared, 100000, 200000)
    mapped.config["mounts"].append({"destination": "/tmp", "type": "bind", "source": str(shared), "options": ["bind"]})
    said = mapped.says("cat /proc/self/uid_map /proc/self/gid_map; touch /tmp/made; id -u; id -G").split()
    assert said == "0 100000 1000 1000 300000 5 0 200000 1000 0 0".split()
    made = (shared / "made").stat()
    assert (made.st_uid, made.st_gid) == (100000, 200000)


def test_root_inside_is_nobody_to_the_hosts_files(mapped: Bundle):
    mapped.process["capabilities"] = {name: ["CAP_DAC_OVERRIDE"] for name in ("bounding", "effective", "permitted")}
    said = mapped.says("stat -c %u:%g /bin/busybox; touch /bin/x 2>&1 | grep -c denied; id -u").split()
    assert said == ["65534:65534", "1", "0"]


def test_the_whole_world_of_a_container_is_there(mapped: Bundle):
    mapped.process.update(oomScoreAdj=500, rlimits=[{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}])
    mapped.linux["sysctl"] = {"net.ipv4.ip_default_ttl": "77"}
    mapped.linux["maskedPaths"], mapped.linux["readonlyPaths"] = ["/proc/cmdline", "/sys/firmware"], ["/proc/sys"]
    said = mapped.says("cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_default_ttl; ulimit -n; echo $$; hostname; "
                       "for d in null zero full random urandom tty; do stat -c %t:%T /dev/$d; done; "
                       "echo > /dev/null; cat /proc/cmdline | wc -c; ls /sys/firmware | wc -l; "
                       "grep ^NoNewPrivs /proc/self/status; ls /sys/class/net; readlink /dev/fd")
    assert said.split() == ["500", "77", "77", "1", "box", "1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "0", "0",
                            "NoNewPrivs:", "1", "lo", "/proc/self/fd"]


def test_a_volume_is_shown_where_the_mapped_root_could_not_go_by_itself(mapped: Bundle, tmp_path: Path):
    (tmp_path / "closed/data").mkdir(parents=True)
    (tmp_path / "closed/data/file").write_text("shown")
    (tmp_path / "closed").chmod(0o700)
    mapped.config["mounts"].append({"destination": "/tmp", "type": "bind", "source": str(tmp_path / "closed/data"),
                                    "options": ["rbind", "ro"]})
    assert mapped.says("cat /tmp/file; touch /tmp/x 2>&1 | grep -c Read-only") == "shown1"


@pytest.mark.parametrize("source", ["bind", "rbind"])
def test_what_is_mounted_inside_never_appears_on_the_host(mapped: Bundle, tmp_path: Path, source: str):
    data = tmp_path / "data"
    (data / "under").mkdir(parents=True)
    subprocess.run(["mount", "--bind", data, data], check=True)
    try:
        subprocess.run(["mount", "--make-shared", data], check=True)
        mapped.config["mounts"].append({"destination": "/tmp", "type": "bind", "source": str(data),
                                        "options": [source]})
        mapped.process["capabilities"] = {name: ["CAP_SYS_ADMIN"] for name in ("bounding", "effective", "permitted")}
        mapped.up("mount -t tmpfs none /tmp/under && touch /tmp/under/mounted; sleep 60")
        until(lambda: mapped.run_command("exec", mapped.id, "ls", "/tmp/under/mounted").code == 0)
        assert os.listdir(data / "under") == []
    finally:
        subprocess.run(["umount", "--lazy", data], check=True)


def test_capabilities_are_those_of_the_config(mapped: Bundle):
    mapped.process["capabilities"] = {name: ["CAP_KILL", "CAP_CHOWN"]
                                      for name in ("bounding", "effective", "permitted")}
    assert mapped.says("grep ^CapEff /proc/self/status").split() == ["CapEff:", "0000000000000021"]


def test_another_user_of_the_container_is_a_mapped_one_too(mapped: Bundle):
    mapped.process["user"] = {"uid": 1001, "gid": 7, "additionalGids": [9]}
    pid = mapped.up()
    fields = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "\t" in line)
    assert fields["Uid"].split() == ["300001"] * 4
    assert fields["Gid"].split() == ["200007"] * 4
    assert fields["Groups"].split() == ["200009"]


def test_a_process_that_enters_is_mapped_too(mapped: Bundle, tmp_path: Path):
    shared = tmp_path / "shared"
    shared.mkdir()
    os.chown(shared, 100000, 200000)
    mapped.config["mounts"].append({"destination": "/tmp", "type": "bind", "source": str(shared), "options": ["bind"]})
    mapped.up()
    done = mapped.command("exec", mapped.id, "sh", "-c", "id -u; id -G; touch /tmp/made")
    assert done.out.split() == ["0", "0"]
    assert (shared / "made").stat().st_uid == 100000
    done = mapped.command("exec", "--user", "1001:7", mapped.id, "sh", "-c", "id -u; id -g")
    assert done.out.split() == ["1001", "7"]


def test_every_namespace_is_the_user_namespaces_own(mapped: Bundle):
    mapped.linux["namespaces"].append({"type": "cgroup"})
    pid = mapped.up()
    for kind in ("user", "pid", "net", "ipc", "uts", "mnt", "cgroup"):
        assert namespace(pid, kind) != namespace("self", kind)
    assert Path(f"/proc/{pid}/status").read_text().count("\nNSpid:") == 1
    owner = subprocess.run(["nsenter", "-U", "-n", "-t", str(pid), "ip", "link", "set", "lo", "mtu", "1234"],
                           capture_output=True, text=True)
    assert owner.returncode == 0, owner.stderr


@pytest.fixture
def other(tmp_path: Path, shared_rootfs: Path, runtime: str) -> Iterator[Bundle]:
    """A second bundle."""
    folder = tmp_path / "other"
    folder.mkdir()
    made = Bundle(folder, shared_rootfs, runtime)
    yield made
    made.remove()


def test_a_user_namespace_is_joined_by_path_and_the_others_can_be_new(mapped: Bundle, other: Bundle):
    first = mapped.up()
    map_ids(other)
    other.linux["namespaces"] = [{"type": kind} for kind in ("pid", "mount", "uts")] + [
        {"type": kind, "path": f"/proc/{first}/ns/{file}"}
        for kind, file in (("user", "user"), ("ipc", "ipc"), ("network", "net"))]
    second = other.up()
    for kind in ("user", "ipc", "net"):
        assert namespace(first, kind) == namespace(second, kind)
    for kind in ("pid", "mnt", "uts"):
        assert namespace(second, kind) not in (namespace(first, kind), namespace("self", kind))
    assert Path(f"/proc/{second}/status").read_text().split("NSpid:")[1].split()[1] == "1"


def test_a_namespace_of_the_host_is_joined_by_a_new_user_namespace(mapped: Bundle):
    hear, say = os.pipe()
    neighbour = os.fork()
    if neighbour == 0:
        unshare(CLONE_NEWNET)
        os.write(say, b"-")
        os.close(say)
        os.execvp("sleep", ["sleep", "60"])
    try:
        os.read(hear, 1)
        for entry in mapped.linux["namespaces"]:
            if entry["type"] == "network":
                entry["path"] = f"/proc/{neighbour}/ns/net"
        mapped.config["mounts"] = [each for each in mapped.config["mounts"] if each["type"] != "sysfs"]
        pid = mapped.up()
        assert namespace(pid, "net") == namespace(neighbour, "net")
        assert namespace(pid, "user") != namespace("self", "user")
    finally:
        os.kill(neighbour, 9)
        os.waitpid(neighbour, 0)
        os.close(hear)
        os.close(say)


def test_a_pid_namespace_is_joined_by_path(bundle: Bundle, other: Bundle):
    first = bundle.up()
    for entry in other.linux["namespaces"]:
        if entry["type"] == "pid":
            entry["path"] = f"/proc/{first}/ns/pid"
    second = other.up()
    assert namespace(first, "pid") == namespace(second, "pid")
    until(lambda: "sleep" in Path(f"/proc/{second}/cmdline").read_text())


def test_an_unknown_path_of_a_namespace_is_named(bundle: Bundle):
    bundle.linux["namespaces"][0]["path"] = "/no/such/namespace"
    done = bundle.try_create()
    assert done.code != 0
    assert "/no/such/namespace" in done.err
    assert bundle.run_command("state", bundle.id).code != 0
