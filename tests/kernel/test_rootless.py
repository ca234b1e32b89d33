"""`contain-lab run --rootless`, as ordinary users of this machine: with the own id alone, and with subordinate ones."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import MARK, make_rootfs, marked, until
from ordinary import User, ordinary_user

from contain_lab import spec

pytestmark = pytest.mark.needs("root", "busybox", "rootless")
Tool = tuple[str, ...]


@pytest.fixture(scope="module")
def anna() -> Iterator[tuple[User, Tool]]:
    """A user without subordinate ids, and the command contain-lab."""
    with ordinary_user() as made:
        yield made, made.install(make_rootfs)


@pytest.fixture(scope="module")
def berta() -> Iterator[tuple[User, Tool]]:
    """A user with subordinate ids, and the command contain-lab."""
    with ordinary_user(ranges=True) as made:
        yield made, made.install(make_rootfs)


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test there is neither a state nor a layer, nor a mount of either."""
    yield
    for name in {"anna", "berta"} & set(request.fixturenames):
        home = request.getfixturevalue(name)[0].home
        for folder in (".cache/contain_lab/run", ".local/share/contain_lab/containers"):
            assert not list((home / folder).glob("*"))
        assert str(home) not in Path("/proc/self/mountinfo").read_text()


def test_a_container_of_an_ordinary_user_has_a_root_a_name_and_a_file_system_of_its_own(anna):
    user, tool = anna
    said = user.says(*tool, "run", "--rm", "--rootless", "--hostname", "mine", "busybox", "sh", "-c",
                     "id -u; hostname; echo $$; cat /proc/self/uid_map; touch /made && echo may")
    assert said.split() == ["0", "mine", "1", "0", str(user.uid), "1", "may"]
    assert not (user.home / ".local/share/contain_lab/images/busybox/rootfs/made").exists()


def test_root_inside_is_the_user_outside_and_has_no_power_over_the_host(anna):
    user, tool = anna
    said = user.says(*tool, "run", "--rm", "--rootless", "--hostname", "mine", "busybox", "sh", "-c",
                     "mount -t tmpfs none /tmp 2>/dev/null || echo refused; chown 1:1 /bin 2>&1 | grep -c -i invalid")
    assert said.split() == ["refused", "1"]
    assert os.uname().nodename != "mine"


def test_the_exit_code_is_the_programs(anna):
    user, tool = anna
    assert user.run(*tool, "run", "--rm", "--rootless", "busybox", "sh", "-c", "exit 9").returncode == 9
    assert user.run(*tool, "run", "--rm", "--rootless", "busybox", "no-such-program").returncode == 127


@pytest.mark.needs("newuidmap")
def test_with_subordinate_ids_files_belong_to_several_users_and_all_is_removed(berta):
    user, tool = berta
    said = user.says(*tool, "run", "--rm", "--rootless", "busybox", "sh", "-c",
                     "mkdir -m 700 /d; touch /d/a; chown -R 1000:1000 /d && stat -c %u:%g /d/a; id -G; "
                     "wc -l < /proc/self/uid_map")
    assert said.split() == ["1000:1000", "0", "2"]


def test_without_the_option_an_ordinary_user_is_told_of_it(anna):
    user, tool = anna
    done = user.run(*tool, "run", "--rm", "busybox", "true")
    assert done.returncode == 125
    assert done.stderr == ("contain-lab: containers need privileges, and this is an ordinary user\n"
                           "hint: run as root, or with --rootless\n")


def test_the_state_is_where_the_session_has_it(anna, tmp_path):
    user, tool = anna
    folder = user.home / "session"
    user.says("mkdir", "-p", folder)
    user.says(*tool, "run", "--rm", "--rootless", "busybox", "true", XDG_RUNTIME_DIR=str(folder))
    assert (folder / "contain_lab/run").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["anna", "berta"])
@pytest.mark.needs("newuidmap")
def test_where_the_kernel_lays_no_layer_over_the_image_it_is_copied(name, request):
    user, tool = request.getfixturevalue(name)
    image = user.home / ".local/share/contain_lab/images/busybox/rootfs"
    script = f"""
        mount -t tmpfs tmpfs /mnt && mkdir -p /mnt/upper /mnt/work && chown {user.uid} /mnt/upper
        mount -t overlay overlay -o lowerdir={user.home},upperdir=/mnt/upper,workdir=/mnt/work {user.home}
        exec setpriv --reuid {user.uid} --regid {user.gid} --clear-groups env HOME={user.home} "$@"
    """  # an overlay is no place for another one's upper layer
    words = [*tool, "run", "--rm", "--rootless", "busybox", "sh", "-c",
             "touch /made; ls /made; grep ' / ' /proc/mounts | cut -d' ' -f3"]
    done = subprocess.run(["unshare", "--mount", "sh", "-euc", script, "sh", *words], text=True, capture_output=True,
                          cwd="/", timeout=60, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["/made", "overlay"]
    assert not (image / "made").exists()


def test_a_killed_run_leaves_no_process_and_clean_takes_the_rest(anna):
    user, tool = anna
    mark = f"cl-test-rootless-{os.getpid()}"
    words = [*tool, "run", "--rm", "--rootless", "busybox", "sleep", "60"]
    env = {"HOME": str(user.home), "PATH": os.environ["PATH"], MARK: mark}
    running = subprocess.Popen(words, env=env, user=user.uid, group=user.gid, extra_groups=[], cwd="/",
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: [pid for pid in user.processes() if b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()[:6]])
    running.send_signal(signal.SIGKILL)
    running.wait()
    until(lambda: not user.processes())
    assert marked(mark) == []
    assert "removed container " in user.says(*tool, "clean")


def test_the_oci_command_line_serves_an_ordinary_user_too(anna):
    user, _ = anna
    runtime, bundle = user.command("contain_lab.cli.oci"), user.home / "bundle"
    bundle.mkdir()
    rootfs = str(user.home / ".local/share/contain_lab/images/busybox/rootfs")
    config = spec.default(["sh", "-c", "id -u; hostname"], rootfs, "mine", ("CAP_KILL",), ("PATH=/bin",))
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": user.uid, "size": 1}]
    config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": user.gid, "size": 1}]
    config["mounts"][2]["options"].remove("gid=5")
    (bundle / "config.json").write_text(json.dumps(config))
    assert user.says(*runtime, "run", "--bundle", bundle, "one") == "0\nmine\n"
    user.says("sh", "-c", '"$@" >/dev/null 2>&1', "sh", *runtime, "create", "--bundle", bundle, "two")
    assert json.loads(user.says(*runtime, "state", "two"))["status"] == "created"
    look = "id -u; hostname; grep NSpid /proc/self/status | wc -w; cat /proc/self/uid_map"
    assert user.says(*runtime, "exec", "two", "sh", "-c", look).split() == ["0", "mine", "2", "0", str(user.uid), "1"]
    assert user.run(*runtime, "exec", "two", "sh", "-c", "exit 9").returncode == 9
    user.says(*runtime, "delete", "--force", "two")
    assert user.says(*runtime, "list", "-q") == ""


def test_hooks_of_an_ordinary_users_container_run_at_every_place(anna):
    user, _ = anna
    runtime, bundle = user.command("contain_lab.cli.oci"), user.home / "hooked"
    bundle.mkdir()
    os.chown(bundle, user.uid, user.gid)
    rootfs = str(user.home / ".local/share/contain_lab/images/busybox/rootfs")
    config = spec.default(["sh", "-c", "cat /tmp/said; exit 3"], rootfs, "mine", ("CAP_KILL",), ("PATH=/bin",))
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": user.uid, "size": 1}]
    config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": user.gid, "size": 1}]
    config["mounts"][2]["options"].remove("gid=5")
    config["mounts"].append({"destination": "/tmp", "type": "bind", "source": str(bundle), "options": ["bind"]})
    config["hooks"] = {place: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {place} >> {folder}/said"]}]
                       for place in spec.shape.HOOKS for folder in ["/tmp" if place == "startContainer" else bundle]}
    (bundle / "config.json").write_text(json.dumps(config))
    done = user.run(*runtime, "run", "--bundle", bundle, "three")
    assert done.returncode == 3, done.stderr
    assert done.stdout.split()[:4] == [*spec.shape.HOOKS[:4]]
    assert (bundle / "said").read_text().split() == [*spec.shape.HOOKS]


def test_a_trace_shows_the_maps_in_one_line(anna):
    user, tool = anna
    done = user.run(*tool, "run", "--rm", "--rootless", "--trace", "busybox", "true")
    lines = [line for line in done.stderr.splitlines() if "uid_map" in line]
    assert lines
    assert [line for line in lines if f'"0 {user.uid} 1\\n") = 0' not in line] == []


def test_a_students_steps_run_as_an_ordinary_user(anna):
    user, tool = anna
    package = user.home / "my_runtime"
    package.mkdir()
    (package / "namespaces.py").write_text(
        "from contain_lab import files, syscalls\n\n\ndef set_hostname(name):\n    syscalls.sethostname('mine')\n\n\n"
        "def write_id_maps(pid, uids, gids):\n    for kind, ((a, b, c),) in (('uid', uids), ('gid', gids)):\n"
        "        files.put(f'/proc/{pid}/{kind}_map', f'{a} {b} {c}')\n")
    subprocess.run(["chown", "-R", f"{user.uid}:{user.gid}", package], check=True)
    done = user.run(*tool, "run", "--rm", "--rootless", "--with", package, "busybox", "hostname")
    assert done.stdout == "mine\n", done.stderr
    assert "user.write_id_maps" in done.stderr
