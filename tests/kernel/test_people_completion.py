"""`contain-lab completion`: what a shell offers where a person presses Tab."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("root", "busybox", "overlay")


@pytest.fixture(scope="module")
def script(cli: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash."""
    path = tmp_path_factory.mktemp("completion") / "script"
    path.write_text(subprocess.run([cli, "completion", "bash"], text=True, capture_output=True, check=True).stdout)
    return path


@pytest.fixture
def offered(script, cli):
    """What bash offers for the last of some words."""
    def ask(*words: str) -> list[str]:
        line = (f". {script}; COMP_WORDS=({shlex.join(['contain-lab', *words])}); COMP_CWORD={len(words)}; "
                "_shtab_contain_lab; printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(["bash", "--norc", "-c", line], text=True, capture_output=True,
                              env={**os.environ, "PATH": f"{os.path.dirname(cli)}:{os.environ['PATH']}"})
        assert done.stderr == ""
        return [word.strip() for word in done.stdout.splitlines() if word.strip()]
    return ask


def test_commands_and_options_are_offered(offered):
    assert offered("insp") == ["inspect"]
    assert {"run", "rm"} <= set(offered("r"))
    assert set(offered("run", "--cap")) == {"--cap-add", "--cap-drop"}
    assert offered("image", "boot") == ["bootstrap"]


def test_names_of_containers_and_images_are_offered(offered, run):
    run.do("run", "--name", "web", "busybox", "true")
    assert offered("rm", "w") == offered("exec", "") == offered("inspect", "we") == ["web"]
    assert offered("run", "--rm", "bu") == ["busybox"]
    assert offered("run", "--hostname", "") == []
    run.do("rm", "web")
    assert offered("rm", "") == []


def test_files_and_folders_are_offered_where_they_are_due(offered, tmp_path):
    (tmp_path / "my_runtime").mkdir()
    assert offered("run", "--with", f"{tmp_path}/my") == [f"{tmp_path}/my_runtime"]
    assert offered("run", "--env-file", f"{tmp_path}/my") == [f"{tmp_path}/my_runtime"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(run, shell):
    done = run.do("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert all(word in done.out for word in ("contain-lab", "inspect", "cap-add"))
    assert run.do("completion", "csh").code == 2
