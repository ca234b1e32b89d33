"""`contain-lab rm NAME ...`: remove containers that have ended, and what they have written."""

import argparse

from contain_lab import cli
from contain_lab.engine import handling


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("-f", "--force", action="store_true", help="kill those that run")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a container's name, or the beginning of its id")


def main(options: argparse.Namespace) -> int:
    """Remove each; 1 where one could not be removed."""
    return cli.each(options.names, lambda name: handling.remove(name, options.force))
