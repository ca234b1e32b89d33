"""`contain-lab clean`: remove what killed commands left behind. What runs is left alone."""

import argparse

from contain_lab import engine


def configure(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def main(options: argparse.Namespace) -> int:
    """Sweep, and say what was removed."""
    removed = engine.clean()
    for line in removed:
        print(f"removed {line}")
    if not removed:
        print("nothing was left behind")
    return 0
