"""`contain-lab unpause NAME ...`: let paused containers go on."""

import argparse

from contain_lab import cli
from contain_lab.engine import handling


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="a container's name, or the beginning of its id")


def main(options: argparse.Namespace) -> int:
    """Do it to each; 1 where it did not go well with one."""
    return cli.each(options.names, handling.unpause)
