"""The runtime so far, as a picture: every step of a default container, the student's own among them.

Steps stand room by room in the order in which they are called. Four kinds: yours, and a check has
passed; written; to write in this lab; the package's. A bar tells how many checks of the lab have passed.
"""

from __future__ import annotations

from contain_lab.labkit.pictures import (
    EDGE,
    FAINT,
    INK,
    MINE,
    MONO,
    OURS,
    PAPER,
    YOURS,
    Picture,
    box,
    card,
    text,
)
from contain_lab.labkit.standing import Standing
from contain_lab.labkit.table import LABS, Lab

WIDTH, LEFT, LINE, LETTER = 780, 112, 25, 6.65
LEGEND = {"yours": "yours, checked", "written": "written, not checked", "this lab": "to write in this lab",
          "ours": "the package's"}


def draw(lab: Lab, rows: list[tuple[str, str]], standing: Standing) -> Picture:
    """The picture of a lab; rows: (room, step) in order."""
    kinds = _kinds(lab, rows, standing)
    passed = [check for check in lab.checks if check.id in standing.passed]
    points = sum(check.points for check in passed)
    counted = f"checks passed: {len(passed)} of {len(lab.checks)}, {points} of {lab.points} points"
    counted = counted if lab.checks else "nothing to build yet: this lab looks"
    words = _write(lab, kinds, counted)
    share = len(passed) / len(lab.checks) if lab.checks else 0.0
    return Picture(_draw(lab, kinds, counted, share), words)


def _kinds(lab: Lab, rows: list[tuple[str, str]], standing: Standing) -> dict[str, dict[str, str]]:
    """room -> step -> "yours", "written", "this lab" or "ours"; steps that only labs know are added to their room."""
    taught = [(step.room, step.name) for each in LABS if each.number <= lab.number for step in each.steps]
    here = {step.name for step in lab.steps}
    checked = {name for each in LABS for check in each.checks if check.id in standing.passed for name in check.steps}
    found: dict[str, dict[str, str]] = {}
    for room, name in [*rows, *taught]:
        kind = "this lab" if name in here else "ours"
        if name in standing.steps:
            kind = "yours" if name in checked else "written"
        found.setdefault(room, {}).setdefault(name, kind)
    return found


def _write(lab: Lab, kinds: dict[str, dict[str, str]], counted: str) -> str:
    lines = [f"Lab {lab.number}. {lab.title}: the runtime so far", counted]
    for room, steps in kinds.items():
        said = ", ".join(name if kind == "ours" else f"{name} ({kind})" for name, kind in steps.items())
        lines.append(f"  {room}: {said}")
    return "\n".join([*lines, "yours: a check of it has passed; written: none has; "
                      "this lab: to write here; the rest: the package's"])


# ---- the drawing

def _draw(lab: Lab, kinds: dict[str, dict[str, str]], counted: str, share: float) -> str:
    parts = [text(16, 27, f"Lab {lab.number}. {lab.title}", 16, bold=True),
             text(16, 48, "the runtime so far", 13, FAINT), *_bar(counted, share if lab.checks else None)]
    y = 66.0
    for room, steps in kinds.items():
        parts.append(text(16, y + 16, room, 12, INK, bold=True))
        chips, y = _chips(steps, y)
        parts += chips
    parts += _legend(y + 6)
    title = f"Lab {lab.number}: the runtime so far"
    return card(WIDTH, int(y + 40), title, _write(lab, kinds, counted), parts)


def _bar(counted: str, share: float | None) -> list[str]:
    words = text(WIDTH - 16, 27, counted, 12, FAINT, anchor="end")
    if share is None:
        return [words]
    return [words, box(WIDTH - 276, 36, 260, 10, OURS, EDGE, 5),
            *([box(WIDTH - 276, 36, 260 * share, 10, MINE, "none", 5)] if share else [])]


def _chips(steps: dict[str, str], y: float) -> tuple[list[str], float]:
    """The steps of a room as boxes, line after line; and where the next room begins."""
    parts, x = [], float(LEFT)
    for name, kind in steps.items():
        wide = _width(name, kind)
        if x + wide > WIDTH - 16:
            x, y = float(LEFT), y + LINE
        parts += _chip(x, y, name, kind)
        x += wide + 6
    return parts, y + LINE + 7


def _width(name: str, kind: str) -> float:
    return LETTER * (len(name) + (2 if kind == "yours" else 0)) + 14


def _chip(x: float, y: float, name: str, kind: str) -> list[str]:
    colours = {"yours": (MINE, MINE, PAPER), "written": (PAPER, MINE, MINE),
               "this lab": (PAPER, YOURS, YOURS), "ours": (OURS, EDGE, FAINT)}
    fill, edge, ink = colours[kind]
    said = f"✓ {name}" if kind == "yours" else name
    return [box(x, y, _width(name, kind), LINE - 4, fill, edge, 4, dashed=kind == "this lab"),
            text(x + 7, y + 14.5, said, 11, ink, MONO, bold=kind != "ours")]


def _legend(y: float) -> list[str]:
    parts, x = [], 16.0
    for kind, words in LEGEND.items():
        parts += [*_chip(x, y, "step", kind), text(x + _width("step", kind) + 8, y + 15, words, 12, FAINT)]
        x += _width("step", kind) + 20 + 6.7 * len(words)
    return parts
