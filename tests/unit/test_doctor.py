"""`contain-lab doctor`: what it prints, and its exit code."""

import argparse
import json

import pytest

from contain_lab import features
from contain_lab.cli import doctor
from contain_lab.features.feature import Feature
from contain_lab.labkit import table

ROWS = (Feature("root", True, "user 0"), Feature("overlay", False, "no such device", "modprobe overlay"))


def lab(number: str, *needs: str) -> table.Lab:
    return table.Lab(number=number, stem=f"{number}_lab", title="A lab", minutes=1, needs=needs)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with root and without overlay, and two labs that need them."""
    monkeypatch.setattr(features, "probe_groups", lambda: {"machine": ROWS})
    monkeypatch.setattr(table, "LABS", (lab("00", "root"), lab("01", "root", "overlay")))
    return monkeypatch


@pytest.mark.usefixtures("machine")
def test_the_table_says_what_is_missing_why_and_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(argparse.Namespace(json=False)) == 1
    said = capsys.readouterr().out.splitlines()
    assert "  no  overlay             no such device" in said
    assert said.count("      hint: modprobe overlay") == 2
    assert "  yes 00 A lab" in said
    assert any(line.startswith("  no  01 A lab") and "overlay: no such device" in line for line in said)
    assert "\033" not in "".join(said)


@pytest.mark.usefixtures("machine")
def test_json_has_features_and_labs(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(argparse.Namespace(json=True)) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["features"][1] == {
        "name": "overlay", "ok": False, "reason": "no such device", "hint": "modprobe overlay"}
    assert [(each["lab"], each["can_run"]) for each in said["labs"]] == [("00", True), ("01", False)]
    assert said["labs"][1]["reason"] == "overlay: no such device"
    assert said["labs"][1]["hint"] == "modprobe overlay"


@pytest.mark.usefixtures("capsys")
def test_the_exit_code_is_0_where_all_labs_can_run(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(table, "LABS", (lab("00", "root"),))
    assert doctor.main(argparse.Namespace(json=True)) == 0


@pytest.mark.parametrize(("terminal", "no_colour", "coloured"),
                         [(True, "", True), (True, "1", False), (False, "", False)])
def test_colour_is_for_terminals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    terminal: bool, no_colour: str, coloured: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.setenv("NO_COLOR", no_colour)
    doctor.print_row(True, "root", "user 0", "")
    assert ("\033[32m" in capsys.readouterr().out) == coloured
