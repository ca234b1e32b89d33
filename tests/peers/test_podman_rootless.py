"""Podman of an ordinary user, on a runtime that was exported: ours but for one step."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ordinary import User, ordinary_user

from contain_lab import image

pytestmark = pytest.mark.needs("root", "podman", "newuidmap", "image busybox", "rootless")
MINE = '''"""Mine."""
from contain_lab import syscalls


def set_hostname(name):
    syscalls.sethostname(name + "-of-mine")
'''
Shell = Callable[[str], str]


@pytest.fixture(scope="module")
def berta() -> Iterator[User]:
    """A user with subordinate ids."""
    with ordinary_user(ranges=True) as made:
        yield made


@pytest.fixture(scope="module")
def shell(berta: User, tmp_path_factory: pytest.TempPathFactory, cli: str) -> Shell:
    """Run lines of a shell as the user, where `$P` is Podman; what they print."""
    package = tmp_path_factory.mktemp("mine") / "my_runtime"
    package.mkdir()
    (package / "namespaces.py").write_text(MINE)
    subprocess.run([cli, "export", package, "-o", berta.home / "runtime"], check=True, capture_output=True)

    def run(script: str) -> str:
        world = Path(__file__).with_name("podman_rootless.sh")
        done = subprocess.run([world, berta.name, berta.home / "runtime", script], text=True, capture_output=True,
                              timeout=120, stdin=subprocess.DEVNULL,
                              env={**os.environ, "IMAGE": image.find("busybox").rootfs})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()
    return run


def test_a_container_runs_and_its_root_is_the_user(shell: Shell, berta: User):
    said = shell("$P run --rm --hostname box -v $HOME:/data busybox sh -c "
                 "'hostname; id -u; cat /proc/self/uid_map; touch /data/made; grep ^Seccomp: /proc/self/status'")
    assert said.split()[:6] == ["box-of-mine", "0", "0", str(berta.uid), "1", "1"]
    assert said.split()[-3:] == ["65536", "Seccomp:", "2"]
    assert (berta.home / "made").stat().st_uid == berta.uid


def test_another_user_of_the_container_has_a_subordinate_id(shell: Shell):
    assert shell("$P run --rm --user 1000 busybox id -u") == "1000"


def test_a_user_namespace_of_the_container_is_mapped_within_ours(shell: Shell):
    said = shell("$P run --rm --uidmap 0:1:1000 --gidmap 0:1:1000 busybox cat /proc/self/uid_map")
    assert said.split() == ["0", "1", "1000"]


def test_exit_codes_stop_and_the_hosts_processes(shell: Shell):
    said = shell("""
        $P run --rm busybox sh -c 'exit 17' || echo $?
        $P run -d --name one busybox sh -c 'trap "exit 7" TERM; while :; do sleep 0.1; done' >/dev/null
        $P stop -t 10 one >/dev/null; $P inspect --format '{{.State.ExitCode}}' one; $P rm one >/dev/null
        $P run --rm --pid=host busybox sh -c 'echo hi'
    """)
    assert said.split() == ["17", "7", "hi"]


def test_one_more_process_is_executed_in_a_container(shell: Shell):
    said = shell("""
        $P run -d --name two busybox sleep 60 >/dev/null
        $P exec two sh -c 'hostname -s >/dev/null; id -u; readlink /proc/self/ns/user; readlink /proc/1/ns/user'
        $P exec -u 1000 two id -u; $P exec two sh -c 'exit 4' || echo $?
        $P rm -f -t 0 two >/dev/null""").split()
    assert [said[0], *said[3:]] == ["0", "1000", "4"]
    assert said[1] == said[2]
