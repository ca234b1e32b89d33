"""What may be asked of `contain-lab run`: variables, users, volumes, networks, privileges; and how it refuses."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from contain_lab import capabilities

pytestmark = pytest.mark.needs("root", "busybox", "overlay")


@pytest.fixture
def etc(place):
    """/etc of the image, with two people in it."""
    folder = place / "data/images/busybox/rootfs/etc"
    folder.mkdir(exist_ok=True)
    (folder / "passwd").write_text("root:x:0:0::/root:/bin/sh\nalice:x:1000:1001::/home/alice:/bin/sh\n")
    (folder / "group").write_text("root:x:0:\nwheel:x:10:alice\nalice:x:1001:\n")
    return folder


def set_image(place: Path, **settings: object) -> None:
    (place / "data/images/busybox/config.json").write_text(json.dumps({"config": settings}))


# ---- the process

def test_variables_folder_and_names_are_as_asked(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HERE", "here")
    (tmp_path / "env").write_text("FILE=f\n")
    done = run("-e", "A=1 2", "-e", "HERE", "--env-file", f"{tmp_path}/env", "-w", "/tmp", "--hostname", "box",
               "busybox", "sh", "-c", "echo $A $HERE $FILE $PWD $(hostname)")
    assert (done.out, done.err) == ("1 2 here f /tmp box\n", "")


@pytest.mark.parametrize(("user", "said"), [
    ("alice", "1000 1001 1001 10 /home/alice"), ("alice:wheel", "1000 10 10 /home/alice"),
    ("1000:5", "1000 5 5 /home/alice"), ("4242", "4242 0 0 /"), ("0", "0 0 0 /root")])
def test_a_user_has_the_groups_and_the_home_of_the_container(run, etc, user, said):
    assert run("-u", user, "busybox", "sh", "-c", "echo $(id -u) $(id -g) $(id -G) $HOME").out == f"{said}\n"


def test_an_ordinary_user_has_no_capabilities(run, etc):
    assert "CapEff:\t0000000000000000" in run("-u", "alice", "busybox", "cat", "/proc/self/status").out


def test_the_images_user_and_entrypoint_count(run, etc, place):
    set_image(place, User="alice", Entrypoint=["sh", "-c"], Cmd=["echo default"], Env=["PATH=/bin"])
    assert run("busybox").out == "default\n"
    assert run("busybox", "id -u").out == "1000\n"
    assert run("-u", "root", "busybox", "id -u").out == "0\n"
    assert run("--entrypoint", "echo", "busybox", "a", "b").out == "a b\n"


# ---- mounts

def test_a_volume_is_the_hosts_own_and_can_be_read_only(run, tmp_path):
    for name in ("give", "look"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "in").write_text(name)
    done = run("-v", f"{tmp_path}/give:/data", "-v", f"{tmp_path}/look:/deep/in/look:ro", "busybox", "sh", "-c",
               "cat /data/in /deep/in/look/in; echo new >/data/out; touch /deep/in/look/x; rm /deep/in/look/in")
    assert done.out == "givelook"
    assert done.err.count("Read-only file system") == 2
    assert (tmp_path / "give/out").read_text() == "new\n"
    assert os.listdir(tmp_path / "look") == ["in"]


def test_a_file_can_be_a_volume(run, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert run("-v", f"{tmp_path}/file:/etc/file", "busybox", "cat", "/etc/file").out == "mine"


def test_a_volume_below_another_is_seen_whatever_the_order(run, tmp_path):
    for name in ("above/below", "other"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "other/seen").touch()
    done = run("-v", f"{tmp_path}/other:/x/below", "-v", f"{tmp_path}/above:/x", "busybox", "ls", "/x/below")
    assert done.out == "seen\n"


def test_a_link_in_the_image_leads_no_volume_out_of_it(run, place, tmp_path):
    """CVE-2021-30465 and its kin: the place of a volume is the image's to lay traps at."""
    (tmp_path / "target").mkdir()
    (tmp_path / "mine").mkdir()
    os.symlink(f"{tmp_path}/target", place / "data/images/busybox/rootfs/trap")
    done = run("-v", f"{tmp_path}/mine:/trap", "busybox", "sh", "-c", f"touch /trap/x; ls -d {tmp_path}/target/x")
    assert done.out == f"{tmp_path}/target/x\n"
    assert os.listdir(tmp_path / "target") == []
    assert os.listdir(tmp_path / "mine") == ["x"]


def test_a_read_only_root_has_its_volumes(run, tmp_path):
    done = run("--read-only", "-v", f"{tmp_path}:/data", "busybox", "sh", "-c", "touch /x; touch /data/x && echo may")
    assert done.out == "may\n"
    assert "/x: Read-only file system" in done.err


def test_what_is_mounted_below_a_read_only_volume_is_read_only_too(run, tmp_path):
    (tmp_path / "give/below").mkdir(parents=True)
    command = [run.cli, "run", "--rm", "-v", f"{tmp_path}/give:/data:ro", "busybox", "touch", "/data/below/x"]
    mount = f"mount -t tmpfs tmpfs {tmp_path}/give/below; exec \"$@\""
    done = subprocess.run(["unshare", "--mount", "sh", "-c", mount, "sh", *command], text=True, capture_output=True)
    assert "Read-only file system" in done.stderr


def test_where_the_image_keeps_data_a_read_only_one_can_be_written_to(run, place):
    set_image(place, Volumes={"/data": {}, "/etc": {}})
    done = run("--read-only", "busybox", "sh", "-c", "touch /data/x /etc/x; cut -d: -f1 /etc/passwd; touch /x")
    assert done.out == "root\nalice\n"
    assert done.err.count("Read-only file system") == 1
    assert not (place / "data/images/busybox/rootfs/etc/x").exists()


# ---- network

def test_a_network_is_empty_or_the_hosts(run):
    host = os.readlink("/proc/self/ns/net")
    said = {name: run("--network", name, "busybox", "sh", "-c", "readlink /proc/self/ns/net; ls /sys/class/net"
                      ).out.split() for name in ("none", "host")}
    assert said["host"] == [host, *sorted(os.listdir("/sys/class/net"))]
    assert said["none"][0] != host
    assert said["none"][1:] == ["lo"]


# ---- power

def held(done) -> tuple[int, int, int]:
    """Effective and inheritable capabilities, and the mode of seccomp."""
    lines = dict(line.split(":", 1) for line in done.out.splitlines() if ":" in line)
    return int(lines["CapEff"], 16), int(lines["CapInh"], 16), int(lines["Seccomp"])


@pytest.mark.parametrize(("options", "effective", "seccomp"), [
    ((), None, 2), (("--cap-drop", "ALL"), 0, 2), (("--cap-drop", "all", "--cap-add", "net_raw"), 1 << 13, 2),
    (("--seccomp", "unconfined", "--cap-drop", "ALL"), 0, 0)])
def test_capabilities_and_filter_are_as_asked(run, options, effective, seccomp):
    usual = capabilities.mask(capabilities.DEFAULT)
    found = held(run(*options, "busybox", "cat", "/proc/self/status"))
    assert found[1:] == (0, seccomp)
    assert found[0] == effective if effective is not None else not found[0] & ~usual and found[0] & 1


def test_a_privileged_one_has_all_that_we_have(run):
    done = run("--privileged", "busybox", "sh", "-c", "cat /proc/self/status; ls /dev; cat /proc/sys/kernel/hostname")
    assert held(done) == (capabilities.mask(capabilities.own()), 0, 0)
    assert {name for name in os.listdir("/dev") if name.startswith(("loop", "tty"))} <= set(done.out.split())


def test_a_profile_of_a_persons_own_is_loaded(run, tmp_path):
    profile = {"defaultAction": "SCMP_ACT_ALLOW",
               "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
    (tmp_path / "profile").write_text(json.dumps(profile))
    assert "No space left" in run("--seccomp", f"{tmp_path}/profile", "busybox", "mkdir", "/x").err


def test_a_filter_is_loaded_where_no_new_privs_is_left_out(run):
    said = run("--skip", "set_no_new_privs", "busybox", "grep", "-E", "NoNewPrivs|Seccomp:", "/proc/self/status").out
    assert said.split() == ["NoNewPrivs:", "0", "Seccomp:", "2"]


# ---- refusals

@pytest.mark.parametrize(("words", "said"), [
    (("-v", "/no/such/folder:/data"), "volume /no/such/folder: no such file or directory (ENOENT)\n"
                                      "hint: mkdir -p /no/such/folder\n"),
    (("-v", "/a"), "volume '/a': a path on this machine and one in the container are due\n"
                   "hint: --volume HOST:CONTAINER[:ro]\n"),
    (("-u", "nobody-here"), "user nobody-here: no such name in the container's /etc/passwd\n"
                            "hint: a number will do, too: --user UID:GID\n"),
    (("-u", "0:nowhere"), "group nowhere: no such name in the container's /etc/group\n"
                          "hint: a number will do, too: --user UID:GID\n"),
    (("--network", "nowhere"), "network nowhere: no such network\n"
                               "hint: --network none, or host for the machine's own\n"),
    (("--cap-add", "NO_SUCH"), "capability NO_SUCH: no such capability\nhint: capabilities(7) lists them\n"),
    (("--env-file", "/no/such"), "/no/such: no such file or directory (ENOENT)\n"),
    (("--seccomp", "/no/such"), "/no/such: no such file or directory (ENOENT)\n"),
    (("--name", "a b"), "container name 'a b': letters, digits and _ . - may stand in it\n"
                        "hint: a letter or digit comes first, and it has at most 128\n"),
    (("-u", "4294967296"), "user 4294967296:0: an id is not below 2^31\n"
                             "hint: a number will do, too: --user UID:GID\n"),
])
def test_what_cannot_be_done_is_refused_in_the_houses_form(run, words, said):
    done = run(*words, "busybox", "true")
    assert (done.code, done.out, done.err) == (125, "", f"contain-lab: {said}")


def test_a_folder_that_is_not_there_is_named_by_the_step(run):
    done = run("-w", "/no/such", "busybox", "true")
    assert done.code == 125
    assert done.err.startswith('contain-lab: container.process.enter_directory("/no/such"): ')
    assert "no such file or directory (ENOENT)" in done.err
