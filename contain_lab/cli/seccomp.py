"""`contain-lab seccomp CALL [ARGUMENT ...]`: what a filter makes of a system call, and which rule says so."""

import argparse
import os

from contain_lab import capabilities, files, seccomp
from contain_lab.engine import records
from contain_lab.errors import NotFound
from contain_lab.seccomp import numbers


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--container", default="", metavar="NAME", help="the filter of this container")
    which.add_argument("--profile", default="", metavar="FILE",
                       help="a profile of the runtime specification; ours, where neither is named")
    parser.add_argument("call", metavar="CALL", help="its name: mkdir")
    parser.add_argument("arguments", nargs="*", type=number, metavar="ARGUMENT",
                        help="numbers, 0x for hexadecimal ones; 0 where they are left out")


def number(word: str) -> int:
    """An argument of a call: number("0x10") -> 16."""
    return int(word, 0)


def main(options: argparse.Namespace) -> int:
    """Print a line that says it."""
    call = numbers.table(os.uname().machine).get(options.call)
    if call is None:
        raise NotFound(f"system call {options.call}: this machine has none of the name", "syscalls(2) lists them")
    profile = profile_of(options.container, options.profile)
    print(seccomp.explain(profile, call, options.arguments) if profile else
          f"{options.call}: ALLOW, as there is no filter")
    return 0


def profile_of(container: str, path: str) -> "seccomp.Profile | None":
    """The profile of a container, the one in a file, or ours; None for a container that has none. Errors: NotFound."""
    if container:
        profile: seccomp.Profile | None = records.read_config(records.find(container))["linux"]["seccomp"]
        return profile
    return files.read_json(path) if path else seccomp.default_profile(capabilities.DEFAULT)
