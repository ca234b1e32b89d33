"""The kernel that an ordinary user's notebook gets: root of a user namespace, so that the cells are the same."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contain_lab import syscalls
from contain_lab.labkit import kernel_entry

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
ENTER = """
import json, os, subprocess
from contain_lab.labkit import kernel_entry
kernel_entry.become_root_where_allowed()
done = subprocess.run(["unshare", "--uts", "sh", "-c", "hostname cl-own && hostname"], capture_output=True, text=True)
print(json.dumps([os.getuid(), os.getgid(), done.stdout, os.environ.get("CONTAIN_LAB_ROOTLESS"), os.uname().nodename]))
"""


def as_nobody(*words: str, **more) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True,
                          timeout=60, **more)


@pytest.mark.needs("root", "rootless")
def test_an_ordinary_user_is_root_of_a_namespace_and_may_make_others():
    done = as_nobody(sys.executable, "-c", ENTER, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [0, 0, "cl-own\n", "1", os.uname().nodename]


def test_where_no_user_namespace_can_be_made_the_kernel_starts_all_the_same(monkeypatch: pytest.MonkeyPatch):
    def refuses(flags: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(syscalls, "unshare", refuses)
    monkeypatch.delenv("CONTAIN_LAB_ROOTLESS", raising=False)
    before = os.getresuid()
    kernel_entry.become_root_where_allowed()
    assert os.getresuid() == before
    assert "CONTAIN_LAB_ROOTLESS" not in os.environ


def test_set_up_names_this_kernel_for_every_notebook():
    spec = json.loads((ROOT / ".venv/share/jupyter/kernels/python3/kernel.json").read_text())
    assert spec["argv"][1:3] == ["-m", "contain_lab.labkit.kernel_entry"]
