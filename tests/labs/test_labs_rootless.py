"""An ordinary user's steps are judged as root's are, where the kernel lets an ordinary user make a user namespace."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("root", "rootless")
NOBODY = 65534
ASK = """
import json, pathlib, sys
from contain_lab.labkit import judge
verdict = judge.run_check(sys.argv[1], pathlib.Path(sys.argv[2]))
print(json.dumps([verdict.passed, verdict.message, verdict.text]))
"""
GOOD = "syscalls.sethostname(name)"


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that others may enter; pytest's own are root's alone, and every session sees to it again."""
    with tempfile.TemporaryDirectory(prefix="cl-rootless-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def judged(home: Path) -> Callable[..., list[object]]:
    """The verdict on a set_hostname with this body, asked for by an ordinary user who owns all that is theirs."""
    def judge(body: str, check: str = "uts.hostname") -> list[object]:
        package = home / "my_runtime"
        package.mkdir(exist_ok=True)
        lines = body.replace("\n", "\n    ")
        (package / "namespaces.py").write_text(
            "import os, signal, socket\nfrom contain_lab import syscalls\n"
            "from contain_lab.syscalls import *\ndef unshare_uts():\n    syscalls.unshare(CLONE_NEWUTS)\n"
            f"HOME, OURS = {str(home)!r}, os.path.dirname(syscalls.__file__)\n"
            f"def set_hostname(name):\n    {lines}\n")
        (home / "secret").write_text("mine\n")
        for path in (home, package, home / "secret", package / "namespaces.py"):
            os.chown(path, NOBODY, NOBODY)
        done = subprocess.run([sys.executable, "-c", ASK, check, str(package)], user=NOBODY, group=NOBODY,
                              extra_groups=[], env={"HOME": str(home), "PATH": os.environ["PATH"]},
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return judge


def test_a_right_step_passes(judged: Callable[..., list[object]]):
    assert judged(GOOD)[:2] == [True, "uts.hostname"]


@pytest.mark.parametrize(("body", "said", "word"), [
    ("return None", "uts.hostname.unchanged", "the-host"),
    ("open(f'{HOME}/secret').read()", "raised", "ENOENT"),
    ("open(f'{HOME}/mine', 'w')", "uts.hostname.unchanged", "the-host"),
    ("open(__file__, 'a')", "raised", "EROFS"),
    ("open(f'{OURS}/namespaces/uts.py', 'w')", "raised", "EROFS"),
    ("syscalls.mount(None, '/', None, MS_REMOUNT | MS_BIND)", "raised", "EPERM"),
    ("open('/proc/sys/kernel/core_pattern', 'w')", "raised", "EACCES"),
    ("open('/etc/shadow')", "raised", "EACCES"),
    ("os.kill(-1, signal.SIGKILL)", "raised", "ESRCH"),
    ("socket.socket(socket.AF_INET).connect(('127.0.0.1', 22))", "raised", "ENETUNREACH"),
    ("made = []\ntry:\n    while len(made) < 200: made.append(os.fork() or signal.pause())\n"
     "except OSError:\n    for pid in made: os.kill(pid, signal.SIGKILL), os.waitpid(pid, 0)\n    raise", "raised", "EAGAIN"),
    ("syscalls.setns(os.open('/proc/1/ns/uts', 0), 0)\nsyscalls.sethostname(name)", "uts.hostname.host_changed", "out"),
])
def test_a_wrong_step_harms_nothing_of_theirs(body: str, said: str, word: str, judged: Callable[..., list[object]],
                                              home: Path):
    _, message, text = judged(body)
    assert message == said, text
    assert word in str(text)
    assert (home / "secret").read_text() == "mine\n"
    assert not (home / "mine").exists()


def test_a_machine_that_allows_it_is_told_as_one_where_labs_can_run(cli: str):
    said = subprocess.run([cli, "doctor", "--json"], user=NOBODY, group=NOBODY, extra_groups=[], text=True,
                          capture_output=True, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, timeout=60)
    found = {each["name"]: each for each in json.loads(said.stdout)["features"]}
    assert not found["root"]["ok"]
    assert found["privileges"]["ok"]
    assert found["uts namespace"]["reason"] == "can be made, in a user namespace"


@pytest.mark.needs("image busybox")
def test_a_container_of_theirs_is_started_and_looked_at(judged: Callable[..., list[object]]):
    assert judged(GOOD, "uts.container")[:2] == [True, "uts.container"]
    assert judged("return None", "uts.container")[1] == "uts.container.name"


@pytest.mark.needs("busybox")
def test_contain_lab_check_makes_the_image_that_an_ordinary_user_lacks(home: Path, cli: str):
    package = home / "my_runtime"
    package.mkdir()
    (package / "namespaces.py").write_text("import socket\n\n\ndef set_hostname(name):\n    socket.sethostname(name)\n")
    for path in (home, package):
        os.chown(path, NOBODY, NOBODY)
    done = subprocess.run([cli, "check", "uts.hostname"], user=NOBODY, group=NOBODY, extra_groups=[], cwd=home,
                          env={"HOME": str(home), "PATH": os.environ["PATH"]}, capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("points: 2 of 2\n")
