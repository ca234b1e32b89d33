"""What a measurement says: a table for people, and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contain_lab.bench.statistics import Ratio, summary


class Measured(NamedTuple):
    """One contestant: name, way, and its seconds, a number for each round."""

    name: str
    way: str
    seconds: list[float]


class Compared(NamedTuple):
    """Ours against another: the ratio of their medians."""

    ours: Measured
    theirs: Measured
    ratio: Ratio


class Report(NamedTuple):
    """A measurement: scenario, rounds, conditions, what was measured and compared, what was not and why, and notes."""

    scenario: str
    rounds: int
    conditions: dict[str, str]
    measured: list[Measured]
    compared: list[Compared]
    missing: list[str]
    notes: list[str]


def as_json(report: Report) -> dict[str, object]:
    """The report as JSON has it; durations in milliseconds."""
    return {
        "scenario": report.scenario, "rounds": report.rounds, "conditions": report.conditions,
        "measured": [{"name": each.name, "way": each.way, **milliseconds(each)} for each in report.measured],
        "compared": [{"ours": each.ours.name, "way": each.ours.way, "theirs": each.theirs.name,
                      "their_way": each.theirs.way, "ratio": round(each.ratio.ratio, 3),
                      "low": round(each.ratio.low, 3), "high": round(each.ratio.high, 3)} for each in report.compared],
        "missing": report.missing, "notes": report.notes,
    }


def milliseconds(measured: Measured) -> dict[str, float]:
    """What is said of one contestant's times, in milliseconds."""
    found = summary(measured.seconds)
    values = {"median_ms": found.median, "lower_quartile_ms": found.lower, "upper_quartile_ms": found.upper,
              "min_ms": found.least}
    return {name: round(value * 1000, 3) for name, value in values.items()}


def as_table(report: Report) -> str:
    """The report for people."""
    return "\n".join(lines(report))


def lines(report: Report) -> Iterator[str]:
    """The lines of the table."""
    yield f"{report.scenario}: {report.rounds} rounds, each of them in turn; milliseconds"
    yield f"  {'':<22}{'':<26}{'median':>8}  {'quartiles':>15}{'min':>8}"
    for each in report.measured:
        found = milliseconds(each)
        spread = f"{found['lower_quartile_ms']:.2f} – {found['upper_quartile_ms']:.2f}"
        yield f"  {each.name:<22}{each.way:<26}{found['median_ms']:>8.2f}  {spread:>15}{found['min_ms']:>8.2f}"
    yield "\nratio of medians, and the interval that holds 95 % of its resamples"
    for pair in report.compared:
        names = f"{pair.ours.name} ÷ {pair.theirs.name}"
        ways = " ÷ ".join(dict.fromkeys((pair.ours.way, pair.theirs.way)))
        yield f"  {names:<28}{ways:<30}{pair.ratio.ratio:>6.2f}  {pair.ratio.low:>6.2f} – {pair.ratio.high:.2f}"
    if report.missing:
        yield "\nnot measured"
        yield from (f"  {reason}" for reason in report.missing)
    yield "\nconditions"
    yield from (f"  {name}: {said}" for name, said in report.conditions.items())
    yield from (f"  not the same for all: {note}" for note in report.notes)
