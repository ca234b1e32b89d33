"""`contain-lab kill NAME ...`: send a signal to containers."""

import argparse

from contain_lab import cli
from contain_lab.cli import oci
from contain_lab.engine import handling


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("-s", "--signal", default="KILL", help="its name or number; KILL by default")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a container's name, or the beginning of its id")


def main(options: argparse.Namespace) -> int:
    """Send it to each; 1 where one of them did not get it."""
    number = oci.signal_number(options.signal)
    return cli.each(options.names, lambda name: handling.kill(name, number))
