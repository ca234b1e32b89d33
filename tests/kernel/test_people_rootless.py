"""The people's commands of an ordinary user: names, users, volumes, exec, kill and rm without privileges."""

import json
import os
import time
from collections.abc import Iterator

import pytest
from bundles import make_rootfs
from ordinary import User, ordinary_user

pytestmark = pytest.mark.needs("root", "busybox", "rootless")


class Tool:
    """`contain-lab`, as a user has it."""

    def __init__(self, user: User) -> None:
        self.user, self.words = user, user.install(make_rootfs)

    def __call__(self, *words: str, code: int = 0) -> str:
        done = self.user.run(*self.words, *words)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module", params=[False, pytest.param(True, marks=pytest.mark.needs("newuidmap"))],
                ids=["one id", "ranges"])
def tool(request: pytest.FixtureRequest) -> Iterator[Tool]:
    """The tool of a user with one id, and of one with subordinate ids."""
    with ordinary_user(ranges=request.param) as user:
        yield Tool(user)
        for folder in (".cache/contain_lab/run", ".local/share/contain_lab/containers",
                       ".local/share/contain_lab/names"):
            assert not list((user.home / folder).glob("*"))


def test_one_that_has_ended_is_kept_and_removed(tool):
    tool("run", "--rootless", "--name", "web", "busybox", "sh", "-c", "touch /made; exit 4", code=4)
    only, = json.loads(tool("ps", "-a", "--format", "json"))
    assert only["status"].startswith("Exited (4)")
    assert "it is in use" in tool("run", "--rootless", "--name", "web", "busybox", "true", code=125)
    assert tool("rm", "web") == "web\n"


def test_one_that_runs_is_entered_and_killed(tool):
    tool("run", "--rootless", "-d", "--name", "web", "--hostname", "box", "busybox", "sleep", "60")
    try:
        assert tool("exec", "-e", "A=1", "-w", "/tmp", "web", "sh", "-c", "echo $A $PWD $(hostname) $(id -u)"
                    ) == "1 /tmp box 0\n"
        tool("exec", "web", "sh", "-c", "exit 7", code=7)
        said, = json.loads(tool("inspect", "web"))
        assert os.readlink(f"/proc/{said['State']['Pid']}/ns/user") != os.readlink("/proc/self/ns/user")
        tool("kill", "web")
        end = time.monotonic() + 5
        while json.loads(tool("inspect", "web"))[0]["State"]["Status"] == "running":
            assert time.monotonic() < end
        assert json.loads(tool("inspect", "web"))[0]["State"]["ExitCode"] == 137
    finally:
        tool("rm", "-f", "web")


def test_a_volume_is_the_users_own(tool):
    folder = tool.user.home / "give"
    tool.user.says("mkdir", "-p", folder)
    tool("run", "--rootless", "--rm", "-v", f"{folder}:/data", "busybox", "touch", "/data/new")
    assert (folder / "new").stat().st_uid == tool.user.uid
    assert "Read-only" in tool("run", "--rootless", "--rm", "-v", f"{folder}:/data:ro", "busybox", "touch", "/data/x",
                               code=1)


def test_power_ends_at_the_namespace(tool):
    said = tool("run", "--rootless", "--rm", "--cap-add", "ALL", "busybox", "grep", "CapEff", "/proc/self/status")
    assert int(said.split()[1], 16) & 1 << 21
    said = tool("run", "--rootless", "--rm", "--privileged", "busybox", "sh", "-c",
                "mount -t tmpfs tmpfs /tmp && echo mounted; echo 1 >/proc/sys/kernel/sysrq || echo refused")
    assert said == "mounted\nrefused\n"


def test_a_network_can_be_the_hosts(tool):
    said = tool("run", "--rootless", "--rm", "--network", "host", "busybox", "readlink", "/proc/self/ns/net")
    assert said == os.readlink("/proc/self/ns/net") + "\n"


def test_another_user_of_the_container_needs_subordinate_ids(tool, request):
    words = ("run", "--rootless", "--rm", "-u", "alice", "busybox", "id", "-u")
    if "ranges" in request.node.name:
        assert tool(*words) == "1000\n"
    else:
        assert "id 1000 is none that this user may give" in tool(*words, code=125)
