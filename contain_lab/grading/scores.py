"""What a submission is worth: each check by the judge, on the student's steps; points from the table of labs.

The judge starts the containers itself, in its sandbox, and reads the kernel from outside. It gets a folder
my_runtime/ that holds nothing but the steps which the check looks at. A check that fails, hangs or crashes
costs its own points. A machine that cannot run a lab ends the grading, because its fault is no student's: when
the judge itself fails, the master's own answer tells whose fault it is.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from contain_lab import features
from contain_lab.errors import ContainLabError, explain
from contain_lab.grading import answers, notebook, rebuild, submissions
from contain_lab.grading.master import Master, read_master
from contain_lab.grading.submissions import Refused, Student
from contain_lab.labkit.table import Check, Lab


class Verdict(Protocol):
    """What grading needs of the judge's verdict (contain_lab.labkit.judge.verdict)."""

    @property
    def passed(self) -> bool:
        """Whether the check accepts what it saw."""

    @property
    def message(self) -> str:
        """The id of what is said: "hung" for a step that did not come back."""

    @property
    def values(self) -> dict[str, Any]:
        """What the message speaks of: {"step": name, …}."""

    def parts(self) -> dict[str, str]:
        """Of a failure: what was "saw" and "expected", and more."""

    @property
    def text(self) -> str:
        """All of it, in lines."""


Judge = Callable[[str, Path, str], Verdict]    # (id of a check, folder my_runtime, seed) -> verdict


@dataclass(frozen=True, slots=True)
class CheckScore:
    """One check: what it is worth, whether it passed, in one line why not, and all that the judge said."""

    id: str
    max: int
    passed: bool
    why: str = ""
    text: str = ""

    @property
    def points(self) -> int:
        """All or nothing: a lab has several checks, and they are its partial credit."""
        return self.max if self.passed else 0


@dataclass(slots=True)
class LabScore:
    """One lab of one student; problem: why nothing of it could be graded, or ""; rebuilt: for feedback."""

    lab: Lab
    file: str = ""
    problem: str = ""
    repairs: list[str] = field(default_factory=list)
    checks: list[CheckScore] = field(default_factory=list)
    rebuilt: rebuild.Rebuilt | None = None

    @property
    def points(self) -> int:
        """The points of the checks that passed."""
        return sum(check.points for check in self.checks)


@dataclass(slots=True)
class StudentScore:
    """All labs of one student."""

    name: str
    labs: list[LabScore] = field(default_factory=list)
    problem: str = ""

    @property
    def points(self) -> int:
        """The points of all labs."""
        return sum(lab.points for lab in self.labs)

    @property
    def max(self) -> int:
        """What all labs that were graded are worth."""
        return sum(lab.lab.points for lab in self.labs)


def due(students: Sequence[Student], labs: Sequence[Lab]) -> list[Lab]:
    """The labs to grade: of those named, the ones with checks that any student has handed in."""
    return [lab for lab in labs if lab.checks and any(lab.number in student.claims for student in students)]


def refuse_machine(labs: Sequence[Lab]) -> None:
    """Raise ContainLabError where this machine cannot run one of the labs."""
    for lab in labs:
        for missing in features.missing(lab.needs):
            raise ContainLabError(f"lab {lab.stem} cannot be graded here: {missing.name}: {missing.reason}",
                                  missing.hint)


def grade(students: Sequence[Student], labs: Sequence[Lab], masters: Path, judge: Judge,
          place: Path) -> Iterator[StudentScore]:
    """The score of each student, in order, as soon as it is known.

    masters: the folder of the solved notebooks; place: a folder for the steps that are judged.
    Errors: what `read_master` and the judge raise.
    """
    known = [read_master(masters, lab) for lab in labs]
    for student in students:
        score = StudentScore(student.name, problem=student.problem)
        read = [_read(student, master) for master in known]
        pool = {step: answer for each in read if each.rebuilt
                for step, answer in each.rebuilt.answers.items()}
        for lab, master in zip(read, known, strict=True):
            graded = _Run(student.name, master, lab, pool, judge, place)
            lab.checks = [graded.check(check) for check in lab.lab.checks]
            score.labs.append(lab)
        yield score


def _read(student: Student, master: Master) -> LabScore:
    """Find and rebuild a student's notebook; what is wrong with it is told in the score."""
    score = LabScore(master.lab)
    try:
        path, aside = submissions.choose(student.claims.get(master.lab.number, []), master.lab)
        score.file = path.name
        cells = notebook.read_cells(submissions.read(path), path.name)
        score.rebuilt = rebuild.rebuild(master, cells, path.name)
    except Refused as error:
        score.problem = student.problem or error.message
        return score
    score.repairs = [*(f"{each.name}: not looked at, because {path.name} is there" for each in aside),
                     *score.rebuilt.repairs]
    return score


@dataclass(frozen=True, slots=True)
class _Run:
    """The checks of one lab of one student."""

    student: str
    master: Master
    lab: LabScore
    pool: dict[str, answers.Answer]
    judge: Judge
    place: Path
    hung: dict[str, str] = field(default_factory=dict)    # step -> check; a hang is waited for once, not in each

    def check(self, check: Check) -> CheckScore:
        """Points for one check, or why there are none."""
        missing = self.lab.rebuilt.missing if self.lab.rebuilt else dict.fromkeys(check.steps, self.lab.problem)
        why = next((missing[step] for step in check.steps if step in missing), "")
        why = why or next((f"not run, because {step} did not come back in {self.hung[step]}"
                           for step in check.steps if step in self.hung), "")
        if why:
            return CheckScore(check.id, check.points, passed=False, why=why)
        verdict = self._verdict(check, answers.files_for(check.steps, self.pool))
        if isinstance(verdict, str):
            return CheckScore(check.id, check.points, passed=False, why=verdict)
        if verdict.message == "hung":
            self.hung[str(verdict.values.get("step"))] = check.id
        if verdict.passed:
            return CheckScore(check.id, check.points, passed=True)
        return CheckScore(check.id, check.points, False, _one_line(verdict.parts()), verdict.text)

    def _verdict(self, check: Check, texts: dict[str, str]) -> Verdict | str:
        """The judge's verdict, or a sentence where a student's step keeps the judge from any.

        Errors: the judge's own, when the master's answer does not pass either: then it is the machine.
        """
        for attempt in (1, 2):
            try:
                return self._ask(check, texts)
            except (ContainLabError, OSError) as error:
                if attempt == 2 and not self._ask(check, answers.files_for(check.steps, self.master.answers)).passed:
                    raise
                trouble = explain(error)[0]
        return f"the check could not be finished with it: {trouble}"

    def _ask(self, check: Check, texts: dict[str, str]) -> Verdict:
        with tempfile.TemporaryDirectory(prefix=f"{check.id}-", dir=self.place) as folder:
            runtime = Path(folder) / "my_runtime"
            write_runtime(runtime, texts)
            return self.judge(check.id, runtime, f"{self.student} {check.id}")


def write_runtime(folder: Path, texts: dict[str, str]) -> None:
    """Write a package my_runtime that nobody else can write, whatever the umask is."""
    folder.mkdir(mode=0o700)
    for name, text in {"__init__.py": "", **texts}.items():
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        os.chmod(folder / name, 0o644)


def _one_line(parts: dict[str, str]) -> str:
    """What the judge saw and expected, on one line."""
    return " ".join(f"{parts['saw']}; expected: {parts['expected']}".split())
