"""`contain-lab image`: make the images that the kit brings, and list those that are here."""

import argparse
import sys

from contain_lab import image
from contain_lab.image import bootstrap


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `contain-lab image`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    making = verbs.add_parser("bootstrap", help="make images from this machine's packages")
    known = " or ".join(bootstrap.RECIPES)
    making.add_argument("names", nargs="*", metavar="NAME", help=f"{known}; all by default")
    verbs.add_parser("list", help="the images, their size, and when they were made")


def main(options: argparse.Namespace) -> int:
    """Run one verb; 0, or the error of what failed."""
    if options.verb == "list":
        print_images()
    else:
        bootstrap.bootstrap(options.names, report)
    return 0


def report(line: str) -> None:
    """Print a line of progress to stderr."""
    print(line, file=sys.stderr, flush=True)


def print_images() -> None:
    """Print a table of the images."""
    print(f"{'NAME':<16} {'SIZE':>9}  MADE")
    for each in image.images():
        made = str(each.config.get("created", "")).replace("T", " ").replace("Z", " UTC")
        print(f"{each.name:<16} {image.size(each) / 1e6:>6.1f} MB  {made}")
