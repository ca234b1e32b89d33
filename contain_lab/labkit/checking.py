"""`check("uts.hostname")` in a cell: a sentence when the student's step is right, an error when it is not.

What a failed check shows is its message alone: no line of a traceback is ours. Its progress is kept beside the steps.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from contain_lab.errors import ContainLabError
from contain_lab.labkit import build, judge
from contain_lab.labkit.judge.verdict import Verdict
from contain_lab.labkit.pictures import bar
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.standing import FOLDER
from contain_lab.labkit.table import find_check
from contain_lab.labkit.workspace import Workspace


class CheckFailed(Refused):
    """A check that does not accept what it saw; verdict says it all."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.text)
        self.verdict = verdict


def check(id: str) -> Verdict:
    """Look at the student's step from outside: the verdict when it passes, CheckFailed when it does not.

    Errors: CheckFailed, Refused for an unknown id or a machine that cannot judge, Interrupted by the stop button.
    """
    workspace = Workspace()
    try:
        verdict = judge.run_check(id, workspace.folder)
    except ContainLabError as error:
        raise Refused(error.message, error.hint) from None
    verdict = with_cells(verdict)
    if verdict.output:
        sys.stdout.write(verdict.output if verdict.output.endswith("\n") else f"{verdict.output}\n")
    workspace.record(id, verdict.passed)
    bar.redraw()
    if not verdict.passed:
        raise CheckFailed(verdict)
    return verdict


def with_cells(verdict: Verdict) -> Verdict:
    """A verdict that knows of a cell that was refused: then what the folder has is not what the student sees."""
    refused = [step for step in find_check(verdict.check)[1].steps if step in build.unaccepted]
    if verdict.message == "not_written" and verdict.values["step"] in refused:
        return replace(verdict, message="not_accepted")
    if refused:
        sys.stdout.write(f"your last cell with {', '.join(refused)} was not accepted: "
                         f"what is checked is what stands in {FOLDER}\n")
    return verdict
