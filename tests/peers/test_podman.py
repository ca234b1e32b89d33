"""Podman, as the distribution has it, runs containers on our runtime, and on one that a student exported."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contain_lab import image

pytestmark = pytest.mark.needs("root", "podman", "image busybox")
ROOT = Path(__file__).resolve().parents[2]
GROUP = "cl-podman-test"
# What this runtime refuses clearly so far: a filter of system calls.
RUN = ["run", "--rm", "--cgroup-parent", f"/{GROUP}", "--security-opt", "seccomp=unconfined"]
MINE = '''"""Mine."""
from contain_lab import syscalls


def set_hostname(name):
    syscalls.sethostname(name + "-of-mine")
'''


@pytest.fixture(autouse=True)
def groups_go() -> Iterator[None]:
    """Podman leaves the parent group that it was told to use."""
    yield
    end = time.monotonic() + 10
    while groups := sorted(Path("/sys/fs/cgroup").glob(f"*/{GROUP}/**/"), reverse=True):
        for group in groups:
            with contextlib.suppress(OSError):  # conmon is in one, and about to end
                group.rmdir()
        assert time.monotonic() < end, groups
        time.sleep(0.05)


def podman(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a Podman command in a world of its own."""
    return subprocess.run([ROOT / "tests/peers/podman_world.sh", "podman", *words], text=True,
                          capture_output=True, env={**os.environ, "IMAGE": image.find("busybox").rootfs}, timeout=120)


def test_podman_runs_a_container_on_our_runtime():
    runtime = str(ROOT / ".venv/bin/contain-lab-runtime")
    done = podman("--runtime", runtime, *RUN, "busybox", "sh", "-c", "echo from inside; exit 17")
    assert (done.stdout, done.returncode) == ("from inside\n", 17), done.stderr


def test_podman_prints_the_name_that_an_exported_step_set(tmp_path: Path, cli: str):
    package = tmp_path / "my_runtime"
    package.mkdir()
    (package / "namespaces.py").write_text(MINE)
    made = tmp_path / "my-runtime"
    subprocess.run([cli, "export", package, "-o", made], check=True, capture_output=True)
    done = podman("--runtime", str(made), *RUN, "--hostname", "box", "busybox", "hostname")
    assert done.stdout == "box-of-mine\n", done.stderr


def test_what_is_not_done_is_refused_by_its_name():
    runtime = str(ROOT / ".venv/bin/contain-lab-runtime")
    done = podman("--runtime", runtime, "run", "--rm", "--cgroup-parent", f"/{GROUP}", "busybox", "true")
    assert done.returncode != 0
    assert "linux.seccomp" in done.stderr
