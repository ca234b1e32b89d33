"""nbval, repaired: made-up notebooks run by pytest as the labs are; what it says of each cell, and why."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contain_lab.labkit import host
from contain_lab.labkit.nbval import plugin as nbval_plugin

Cell = tuple[str, str, str]  # id, source, stored stdout
Ran = tuple[subprocess.CompletedProcess[str], dict[str, ET.Element]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Run cells as a notebook under nbval: the process, and the JUnit cases by name."""
    def run_cells(*cells: Cell, options: tuple[str, ...] = (), metadata: dict[str, Any] | None = None) -> Ran:
        made = [{"cell_type": "code", "id": id, "execution_count": count, "source": source,
                 "metadata": (metadata or {}).get(id, {}),
                 "outputs": [{"output_type": "stream", "name": "stdout", "text": stored}] if stored else []}
                for count, (id, source, stored) in enumerate(cells, 1)]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        (tmp_path / "probe.ipynb").write_text(json.dumps(
            {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": made}))
        (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "contain_lab.labkit.nbval.plugin", "--nbval", "-q",
             "--nbval-current-env", "--nbval-cell-timeout=20", "-p", "no:cacheprovider",
             "--junitxml=probe.xml", *options, "probe.ipynb"],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
            env={key: value for key, value in os.environ.items() if key not in ("CI", "COLUMNS")})
        assert (tmp_path / "probe.xml").exists(), done.stdout + done.stderr
        return done, {case.attrib["name"]: case for case in ET.parse(tmp_path / "probe.xml").iter("testcase")}
    return run_cells


def outcomes(cases: dict[str, ET.Element]) -> dict[str, str]:
    bad = ("failure", "error", "skipped")
    return {name: next((each.tag for each in case if each.tag in bad), "passed")
            for name, case in cases.items()}


def message(case: ET.Element) -> str:
    found = case.find("failure")
    assert found is not None
    return found.attrib["message"]


def test_what_is_right_passes(run: Callable[..., Ran]) -> None:
    """Subprocesses' output is seen, what differs between runs is not compared, widgets take their output."""
    widget = "import ipywidgets as w\nout = w.Output()\nwith out:\n    print('in the widget')\nprint('below')"
    cleared = "from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('stays')"
    done, cases = run(
        ("child", "import subprocess\nrun = subprocess.run(['echo', 'from a child'])", "from a child\n"),
        ("numbers", "import os\nprint(os.readlink('/proc/self/ns/uts'), 'pid', os.getpid(), hex(id(run)))",
         "uts:[4026531999] pid 4711 0x7f0011223344\n"),
        ("duration", "print('took 12.5 ms')", "took 9 ms\n"),
        ("widget", widget, "below\n"),
        ("cleared", cleared, "stays\n"),
        ("folder", "import os\nprint(os.listdir('.'))", "[]\n"),
        ("check-one", "print('holds')", "holds\n"),
        metadata={"check-one": {"nbgrader": {"grade": True, "grade_id": "check-one", "points": 3}}})
    assert done.returncode == 0, done.stdout
    assert set(outcomes(cases).values()) == {"passed"}
    assert list(cases) == ["child", "numbers", "duration", "widget", "cleared", "folder",
                           "check-one [3 points]", "host left clean"]
    points = [each.attrib for each in cases["check-one [3 points]"].iter("property")]
    assert points == [{"name": "points", "value": "3"}]


def test_what_is_wrong_fails_at_once_and_says_why(run: Callable[..., Ran]) -> None:
    long = "a reason that is long enough to be cut at column eighty"
    done, cases = run(
        ("output", "print(1 + 1)", "3\n"),
        ("raises", f"raise ValueError({long!r})", ""),
        ("magic", "# NBVAL_IGNORE_OUTPUT\n%nosuchmagic\nprint('never')", ""),
        ("good", "print('here')", "here\n"),
        ("dies", "import os\nos._exit(1)", ""),
        ("after", "print('after')", "after\n"))
    due = {"output": "failure", "raises": "failure", "magic": "failure", "good": "passed", "dies": "failure",
           "after": "failure", "host left clean": "passed"}
    assert outcomes(cases) == due
    summary = {line.split(" - ")[0].rpartition("::")[2]: line.partition(" - ")[2]
               for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert summary["raises"] == f"ValueError: {long}"
    assert summary["output"] == "stdout differs: stored '3', now '2'"
    assert "nosuchmagic" in summary["magic"]
    assert "the kernel died in this cell" in summary["dies"]
    assert "the kernel had died in an earlier cell" in summary["after"]
    assert message(cases["raises"]).startswith(f"ValueError: {long}")
    assert not any("\x1b" in message(case) or "#x1B" in message(case) for name, case in cases.items()
                   if due[name] == "failure")
    assert float(cases["dies"].attrib["time"]) < 5


def test_after_a_timeout_later_cells_count_as_what_they_are(run: Callable[..., Ran]) -> None:
    tags = {"tags": ["raises-exception", "nbval-ignore-output"]}
    swallow = "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('and on')"
    done, cases = run(
        ("hangs", "import time\ntime.sleep(60)", ""),
        ("good", "print('after')", "after\n"),
        ("bad", "print(no_such_name)", ""),
        ("swallows", swallow, "and on\n"),
        ("wanted", "time.sleep(60)", ""),
        options=("--nbval-cell-timeout=1",), metadata={"wanted": tags})
    assert outcomes(cases) == {"hangs": "failure", "good": "passed", "bad": "failure", "swallows": "failure",
                               "wanted": "failure", "host left clean": "passed"}
    assert message(cases["hangs"]).startswith("Timeout of 1 seconds exceeded")
    assert message(cases["swallows"]).startswith("still running after 1 seconds")
    assert "xfailed" not in done.stdout
    assert "xpassed" not in done.stdout


@pytest.mark.needs("root")
def test_what_a_notebook_leaves_on_the_host_is_named(run: Callable[..., Ran], tmp_path: Path) -> None:
    place = tmp_path / "cl-left"
    place.mkdir()
    code = (f"import subprocess\nsubprocess.run(['mount', '-t', 'tmpfs', 'cl-test-mount', {str(place)!r}])\n"
            "child = subprocess.Popen(['sleep', '1234'], start_new_session=True)")
    try:
        done, cases = run(("leaves", code, ""))
    finally:
        subprocess.run(["umount", str(place)], check=False)
    assert outcomes(cases) == {"leaves": "passed", "host left clean": "failure"}
    said = message(cases["host left clean"])
    assert f"mount cl-test-mount at {place}" in said
    pid = int(said.split("process ")[1].split()[0])
    assert "(sleep 1234)" in said
    assert not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    assert "cl-test-mount" in done.stdout


def test_what_goes_by_itself_is_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([{"link cl-a", "link cl-b"}, {"link cl-b"}, {"link cl-c"}])
    monkeypatch.setattr(host, "look", lambda: next(looks, set()))
    assert host.left_since(set()) == []
    monkeypatch.setattr(host, "WAIT", 0.2)
    monkeypatch.setattr(host, "look", lambda: {"link cl-stays", "link cl-before"})
    assert host.left_since({"link cl-before"}) == ["link cl-stays"]


def test_another_nbval_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    nbval_plugin._refuse_other_nbval()
    monkeypatch.setitem(nbval_plugin.INNER_PARTS, "plugin.IPyNbCell", ("runtest", "no_such_part"))
    with pytest.raises(pytest.UsageError, match=r"nbval\.plugin\.IPyNbCell: no no_such_part"):
        nbval_plugin._refuse_other_nbval()
    monkeypatch.setattr("nbval.__version__", "0.12.0")
    with pytest.raises(pytest.UsageError, match=r"nbval 0\.12\.0"):
        nbval_plugin._refuse_other_nbval()


def test_without_nbval_notebooks_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "probe.ipynb").write_text("{}")
    (tmp_path / "test_one.py").write_text("import sys\ndef test_it(): assert 'nbval.plugin' in sys.modules\n")
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "contain_lab.labkit.nbval.plugin", "-q",
                           "-W", "error", "-p", "no:cacheprovider", "."],
                          cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "1 passed" in done.stdout, done.stdout
