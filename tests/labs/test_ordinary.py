"""The ordinary user of lab 07: a number, with a home, contain-lab and an image; gone with the notebook."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contain_lab.labkit import lab, live, ordinary, podman

lab.ready_commands()


@pytest.mark.needs("root", "image busybox", "rootless")
def test_the_user_runs_containers_and_its_home_goes_with_the_kernel():
    code = ("import subprocess\nfrom contain_lab.labkit import lab, ordinary\nlab.ready_commands()\n"
            "user = ordinary.ordinary_user()\nprint(user, flush=True)\n"
            "subprocess.run([*user.split(), 'sh', '-c', 'id -u; cd; pwd; contain-lab run --rm --rootless busybox id -u'])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    words, number, home, inside = done.stdout.splitlines()
    assert words.startswith(f"setpriv --reuid={ordinary.NUMBER} ")
    assert (number, inside) == (str(ordinary.NUMBER), "0")
    assert f"HOME={home} " in words
    assert not Path(home).exists()


@pytest.mark.needs("root", "image busybox", "rootless")
def test_the_home_of_a_killed_kernel_is_swept_and_of_a_living_one_is_not():
    code = ("from contain_lab.labkit import lab, ordinary\nlab.ready_commands()\n"
            "print(ordinary.ordinary_user().split('HOME=')[1].split()[0], flush=True)\ninput()")
    with subprocess.Popen([sys.executable, "-c", code], text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as kernel:
        home = Path(kernel.stdout.readline().strip())
        ordinary.sweep()
        assert home.exists()
        kernel.kill()
        kernel.communicate()
    assert home.exists()
    assert home.name in ordinary.sweep()
    assert not home.exists()


@pytest.mark.needs("root", "image busybox", "rootless")
def test_a_container_of_the_users_is_looked_at_from_outside():
    box = live.background("busybox", "sleep", "60", options="--rootless", user=ordinary.ordinary_user())
    try:
        assert os.stat(f"/proc/{box.pid}").st_uid == ordinary.NUMBER
    finally:
        box.stop()


def test_an_ordinary_user_is_one_already(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ordinary.files, "is_machines_root", lambda: False)
    assert ordinary.ordinary_user() == ""


def test_where_podman_or_the_runtime_is_missing_the_cell_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(podman.shutil, "which", lambda *_, **__: None)
    assert repr(podman.podman_run("./x", "true")) == "podman: not on this machine (apt-get install podman)"
    monkeypatch.setattr(podman.shutil, "which", lambda *_, **__: "/usr/bin/podman")
    assert "it is not there yet" in repr(podman.podman_run(str(tmp_path / "x"), "true"))
