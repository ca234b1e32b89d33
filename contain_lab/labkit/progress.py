"""How far a student is: steps and checks of each lab, and where to go on. From the folder my_runtime alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contain_lab.labkit import standing
from contain_lab.labkit.table import LABS, Check, Lab
from contain_lab.labkit.workspace import Workspace, digest


@dataclass(frozen=True, slots=True)
class CheckState:
    """A check: the date on which it passed, "" where it has not; changed: whether a step of it is another since."""

    check: Check
    date: str = ""
    changed: bool = False


@dataclass(frozen=True, slots=True)
class LabState:
    """A lab: which of its steps are the student's, in the lab's order, and the state of its checks."""

    lab: Lab
    steps: dict[str, bool]
    checks: tuple[CheckState, ...]

    @property
    def points(self) -> int:
        """What its passed checks are worth."""
        return sum(each.check.points for each in self.checks if each.date)

    @property
    def begun(self) -> bool:
        """Whether anything in it is done."""
        return any(self.steps.values()) or any(each.date for each in self.checks)


def read(workspace: Workspace, labs: Sequence[Lab] = LABS) -> list[LabState]:
    """The state of each lab."""
    mine, passed = standing.read(str(workspace.folder)).steps, workspace.progress()
    return [LabState(lab, {step.name: step.name in mine for step in lab.steps},
                     tuple(_state(workspace, check, passed.get(check.id)) for check in lab.checks)) for lab in labs]


def _state(workspace: Workspace, check: Check, kept: object) -> CheckState:
    if not isinstance(kept, dict):
        return CheckState(check)
    sources = {step: digest(workspace.source(step)) for step in check.steps}
    return CheckState(check, str(kept.get("date") or ""), sources != kept.get("source"))


def where(states: Sequence[LabState]) -> str:
    """Where the student stopped, and what is next, as a sentence."""
    begun = [state for state in states if state.begun]
    if not begun:
        first = next((state.lab for state in states if state.lab.steps), None)
        return f"nothing is built yet: lab {first.number} has the first step" if first else "nothing is to be built yet"
    last = begun[-1]
    for state in [last, *(each for each in states if each.lab.steps)]:
        if left := _left(state):
            stopped = f"stopped in lab {last.lab.number}; next: " if state is last else (
                f"lab {last.lab.number} is done; next: ")
            return f"{stopped}{left}"
    return "all labs are done"


def _left(state: LabState) -> str:
    """The first thing that is left to do in a lab; "" for none."""
    number = state.lab.number
    for name, mine in state.steps.items():
        if not mine:
            return f"write {name} (lab {number})"
    for each in state.checks:
        if not each.date:
            return f"pass {each.check.id} (lab {number})"
        if each.changed:
            return f"check {each.check.id} again (lab {number}): a step of it has changed"
    return ""
