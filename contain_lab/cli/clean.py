"""`contain-lab clean`: remove what killed commands left behind. What runs is left alone."""

import argparse

from contain_lab import engine
from contain_lab.bench import playground
from contain_lab.errors import ContainLabError
from contain_lab.grading import desk
from contain_lab.labkit import ordinary
from contain_lab.labkit.sandbox import group as sandbox_group
from contain_lab.vm import machine


def configure(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def main(options: argparse.Namespace) -> int:
    """Sweep, and say what was removed."""
    removed, failed = engine.clean()
    removed += [f"measurement {name}" for name in playground.sweep()]
    removed += [f"grading {name}" for name in desk.sweep()]
    removed += [f"group {name}" for name in sandbox_group.sweep()]
    removed += [f"home {name}" for name in ordinary.sweep()]
    removed += machine.sweep()
    for line in removed:
        print(f"removed {line}")
    if failed:
        raise ContainLabError(failed[0], f"{len(failed)} could not be removed: end what uses them, and try again")
    if not removed:
        print("nothing was left behind")
    return 0
