"""The grades as people and programs read them: a table, JSON, CSV, JUnit.

Names and reasons come from students: what a terminal would obey is taken out of the table, and a cell of the
CSV that a spreadsheet would take for a formula begins with an apostrophe (OWASP, "CSV injection").
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree

from contain_lab.grading.scores import LabScore, StudentScore

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
WIDEST = 160    # characters of a reason in the table; JSON has it whole


def as_json(scores: Iterable[StudentScore]) -> dict[str, Any]:
    """{"students": {name: {"points", "max", "problem", "labs": {number: {"points", …}}}}}."""
    return {"students": {score.name: {"points": score.points, "max": score.max, "problem": score.problem,
                                      "labs": {lab.lab.number: _lab(lab) for lab in score.labs}}
                         for score in scores}}


def _lab(lab: LabScore) -> dict[str, Any]:
    checks = {check.id: {"points": check.points, "max": check.max, "passed": check.passed, "why": check.why}
              for check in lab.checks}
    return {"points": lab.points, "max": lab.lab.points, "file": lab.file, "problem": lab.problem,
            "checks": checks, "repairs": lab.repairs}


def as_table(scores: Sequence[StudentScore], verbose: bool = False) -> str:
    """A line for each student and lab, with problems below; verbose: failed checks and repairs too."""
    rows = [("student", "lab", "points", "failed")]
    notes: list[list[str]] = [[]]
    for score in scores:
        for lab in score.labs:
            failed = ", ".join(check.id for check in lab.checks if not check.passed)
            rows.append((_plain(score.name), lab.lab.number, f"{lab.points} of {lab.lab.points}", failed))
            notes.append(_notes(lab, verbose))
        if len(score.labs) > 1:
            rows.append((_plain(score.name), "all", f"{score.points} of {score.max}", ""))
            notes.append([])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row, said in zip(rows, notes, strict=True):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        lines += [f"    {_plain(note)[:WIDEST]}" for note in said]
    return "\n".join(lines)


def _notes(lab: LabScore, verbose: bool) -> list[str]:
    if lab.problem:
        return [lab.problem]
    if not verbose:
        return []
    return [*(f"{check.id}: {check.why}" for check in lab.checks if not check.passed), *lab.repairs]


def _plain(text: str) -> str:
    """A text without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def as_csv(scores: Sequence[StudentScore]) -> str:
    """A row for each student: name, points of all labs, of each lab, of each check. All quoted, RFC 4180."""
    labs = list({lab.lab.number: lab.lab for score in scores for lab in score.labs}.values())
    head = ["student", "points", "max", *(f"lab {lab.number}" for lab in labs),
            *(check.id for lab in labs for check in lab.checks)]
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(head)
    for score in scores:
        checks = [check.points for lab in score.labs for check in lab.checks]
        numbers = [score.points, score.max, *(lab.points for lab in score.labs), *checks]
        writer.writerow([harmless(score.name), *numbers])
    return out.getvalue()


def harmless(cell: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    text = cell.encode("utf-8", "replace").decode()
    return f"'{text}" if text.lstrip().startswith(FORMULA) or text.startswith(FORMULA) else text


def as_junit(scores: Iterable[StudentScore]) -> str:
    """A test suite for each student, a test case for each check, its points as properties."""
    suites = ElementTree.Element("testsuites", name="contain-lab grade")
    for score in scores:
        checks = [(lab, check) for lab in score.labs for check in lab.checks]
        failed = sum(not check.passed for _, check in checks)
        suite = ElementTree.SubElement(suites, "testsuite", name=_plain(score.name), tests=str(len(checks)),
                                       failures=str(failed))
        for lab, check in checks:
            case = ElementTree.SubElement(suite, "testcase", classname=lab.lab.stem, name=check.id)
            properties = ElementTree.SubElement(case, "properties")
            for name, value in (("points", check.points), ("max", check.max)):
                ElementTree.SubElement(properties, "property", name=name, value=str(value))
            if not check.passed:
                ElementTree.SubElement(case, "failure", message=_plain(check.why))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode") + "\n"
