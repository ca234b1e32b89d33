"""Where a student stands, as a picture: a line a lab, with a bar for its checks."""

from __future__ import annotations

from contain_lab.labkit.pictures import EDGE, FAINT, INK, MINE, OURS, Picture, box, card, text
from contain_lab.labkit.standing import Standing
from contain_lab.labkit.table import LABS, Lab

WIDTH, TOP, ROW, BAR, COUNTED = 780, 46, 27, 336, 480
LONG = 128    # pixels of a bar


def draw(now: Standing, ahead: str) -> Picture:
    """The labs, and how many steps and checks of each are done; ahead: a sentence on what is next, below them."""
    lines = [(lab, *_counted(lab, now)) for lab in LABS]
    wide = max(len(lab.title) for lab in LABS)
    words = "\n".join(f"{lab.number} {lab.title:{wide}}  {counted}" for lab, counted, _ in lines) + f"\n{ahead}"
    points = sum(check.points for lab in LABS for check in lab.checks if check.id in now.passed)
    whole = f"{points} of {sum(lab.points for lab in LABS)} points"
    parts = [text(14, 27, "Where you stand", 15, bold=True), text(WIDTH - 14, 27, whole, 13, FAINT, anchor="end")]
    for at, (lab, counted, share) in enumerate(lines):
        parts += _line(lab, counted, share, TOP + ROW * at)
    parts.append(text(14, TOP + ROW * len(LABS) + 20, ahead, 13, INK))
    return Picture(card(WIDTH, TOP + ROW * len(LABS) + 36, f"Where you stand: {whole}", words, parts), words)


def _counted(lab: Lab, now: Standing) -> tuple[str, float | None]:
    """What is said of a lab, and the share of its checks that have passed; None where there are none."""
    mine = sum(step.name in now.steps for step in lab.steps)
    passed = [check for check in lab.checks if check.id in now.passed]
    points = sum(check.points for check in passed)
    if not lab.steps:
        return "nothing to build", None
    said = (f"steps {mine} of {len(lab.steps)}, checks {len(passed)} of {len(lab.checks)}, "
            f"points {points} of {lab.points}")
    return said, len(passed) / len(lab.checks)


def _line(lab: Lab, counted: str, share: float | None, y: int) -> list[str]:
    parts = [text(14, y + 17, f"{lab.number} {lab.title}", 12, INK, bold=share == 1)]
    if share is not None:
        parts.append(box(BAR, y + 7, LONG, 11, OURS, EDGE, 5))
        parts += [box(BAR, y + 7, LONG * share, 11, MINE, "none", 5)] if share else []
    return [*parts, text(COUNTED, y + 17, f"✓ {counted}" if share == 1 else counted, 12, FAINT)]
