"""`contain-lab labs build [--check] [LAB ...]`: make the notebooks from solutions/NN_concept.py."""

import argparse
import sys
from pathlib import Path

from contain_lab.errors import ContainLabError
from contain_lab.labkit import generator, table


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    verbs = parser.add_subparsers(dest="verb", metavar="build", required=True)
    what = "make labs/*.ipynb (unsolved) and solutions/*.ipynb (executed) from solutions/*.py"
    build = verbs.add_parser("build", help=what, description=what)
    build.add_argument("labs", nargs="*", metavar="LAB", help="number or name, as 01 or 01_uts; default: all")
    build.add_argument("--check", action="store_true",
                       help="write and run nothing; fail when a notebook is not as its source makes it")


def main(options: argparse.Namespace) -> int:
    """Build, or check; 0 when all is well. Errors: ContainLabError that names file, line and cell."""
    root = find_root()
    labs = [table.find_lab(name) for name in options.labs] or list(table.LABS)
    if options.check:
        if found := generator.stale(root, labs):
            raise ContainLabError(f"not as the source makes it: {', '.join(found)}",
                                  "run contain-lab labs build")
        print(f"{len(labs)} labs are as their sources make them")
        return 0
    for line in generator.build(root, labs):
        print(line)
        sys.stdout.flush()
    return 0


def find_root() -> Path:
    """The checkout: the working folder if it has solutions/, else the one that this package stands in."""
    for root in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (root / "solutions").is_dir():
            return root
    raise ContainLabError("labs: no folder solutions/ here or beside the package", "run it in a checkout")
