"""The Makefile, .ci/run and README.md: few targets, all printed, and no command that is not there."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from contain_lab import cli as cli_commands

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = sorted(re.findall(r"^([a-z][a-z-]*):(?!=)", MAKEFILE, re.M))


def code_of(document: str) -> str:
    """The lines of a document's code blocks, and what stands between backquotes in its text."""
    text = (ROOT / document).read_text()
    blocks = re.findall(r"```[^\n]*\n(.*?)```", text, re.S)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))])


DOCUMENTS = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "vagrant/README.md"]
COMMANDS = sorted({(document, name) for document in DOCUMENTS
                   for name in re.findall(r"(?<![\w/-])contain-lab ([a-z][a-z-]*)", code_of(document))})


def test_the_makefile_has_at_most_ten_targets_and_each_is_phony():
    assert {"lab", "test", "test-all", "check", "labs", "clean"} <= set(TARGETS)
    assert len(TARGETS) <= 10
    phony = re.search(r"^\.PHONY: (.*)", MAKEFILE, re.M)
    assert phony is not None
    assert sorted(phony[1].split()) == TARGETS


def test_bare_make_prints_every_target_with_a_line():
    bare = ["make", "--no-print-directory"]
    done = subprocess.run(bare, cwd=ROOT, text=True, capture_output=True, check=True)
    printed = re.findall(r"^make (\S+) +\S.*", done.stdout, re.M)
    assert sorted(printed) == TARGETS


def test_documents_name_only_targets_that_exist():
    named = {name for document in DOCUMENTS
             for name in re.findall(r"\bmake ([a-z][a-z-]*)", code_of(document))}
    assert named <= set(TARGETS)
    assert {"lab", "test"} <= named


def test_the_readme_asks_for_no_other_set_up():
    words = ("apt", "pip", "uv", "poetry", "source", ".", "python3 -m")
    asked = [line for line in code_of("README.md").splitlines()
             if line.lstrip("$ ").removeprefix("sudo ").startswith(tuple(f"{word} " for word in words))]
    assert asked == []


@pytest.mark.parametrize(("document", "name"), COMMANDS)
def test_a_command_in_a_document_has_help(cli: str, document: str, name: str):
    done = subprocess.run([cli, name, "--help"], text=True, capture_output=True, timeout=20)
    assert done.returncode == 0, f"{document}: contain-lab {name}: {done.stderr}"
    assert f"contain-lab {name}" in done.stdout


def test_the_readme_names_every_command():
    named = {name for document, name in COMMANDS if document == "README.md"}
    assert named == set(cli_commands.COMMANDS)


def test_ci_runs_both_test_targets():
    script = ROOT / ".ci/run"
    called = re.findall(r"^\s*(?:step )?make ([a-z-]+)", script.read_text(), re.M)
    assert os.access(script, os.X_OK)
    assert called == ["test", "test-all"]
