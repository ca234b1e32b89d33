"""`contain-lab intruder`: the attacks, by a plain process and from a container, and what comes of them."""

import argparse
import json
import os
import sys

from contain_lab import steps
from contain_lab.errors import ContainLabError
from contain_lab.labkit.intruder import attacks, board

COLOURS = {"works": "\033[31m", "held": "\033[32m"}
PLAIN = "\033[0m"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--only", action="append", default=[], metavar="NAME",
                        help="this attack alone, with its command; may be given again")
    parser.add_argument("--with", dest="package", default="", metavar="FOLDER",
                        help="a container made by the steps of this folder (my_runtime) in the place of ours")
    parser.add_argument("--skip", action="append", default=[], metavar="STEP",
                        help="a container that is started without this step; may be given again")
    parser.add_argument("--json", action="store_true", help="print attacks and score as one JSON object")


def main(options: argparse.Namespace) -> int:
    """Run the attacks; 0, however they ended."""
    chosen = [attacks.find(name) for name in options.only] or list(filter(board.playable, attacks.ATTACKS))
    for attack in chosen:
        if not board.playable(attack):
            raise ContainLabError(f"attack {attack.name}: {board.NEEDS_IDS}", "run as root")
    package = options.package.rstrip("/")
    if package:
        steps.check_owner(package)
    done: list[board.Row] = []
    for row in board.rows(chosen, package, tuple(options.skip)):
        if not done and not options.json:
            print(board.heading(chosen, column(package, options.skip)))
        done.append(row)
        if not options.json:
            print(coloured(board.line(row, chosen)), flush=True)
    if options.json:
        print(json.dumps({"attacks": [described(row) for row in done], "score": board.score(done)}, indent=2))
    else:
        print_end(done, bool(options.only))
    return 0


def column(package: str, skipped: list[str]) -> str:
    """What the last column is about."""
    name = "your container" if package else "container"
    return f"{name} without {', '.join(skipped)}" if skipped else name


def coloured(line: str) -> str:
    """The line with its verdicts in colour: on a terminal, unless NO_COLOR asks for none (no-color.org)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return line
    for word, colour in COLOURS.items():
        line = line.replace(f"  {word}", f"  {colour}{word}{PLAIN}")
    return line


def print_end(done: list[board.Row], with_commands: bool) -> None:
    """Print the score, and the commands of the attacks and the steps against them."""
    if with_commands:
        print()
        for row in done:
            print(f"{row.attack.name}: $ {row.attack.command}")
            print(f"  against it: {', '.join(row.attack.walls)}")
    found = board.score(done)
    print(f"\nscore of the intruder: plain process {found['plain']} of {found['attacks']}, "
          f"container {found['container']} of {found['attacks']}")


def described(row: board.Row) -> dict[str, object]:
    """A row as JSON has it."""
    attack = row.attack
    return {"name": attack.name, "lab": attack.lab, "says": attack.says, "command": attack.command,
            "plain": board.VERDICTS[row.plain], "container": board.VERDICTS[row.container],
            "walls": list(attack.walls)}
