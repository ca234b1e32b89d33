"""The set-up: it does nothing twice, names what is missing, and brings everything that is imported."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def set_up(level: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command, environment = [ROOT / "contain_lab/setup.sh", level], {**os.environ, **environment}
    return subprocess.run(command, text=True, capture_output=True, timeout=100, env=environment)


def test_a_second_set_up_does_nothing_and_says_so_by_silence():
    done = set_up("test")
    assert done.returncode == 0, done.stderr
    assert "set-up:" not in done.stdout


def test_an_ordinary_user_is_told_what_root_must_install(tmp_path: Path):
    for name, says in {"id": "1000", "dpkg-query": "deinstalled"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho {says}\n")
        (tmp_path / name).chmod(0o755)
    done = set_up("lab", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "contain-lab: set-up: busybox-static: missing, and only root can install packages",
        "hint: sudo apt-get install --no-install-recommends busybox-static",
    ]


def test_a_program_that_is_no_python_is_refused():
    done = set_up("lab", PYTHON="/bin/true")
    assert done.returncode == 1
    assert done.stderr == "contain-lab: set-up: PYTHON=/bin/true: not a Python 3.11 or newer\n"


def test_the_runtime_command_starts_the_real_interpreter_without_site():
    first, *_ = (ROOT / ".venv/bin/contain-lab-runtime").read_text().splitlines()
    interpreter = re.fullmatch(r"#!(/\S+) -IS", first)
    assert interpreter is not None, first
    assert os.path.realpath(interpreter[1]) == interpreter[1] == os.path.realpath(sys._base_executable)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[ ;<>=!\[(]", name)[0]).lower()


def declared() -> set[str]:
    """What the extras name, and what those need themselves: ipykernel brings IPython."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {canonical(each) for extra in extras.values() for each in extra}
    return named | {canonical(each) for name in named for each in metadata.requires(name) or []}


@pytest.mark.parametrize("folder", ["contain_lab", "tests"])
def test_every_import_is_of_a_package_that_the_set_up_brings(folder: str):
    nodes = [node for path in (ROOT / folder).rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    owners = metadata.packages_distributions()
    foreign = {name.split(".")[0] for name in modules} & owners.keys() - {"contain_lab"}
    assert {name for name in foreign if not {canonical(each) for each in owners[name]} & declared()} == set()
