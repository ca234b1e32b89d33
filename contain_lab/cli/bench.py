"""`contain-lab bench SCENARIO`: measure, beside other runtimes, and say under which conditions."""

import argparse
import json
import signal
import sys
from typing import NoReturn

from contain_lab.bench import report, start
from contain_lab.errors import UsageError

LEAST = 3  # rounds: below, there is no spread


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    scenarios = parser.add_subparsers(dest="scenario", metavar="SCENARIO", required=True)
    what = "the start of a container, from one bundle, beside other OCI runtimes"
    starting = scenarios.add_parser("start", help=what, description=what)
    starting.add_argument("--against", default="crun,runc", metavar="NAMES",
                          help="OCI runtimes, with commas between them (default: crun,runc)")
    starting.add_argument("--rounds", type=int, default=40, metavar="N", help="measure each N times (default: 40)")
    starting.add_argument("--json", action="store_true", help="print one JSON object")


def main(options: argparse.Namespace) -> int:
    """Measure and print; 0 where at least one comparison was made."""
    if options.rounds < LEAST:
        raise UsageError(f"bench: --rounds {options.rounds}: at least {LEAST} are needed to speak of a spread")
    against = list(dict.fromkeys(name.strip() for name in options.against.split(",") if name.strip()))
    if not against:
        raise UsageError("bench: --against: no runtime is named", "--against crun,runc")
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        found = start.measure(against, options.rounds, progress)
        progress("")
    except Terminated:
        return 128 + asked[0]
    print(json.dumps(report.as_json(found), indent=2) if options.json else report.as_table(found))
    return 0


class Terminated(KeyboardInterrupt):
    """SIGTERM or Ctrl-C; a kind of interrupt, for another exception in the middle of a step is taken for the step's."""


def end(number: int, _: object) -> NoReturn:
    """Let what was begun be cleared up, and end as the signal would have ended us."""
    asked.append(number)
    raise Terminated


asked: list[int] = []  # Python drops what a handler raises while it forks, so each round looks here, too


def progress(line: str) -> None:
    """Say on stderr how far it is: on a terminal in one line, else only where something begins."""
    if asked:
        raise Terminated
    if sys.stderr.isatty():
        print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)
    elif line and not line.startswith("round"):
        print(line, file=sys.stderr, flush=True)
