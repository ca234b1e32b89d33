"""`contain-lab doctor`: what this machine offers, which labs can run here, why not, and the way out."""

import argparse
import json
import os
import sys
from typing import NamedTuple

from contain_lab import features
from contain_lab.labkit import table

GREEN, YELLOW, PLAIN = "\033[32m", "\033[33m", "\033[0m"


class Verdict(NamedTuple):
    """Whether a lab can run here; reason and hint are those of the features that it misses."""

    lab: str
    title: str
    can_run: bool
    reason: str
    hint: str


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `contain-lab doctor`."""
    parser.add_argument("--json", action="store_true", help="print features and labs as one JSON object")


def main(options: argparse.Namespace) -> int:
    """Print what was found; 0 where every lab can run, else 1."""
    verdicts = [judge(lab) for lab in table.LABS]
    if options.json:
        print_json(verdicts)
    else:
        print_table(verdicts)
    return 0 if all(verdict.can_run for verdict in verdicts) else 1


def judge(lab: table.Lab) -> Verdict:
    """Whether this machine has what a lab needs."""
    missing = features.missing(lab.needs)
    reason = "; ".join(f"{each.name}: {each.reason}" for each in missing)
    hint = "; ".join(dict.fromkeys(each.hint for each in missing if each.hint))
    return Verdict(lab.number, lab.title, not missing, reason, hint)


def print_json(verdicts: list[Verdict]) -> None:
    """Print {"features": [{name, ok, reason, hint}], "labs": [{lab, title, can_run, reason, hint}]}."""
    found = [each._asdict() for each in features.probe()]
    print(json.dumps({"features": found, "labs": [each._asdict() for each in verdicts]}, indent=2))


def print_table(verdicts: list[Verdict]) -> None:
    """Print a line for each feature and each lab, and a hint below what is missing."""
    for group, found in features.probe_groups().items():
        print(group)
        for each in found:
            print_row(each.ok, each.name, each.reason, each.hint)
        print()
    print("labs that can run here")
    for verdict in verdicts:
        print_row(verdict.can_run, f"{verdict.lab} {verdict.title}", verdict.reason, verdict.hint)


def print_row(ok: bool, name: str, reason: str, hint: str) -> None:
    """Print one row; colour is for terminals alone, and not where NO_COLOR asks for none (no-color.org)."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    mark = f"{'yes' if ok else 'no':<4}"
    print(f"  {(GREEN if ok else YELLOW) + mark + PLAIN if colour else mark}{name:<18}  {reason}".rstrip())
    if hint and not ok:
        print(f"      hint: {hint}")
