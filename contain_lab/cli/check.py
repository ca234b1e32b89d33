"""`contain-lab check`: look at the steps of a folder from outside, as the checks of the labs do."""

import argparse
import json
from pathlib import Path

from contain_lab.errors import NotFound
from contain_lab.labkit import standing
from contain_lab.labkit.judge import reviewing
from contain_lab.labkit.judge.reviewing import Finding
from contain_lab.labkit.workspace import Workspace


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("wanted", nargs="*", metavar="LAB|CHECK",
                        help="a lab (01 or 01_uts) or a check (uts.hostname); default: all whose steps are there")
    parser.add_argument("--with", dest="package", default=standing.here(), metavar="FOLDER",
                        help=f"the folder of your steps; default: {standing.FOLDER}, here or in labs/")
    parser.add_argument("--json", action="store_true", help="print labs, checks and points as one JSON object")


def main(options: argparse.Namespace) -> int:
    """Judge, and print; 0 where every check that was asked for by name, or whose steps are there, passes; else 1."""
    workspace = Workspace(options.package)
    if not workspace.folder.is_dir():
        raise NotFound(f"{options.package}: no such folder", "a Build cell of a lab makes it; --with names another")
    found: list[Finding] = []
    for finding in reviewing.review(workspace, reviewing.choose(options.wanted)):
        if not options.json:
            print_finding(finding, found[-1] if found else None, bool(options.wanted))
        found.append(finding)
    if not any(finding.verdict for finding in found):
        if options.json:
            print_json(options.package, found)
        raise NotFound(f"{options.package}: it has no step that can be checked", found[0].why if found else "")
    if options.json:
        print_json(options.package, found)
    else:
        print_end(found)
    return 0 if all(finding.verdict.passed if finding.verdict else not options.wanted for finding in found) else 1


def print_finding(finding: Finding, before: Finding | None, named: bool) -> None:
    """Print a check, below the title of its lab; one that was not judged only where it was asked for."""
    if not finding.verdict and not named:
        return
    if not before or before.lab != finding.lab:
        print(f"{finding.lab.number} {finding.lab.title}")
    mark = "–" if not finding.verdict else "✓" if finding.verdict.passed else "✗"
    steps = ", ".join(finding.check.steps)
    print(f"  {mark} {finding.check.id:<18} {finding.points} of {finding.check.points}   "
          f"{finding.why if not finding.verdict else steps}", flush=True)
    if said := reasons(finding):
        print("      as above" if before and said == reasons(before) else said)


def reasons(finding: Finding) -> str:
    """What a failed check says, below its name."""
    if not finding.verdict or finding.verdict.passed:
        return ""
    return "\n".join(f"    {line}" for line in finding.verdict.text.splitlines()[1:])


def print_end(found: list[Finding]) -> None:
    """Print the points, and the steps that a failed check looks at."""
    judged = [finding for finding in found if finding.verdict]
    wrong = list(dict.fromkeys(finding.check.id for finding in judged if not finding.points))
    print(f"points: {sum(finding.points for finding in judged)} of {sum(finding.check.points for finding in judged)}"
          + (f"; not yet: {', '.join(wrong)}" if wrong else ""))


def print_json(package: str, found: list[Finding]) -> None:
    """Print {"folder", "points", "max", "labs": [{"lab", "title", "points", "max", "checks": [...]}]}.

    A check: {"id", "steps", "points", "max", "passed" (null where it was not judged), "why", "message", "ms"}.
    """
    labs = []
    for lab in dict.fromkeys(finding.lab for finding in found):
        mine = [finding for finding in found if finding.lab == lab]
        labs.append({"lab": lab.stem, "title": lab.title, "points": sum(each.points for each in mine),
                     "max": sum(each.check.points for each in mine), "checks": [described(each) for each in mine]})
    print(json.dumps({"folder": str(Path(package)), "points": sum(each.points for each in found),
                      "max": sum(each.check.points for each in found), "labs": labs}, indent=2))


def described(finding: Finding) -> dict[str, object]:
    """A check as JSON has it."""
    verdict = finding.verdict
    return {"id": finding.check.id, "steps": list(finding.check.steps), "points": finding.points,
            "max": finding.check.points, "passed": verdict.passed if verdict else None,
            "why": finding.why or (verdict.text if verdict and not verdict.passed else ""),
            "message": verdict.message if verdict else "", "ms": verdict.ms if verdict else 0}
