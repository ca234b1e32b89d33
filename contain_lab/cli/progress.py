"""`contain-lab progress`: which steps are mine, which checks have passed, where I stopped."""

import argparse
import json

from contain_lab.labkit import progress, standing
from contain_lab.labkit.progress import CheckState, LabState
from contain_lab.labkit.workspace import Workspace


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--with", dest="package", default=standing.here(), metavar="FOLDER",
                        help=f"the folder of your steps; default: {standing.FOLDER}, here or in labs/")
    parser.add_argument("--json", action="store_true", help="print labs, steps and checks as one JSON object")


def main(options: argparse.Namespace) -> int:
    """Print what the folder says; 0, also where there is none yet. Nothing is run."""
    states = progress.read(Workspace(options.package))
    if options.json:
        print(json.dumps({"folder": options.package, "where": progress.where(states),
                          "points": sum(state.points for state in states),
                          "max": sum(state.lab.points for state in states),
                          "labs": [described(state) for state in states]}, indent=2))
        return 0
    for state in states:
        print_lab(state)
    points, most = sum(state.points for state in states), sum(state.lab.points for state in states)
    print(f"\npoints: {points} of {most}\n{progress.where(states)}")
    return 0


def print_lab(state: LabState) -> None:
    """Print a lab: a line, and one for its steps and each check where it has been begun."""
    lab, mine = state.lab, sum(state.steps.values())
    said = f"steps {mine} of {len(state.steps)}, points {state.points} of {lab.points}" if lab.steps else (
        "nothing to build")
    print(f"{lab.number} {lab.title:<34} {said}")
    if not state.begun:
        return
    for name, is_mine in state.steps.items():
        print(f"   {'mine' if is_mine else 'ours':<6} {name}")
    for each in state.checks:
        print(f"   {'✓' if each.date else '·':<6} {each.check.id:<18} {spoken(each)}".rstrip())


def spoken(state: CheckState) -> str:
    """When a check passed."""
    if not state.date:
        return "not passed yet"
    return f"passed on {state.date}" + (", and a step of it has changed since" if state.changed else "")


def described(state: LabState) -> dict[str, object]:
    """A lab as JSON has it."""
    return {"lab": state.lab.stem, "title": state.lab.title, "points": state.points, "max": state.lab.points,
            "steps": [{"name": name, "mine": mine} for name, mine in state.steps.items()],
            "checks": [{"id": each.check.id, "passed": bool(each.date), "date": each.date, "changed": each.changed,
                        "points": each.check.points} for each in state.checks]}
