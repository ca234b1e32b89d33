"""Podman, as root and as an ordinary user, on a runtime of all steps that the labs build: the solutions, exported."""

import subprocess
from pathlib import Path

import pytest

from contain_lab.labkit import host
from contain_lab.labkit.generator.build import read_answer
from contain_lab.labkit.generator.source import read_source
from contain_lab.labkit.ordinary import NUMBER
from contain_lab.labkit.podman import podman_run
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.table import LABS

pytestmark = pytest.mark.needs("root", "podman", "image busybox", "rootless")
ROOT = Path(__file__).resolve().parents[2]
STEPS = {step.name: step for lab in LABS for step in lab.steps}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory, cli: str) -> str:
    """The solutions of all labs in one my_runtime, exported."""
    folder = tmp_path_factory.mktemp("students")
    (folder / "my_runtime").mkdir()
    texts: dict[str, str] = {}
    for lab in LABS:
        for cell in read_source(ROOT / f"solutions/{lab.stem}.py"):
            if cell.build:
                magic, _, text = read_answer(cell, STEPS[cell.build]).solution().partition("\n")
                room = magic.removeprefix("%%build ")
                texts[room] = texts.get(room, "") + text + "\n\n\n"
    for room, text in texts.items():
        (folder / f"my_runtime/{room}.py").write_text(text)
    done = subprocess.run([cli, "export", folder / "my_runtime", "-o", folder / "runtime"], capture_output=True,
                          text=True, check=True)
    assert [name for name in STEPS if name not in done.stdout] == []
    return str(folder / "runtime")


def test_podman_runs_a_container_as_root(runtime: str):
    before = host.look()
    said = repr(podman_run(runtime, "sh", "-c", "hostname >/dev/null; id -u; echo $$; cat /proc/self/uid_map"))
    assert said.split() == ["0", "1", "0", "0", "4294967295"]
    assert host.left_since(before) == []


def test_podman_runs_a_container_as_an_ordinary_user(runtime: str):
    said = repr(podman_run(runtime, "sh", "-c", "id -u; cat /proc/self/uid_map; touch /made; ls /made", rootless=True))
    assert said.split() == ["0", "0", str(NUMBER), "1", "/made"]
    assert users_processes() == []


@pytest.mark.parametrize("rootless", [False, True])
def test_an_exit_code_is_an_error_of_the_cell(runtime: str, rootless: bool):
    with pytest.raises(Refused, match="exit code 17"):
        podman_run(runtime, "sh", "-c", "exit 17", rootless=rootless)


def users_processes() -> list[str]:
    """The command lines of the ordinary user's processes, zombies left out."""
    found = subprocess.run(["pgrep", "--list-full", "--uid", str(NUMBER)], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if "catatonit" in line or "conmon" in line]
