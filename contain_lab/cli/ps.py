"""`contain-lab ps`: the containers that run; with --all, those that have ended too."""

import argparse
import time

from contain_lab import files
from contain_lab.engine import records, telling

COLUMNS = {"id": "CONTAINER ID", "image": "IMAGE", "command": "COMMAND", "created": "CREATED", "status": "STATUS",
           "name": "NAMES"}
WIDEST = 24  # letters of a command


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("-a", "--all", action="store_true", help="those that have ended, too")
    parser.add_argument("-q", "--quiet", action="store_true", help="print the ids alone")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="how they are printed")


def main(options: argparse.Namespace) -> int:
    """Print them."""
    found = [record for record in records.everything() if options.all or records.status(record) == "running"]
    lines = [telling.line(record, time.time()) for record in found]
    if options.quiet:
        print(*(line["id"] for line in lines), sep="\n", end="\n" if lines else "")
    elif options.format == "json":
        print(files.dump_json(lines))
    else:
        print_table(lines)
    return 0


def print_table(lines: list[dict[str, str]]) -> None:
    """Print a table, each column as wide as what stands in it."""
    for line in lines:
        command = line["command"].replace("\n", " ")
        line["command"] = command if len(command) <= WIDEST else f"{command[:WIDEST - 1]}…"
    rows = [COLUMNS, *lines]
    widths = {key: max(len(row[key]) for row in rows) for key in COLUMNS}
    for row in rows:
        print("   ".join(row[key].ljust(widths[key]) for key in COLUMNS).rstrip())
