"""`contain-lab grade FOLDER`: the points of each student's notebooks, as a table, JSON, CSV or JUnit."""

import argparse
import json
import signal
import sys
from pathlib import Path

from contain_lab import files
from contain_lab.cli.labs import find_root
from contain_lab.errors import NotFound, UsageError
from contain_lab.grading import desk, feedback, report, scores, submissions
from contain_lab.labkit import judge, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER",
        help="holds a folder for each student, with notebooks named as the labs are: ada/01_uts.ipynb")
    add("--lab", action="append", metavar="LAB", dest="labs",
        help="grade this lab only, as 01 or 01_uts; may be repeated; default: all that were handed in")
    add("--json", action="store_true", help="print JSON in the place of the table")
    add("--csv", type=Path, metavar="FILE", help="write a row for each student, all cells quoted")
    add("--junit", type=Path, metavar="FILE", help="write JUnit XML: a suite for each student")
    add("--feedback", type=Path, metavar="DIR",
        help="write a folder for each student: feedback.md, and the notebooks as they were rebuilt")
    add("--master", type=Path, metavar="DIR",
        help="the folder of the solved notebooks; default: solutions/ of this checkout")
    add("-v", "--verbose", action="store_true",
        help="say below each lab why checks failed and what was repaired")


def main(options: argparse.Namespace) -> int:
    """Grade, and print; 0 whatever the points are. Errors: ContainLabError before any grade."""
    if options.feedback and options.feedback.resolve() == options.folder.resolve():
        raise UsageError("grade: --feedback names the folder of the submissions, whose notebooks it would overwrite",
                         "name another folder, which is made if it is not there")
    wanted = [table.find_lab(name) for name in options.labs or ()] or list(table.LABS)
    students, others = submissions.find(options.folder, wanted)
    for name in others:
        say(f"{name}: left aside, it is no student's folder and no lab's notebook")
    labs = scores.due(students, wanted)
    if not labs:
        raise NotFound(f"{options.folder}: no notebook of a lab that has checks",
                       f"notebooks are named as the labs are: {', '.join(lab.stem for lab in wanted)}")
    scores.refuse_machine(labs)
    found = grade(options, students, labs)
    if options.json:
        print(json.dumps(report.as_json(found), indent=2))
    else:
        print(report.as_table(found, options.verbose))
    write(options, found)
    return 0


def grade(options: argparse.Namespace, students: list[submissions.Student],
          labs: list[table.Lab]) -> list[scores.StudentScore]:
    """Grade one student after the other, say how far it is, and write their feedback."""
    masters = options.master or find_root() / "solutions"
    signal.signal(signal.SIGTERM, stop)
    found = []
    with desk.desk() as place:
        for score in scores.grade(students, labs, masters, run_check, place):
            found.append(score)
            if options.feedback:
                feedback.write(options.feedback, masters, score)
            say(f"{len(found)} of {len(students)}  {score.name}: {score.points} of {score.max}")
    return found


def stop(number: int, frame: object) -> None:
    """End in an orderly way, so that the judge ends too and nothing is left."""
    raise SystemExit(128 + number)


def run_check(id: str, folder: Path, seed: str) -> scores.Verdict:
    """One check, by the judge, in its sandbox; the same seed gives the same names again."""
    return judge.run_check(id, folder, seed=seed)


def write(options: argparse.Namespace, found: list[scores.StudentScore]) -> None:
    """Write the files that were asked for."""
    if options.csv:
        files.write(str(options.csv), report.as_csv(found))
    if options.junit:
        files.write(str(options.junit), report.as_junit(found))


def say(line: str) -> None:
    """Progress goes to stderr: stdout holds the grades alone."""
    print(printable(line), file=sys.stderr, flush=True)


def printable(line: str) -> str:
    """A line without what a terminal would obey, whatever a student's folder is called."""
    return "".join(sign if sign.isprintable() else "?" for sign in line)
