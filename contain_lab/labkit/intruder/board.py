"""The board: every attack by a plain process and from a container, and the score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contain_lab import files, steps
from contain_lab.labkit.intruder import stage
from contain_lab.labkit.intruder.attacks import Attack

NEEDS_IDS = "it takes ids that only root may map"
VERDICTS = {True: "works", False: "held"}


@dataclass(frozen=True, slots=True)
class Row:
    """An attack, and whether it works for a plain process and from the container."""

    attack: Attack
    plain: bool
    container: bool


def rows(chosen: Sequence[Attack], package: str = "", skipped: tuple[str, ...] = ()) -> Iterator[Row]:
    """Run attacks, one after the other; a row for each when it is done (about 0.4 s each).

    package: a folder with a student's steps; skipped: steps that the container is started without. Errors:
    NotFound for the image or a step, ContainLabError for a stage or a container that does not come up.
    """
    there = [row for attack in chosen for row in stage.plan_of(attack, ["true"]).rows()]
    for step in skipped:
        steps.find(there, step)
    for attack in chosen:
        plain = stage.play(attack.name, "plain")
        yield Row(attack, plain, stage.play(attack.name, "container", package, skipped))


def playable(attack: Attack) -> bool:
    """Whether an attack can be played here: a second user namespace needs more ids than an ordinary user has."""
    return not attack.mapped or files.is_machines_root()


def heading(chosen: Sequence[Attack], container: str) -> str:
    """The heading of the board; container: what its last column is called."""
    return f"{'attack':<10} lab  {'what it tries':<{_width(chosen)}}  plain  {container}"


def line(row: Row, chosen: Sequence[Attack]) -> str:
    """A row of the board: name, lab, what it tries, the verdicts for the plain process and the container."""
    attack = row.attack
    return (f"{attack.name:<10} {attack.lab}   {attack.says:<{_width(chosen)}}  {VERDICTS[row.plain]:<5}  "
            f"{VERDICTS[row.container]}")


def _width(chosen: Sequence[Attack]) -> int:
    return max(len(attack.says) for attack in chosen)


def score(done: Sequence[Row]) -> dict[str, int]:
    """How many attacks there were, and how many of them worked in each place."""
    return {"attacks": len(done), "plain": sum(row.plain for row in done),
            "container": sum(row.container for row in done)}
