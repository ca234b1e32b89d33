"""`contain-lab exec [OPTIONS] NAME COMMAND ...`: run a command in a container that runs."""

import argparse

from contain_lab import engine
from contain_lab.cli import run
from contain_lab.engine import handling
from contain_lab.errors import ContainLabError, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("-i", "--interactive", action="store_true", help="give it this command's input")
    parser.add_argument("-t", "--tty", action="store_true", help="give it a terminal")
    run.configure_process(parser)
    parser.add_argument("name", metavar="NAME", help="a container's name, or the beginning of its id")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")


def main(options: argparse.Namespace) -> int:
    """Run it: the command's exit code; 125 for errors of ours, 126 and 127 as shells have them."""
    try:
        if not options.command:
            raise UsageError("exec: a command is due", "contain-lab exec NAME COMMAND ...")
        return handling.enter(options.name, options.command, engine.asked_of(options), options.interactive)
    except (ContainLabError, OSError) as error:
        return run.report(error)
