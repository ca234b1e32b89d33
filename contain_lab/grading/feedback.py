"""What a student gets back: a page that says why points are missing, and the notebook as it was rebuilt.

    FOLDER/ada/feedback.md       points, the judge's sentence for each failed check, repairs
    FOLDER/ada/01_uts.ipynb      the master's cells with the student's answers in them

Hidden checks are in neither. A reason may hold what a student's step said, so it stands in a block of code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from contain_lab import files
from contain_lab.grading import rebuild
from contain_lab.grading.master import read_master
from contain_lab.grading.scores import LabScore, StudentScore

FENCE = "````"


def write(folder: Path, masters: Path, score: StudentScore) -> None:
    """Write page and notebooks of one student. Errors: OSError."""
    place = folder / score.name
    place.mkdir(parents=True, exist_ok=True)
    files.write(str(place / "feedback.md"), page(score), mode=0o644)
    for lab in score.labs:
        if lab.rebuilt is not None:
            document = rebuild.document(read_master(masters, lab.lab), lab.rebuilt)
            text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
            files.write(str(place / f"{lab.lab.stem}.ipynb"), text, mode=0o644)


def page(score: StudentScore) -> str:
    """The feedback of one student, in Markdown."""
    lines = [f"# {score.points} of {score.max} points", ""]
    for lab in score.labs:
        lines += [f"## Lab {lab.lab.number}, {lab.lab.title}: {lab.points} of {lab.lab.points}", "", *_lab(lab)]
    return "\n".join(lines)


def _lab(lab: LabScore) -> Iterator[str]:
    if lab.problem:
        yield from _quoted(lab.problem)
        return
    for check in lab.checks:
        yield f"- {check.id}: {check.points} of {check.max}"
    yield ""
    for check in lab.checks:
        if not check.passed:
            yield from (f"{check.id} did not pass:", "", *_quoted(check.text or check.why))
    if lab.repairs:
        yield from ("Repaired in your notebook, at no cost:", "", *_quoted("\n".join(lab.repairs)))


def _quoted(text: str) -> tuple[str, ...]:
    lines = ("".join(sign for sign in line if sign.isprintable()) for line in text.replace(FENCE, "").splitlines())
    return (f"{FENCE}text", *lines, FENCE, "")
