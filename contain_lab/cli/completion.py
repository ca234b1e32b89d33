"""`contain-lab completion SHELL`: a script that completes commands, options, and names of containers and images.

What completes names asks this command again: `contain-lab completion containers` prints them. The script is shtab's.
"""

import argparse
from types import ModuleType
from typing import Any

from contain_lab import cli, image
from contain_lab.engine import records
from contain_lab.errors import ContainLabError

SHELLS = ("bash", "zsh", "fish")
NAMES = ("containers", "images")
METAVARS = {"NAME": "containers", "IMAGE": "images", "FILE": "file", "FOLDER": "directory"}  # what completes what


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("what", choices=(*SHELLS, *NAMES), metavar="SHELL",
                        help=f"{', '.join(SHELLS)}: its script; {' or '.join(NAMES)}: names, a line each")


def main(options: argparse.Namespace) -> int:
    """Print a script, or names."""
    if options.what in NAMES:
        print(*(records.named() if options.what == "containers" else (each.name for each in image.images())), sep="\n")
        return 0
    try:
        import shtab  # what no other command needs
    except ModuleNotFoundError:
        raise ContainLabError("completion: the package shtab is missing", "make lab installs it") from None
    print(shtab.complete(whole_parser(shtab), options.what))
    return 0


def whole_parser(shtab: ModuleType) -> argparse.ArgumentParser:
    """One parser of all commands, whose arguments say how they are completed."""
    parser = argparse.ArgumentParser(prog="contain-lab")
    commands = parser.add_subparsers()
    for name, says in cli.COMMANDS.items():
        command = commands.add_parser(name, help=says)
        cli.load(name).configure(command)
        for action in command._actions:
            complete(action, shtab)
    return parser


def complete(action: Any, shtab: ModuleType) -> None:
    """Say how an argument is completed, by the word that stands for it in the help."""
    what = METAVARS.get(action.metavar or "", "")
    if what in NAMES and not action.option_strings:  # the NAME of --hostname is another
        action.complete = shtab.cmd(f"contain-lab completion {what} 2>/dev/null")
    elif what and what not in NAMES:
        action.complete = shtab.CHOICE_FUNCTIONS[what]
