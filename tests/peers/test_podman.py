"""Podman, as the distribution has it, runs containers on our runtime, and on one that a student exported."""

import os
import subprocess
from pathlib import Path

import pytest

from contain_lab import image

pytestmark = pytest.mark.needs("root", "podman", "image busybox")
ROOT = Path(__file__).resolve().parents[2]
RUN = ["run", "--rm"]
MINE = '''"""Mine."""
from contain_lab import syscalls


def set_hostname(name):
    syscalls.sethostname(name + "-of-mine")
'''


def podman(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a Podman command in a world of its own."""
    return subprocess.run([ROOT / "tests/peers/podman_world.sh", "podman", *words], text=True,
                          capture_output=True, env={**os.environ, "IMAGE": image.find("busybox").rootfs}, timeout=120)


def test_podman_runs_a_container_on_our_runtime(group: str):
    runtime = str(ROOT / ".venv/bin/contain-lab-runtime")
    done = podman("--runtime", runtime, *RUN, f"--cgroup-parent=/{group}", "busybox",
                  "sh", "-c", "echo from inside; exit 17")
    assert (done.stdout, done.returncode) == ("from inside\n", 17), done.stderr


def test_podman_prints_the_name_that_an_exported_step_set(tmp_path: Path, cli: str, group: str):
    package = tmp_path / "my_runtime"
    package.mkdir()
    (package / "namespaces.py").write_text(MINE)
    made = tmp_path / "my-runtime"
    subprocess.run([cli, "export", package, "-o", made], check=True, capture_output=True)
    done = podman("--runtime", str(made), *RUN, f"--cgroup-parent=/{group}", "--hostname=box", "busybox", "hostname")
    assert done.stdout == "box-of-mine\n", done.stderr


def test_podmans_filter_is_loaded(group: str):
    runtime = str(ROOT / ".venv/bin/contain-lab-runtime")
    done = podman("--runtime", runtime, *RUN, f"--cgroup-parent=/{group}", "busybox",
                  "sh", "-c", "grep ^Seccomp: /proc/self/status")
    assert done.stdout.split() == ["Seccomp:", "2"], done.stderr
