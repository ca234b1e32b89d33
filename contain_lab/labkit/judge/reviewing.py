"""All checks of a student's folder, one after the other, as `contain-lab check` asks for them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contain_lab import features
from contain_lab.errors import NotFound
from contain_lab.labkit import judge, standing
from contain_lab.labkit.judge.verdict import Verdict
from contain_lab.labkit.table import LABS, Check, Lab, find_check, find_step
from contain_lab.labkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Finding:
    """A check of a lab, and its verdict; without one, why it was not judged."""

    lab: Lab
    check: Check
    verdict: Verdict | None = None
    why: str = ""

    @property
    def points(self) -> int:
        """All of the check's points, or none."""
        return self.check.points if self.verdict and self.verdict.passed else 0


def choose(words: Sequence[str]) -> list[tuple[Lab, Check]]:
    """The checks that words name, each a lab ("01", "01_uts") or a check ("uts.join"); without words all.

    Errors: NotFound.
    """
    found: list[tuple[Lab, Check]] = []
    for word in words:
        labs = [lab for lab in LABS if word in (lab.number, lab.stem)]
        if not labs and not any(check.id == word for lab in LABS for check in lab.checks):
            raise NotFound(f"{word}: no lab and no check is called so",
                           f"labs are {', '.join(lab.stem for lab in LABS)}; `contain-lab progress` lists the checks")
        found += [(lab, check) for lab in labs for check in lab.checks] or [find_check(word)]
    return list(dict.fromkeys(found)) if words else [(lab, check) for lab in LABS for check in lab.checks]


def review(workspace: Workspace, chosen: Sequence[tuple[Lab, Check]]) -> Iterator[Finding]:
    """Judge each check whose steps are all there, and keep in the folder what came of it.

    A step also counts as there where its file is no Python: the judge says which line is wrong. Errors: the judge's.
    """
    steps = standing.read(str(workspace.folder)).steps
    for lab in dict.fromkeys(lab for lab, check in chosen if steps & set(check.steps)):
        judge.ready_images(lab)
    for lab, check in chosen:
        missing = [name for name in check.steps if name not in steps and not is_broken(workspace.folder, name)]
        lacking = features.missing(lab.needs)
        if missing:
            yield Finding(lab, check, why=f"not written yet: {', '.join(missing)}")
        elif lacking:
            yield Finding(lab, check, why="; ".join(f"{each.name}: {each.reason}" for each in lacking))
        else:
            verdict = judge.run_check(check.id, workspace.folder)
            workspace.record(check.id, verdict.passed)
            yield Finding(lab, check, verdict)


def is_broken(folder: Path, step: str) -> bool:
    """Whether the file that a step belongs into is there, and is no Python."""
    path = folder / f"{find_step(step)[1].room}.py"
    try:
        ast.parse(path.read_bytes())
    except FileNotFoundError:
        return False
    except (SyntaxError, ValueError):
        return True
    return False
