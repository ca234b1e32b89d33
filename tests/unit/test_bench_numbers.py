"""Measuring, without a machine: the statistics, the rounds, and what is said of them."""

import random

import pytest

from contain_lab.bench import report, statistics
from contain_lab.bench.contestant import CALL, RUN, VERBS, Contestant
from contain_lab.bench.report import Compared, Measured, Report
from contain_lab.bench.rounds import WARM_UP, Rounds
from contain_lab.bench.start import compare
from contain_lab.errors import ContainLabError

# ---- statistics

@pytest.mark.parametrize(("numbers", "median", "lower", "upper"), [
    ([3.0], 3, 3, 3),
    ([4.0, 1.0], 2.5, 1.75, 3.25),
    ([5.0, 1.0, 3.0], 3, 2, 4),
    ([1.0, 2.0, 3.0, 1000.0], 2.5, 1.75, 252.25),
])
def test_median_and_quartiles(numbers: list[float], median: float, lower: float, upper: float):
    assert statistics.summary(numbers) == (median, lower, upper, min(numbers))


def test_quartiles_are_those_of_the_standard_library():
    from statistics import quantiles

    draw = random.Random(7)
    for size in range(2, 30):
        numbers = [draw.random() for _ in range(size)]
        found = statistics.summary(numbers)
        assert [found.lower, found.median, found.upper] == pytest.approx(quantiles(numbers, method="inclusive"))


def test_a_ratio_is_one_of_medians_and_lies_in_its_interval():
    draw = random.Random(3)
    theirs = [10 + draw.random() for _ in range(40)]
    ours = [2 * each + draw.random() / 10 for each in theirs]
    found = statistics.ratio(ours, theirs)
    assert found.low < found.ratio < found.high
    assert found.ratio == pytest.approx(2, rel=0.05)
    assert found.high - found.low < 0.2
    assert statistics.ratio(ours, theirs, seed=1) == found


def test_rounds_are_drawn_as_a_whole():
    theirs = [1.0] * 20 + [10.0] * 21  # a busy machine slowed both alike
    found = statistics.ratio([2 * each for each in theirs], theirs)
    assert found == (2, 2, 2)


def test_the_interval_is_wide_where_the_numbers_are():
    theirs = [1.0, 9.0] * 10 + [5.0]
    found = statistics.ratio([5.0] * 21, theirs)
    assert found.low < 0.6
    assert found.high > 4


# ---- rounds

class Fake(Contestant):
    """Runs nothing, writes down that it was asked, and fails at one of its runs."""

    def __init__(self, name: str, asked: list[str], fails_at: int = 0) -> None:
        self.name, self.way, self.asked, self.fails_at = name, RUN, asked, fails_at
        self.cleared = 0

    def once(self) -> float:
        self.asked.append(self.name)
        if self.asked.count(self.name) == self.fails_at:
            raise ContainLabError(f"{self.name} run: broken")
        return float(len(self.asked))

    def clear(self) -> None:
        self.cleared += 1


def test_each_is_measured_once_a_round_in_changing_order():
    asked: list[str] = []
    rounds = Rounds([Fake(name, asked) for name in "abc"])
    told: list[int] = []
    rounds.measure(30, told.append)
    assert told == list(range(1, 31))
    turns = ["".join(asked[at:at + 3]) for at in range(0, len(asked), 3)]
    assert {"".join(sorted(turn)) for turn in turns} == {"abc"}
    assert len(set(turns)) > 2
    assert [len(seconds) for seconds in rounds.seconds.values()] == [30, 30, 30]


def test_the_first_runs_are_not_measured():
    asked: list[str] = []
    rounds = Rounds([Fake("a", asked)])
    rounds.warm_up()
    assert asked == ["a"] * WARM_UP
    assert list(rounds.seconds.values()) == [[]]


@pytest.mark.parametrize("fails_at", [1, WARM_UP, WARM_UP + 5])
def test_who_fails_is_out_and_the_others_go_on(fails_at: int):
    asked: list[str] = []
    good, bad = Fake("good", asked), Fake("bad", asked, fails_at)
    rounds = Rounds([bad, good])
    rounds.warm_up()
    rounds.measure(10, lambda number: None)
    assert rounds.failed == {bad: "bad run: broken"}
    assert asked.count("bad") == fails_at
    assert bad.cleared == 1
    assert {each: len(seconds) for each, seconds in rounds.seconds.items()} == {good: 10}


# ---- what is said

MEASURED = [Measured("contain-lab-runtime", VERBS, [0.02, 0.022, 0.024]), Measured("crun", VERBS, [0.01, 0.011, 0.012]),
            Measured("crun", RUN, [0.004, 0.005, 0.006]), Measured("contain_lab", CALL, [0.004, 0.004, 0.004])]


@pytest.fixture
def measurement() -> Report:
    """A small measurement."""
    compared = list(compare(MEASURED))
    return Report("start", 3, {"kernel": "Linux"}, MEASURED, compared, ["runc: no such command"], ["this"])


def test_like_is_compared_with_like_and_a_call_with_run():
    pairs = [(each.ours.name, each.ours.way, each.theirs.name, each.theirs.way) for each in compare(MEASURED)]
    assert pairs == [("contain-lab-runtime", VERBS, "crun", VERBS), ("contain_lab", CALL, "crun", RUN)]


def test_nothing_is_compared_with_ourselves():
    assert list(compare([MEASURED[0], Measured("contain-lab-runtime", RUN, [1.0]), MEASURED[3]])) == []


def test_json_has_medians_and_ratios(measurement: Report):
    said = report.as_json(measurement)
    assert said["measured"][1] == {"name": "crun", "way": VERBS, "median_ms": 11, "lower_quartile_ms": 10.5,
                                   "upper_quartile_ms": 11.5, "min_ms": 10}
    assert said["compared"][0]["ratio"] == 2
    assert said["compared"][0]["low"] <= 2 <= said["compared"][0]["high"]
    assert (said["missing"], said["notes"]) == (["runc: no such command"], ["this"])
    assert said["conditions"] == {"kernel": "Linux"}


def test_the_table_has_all_of_it(measurement: Report):
    said = report.as_table(measurement)
    for words in ("3 rounds", "contain-lab-runtime ÷ crun  create + start + delete", "contain_lab ÷ crun",
                  "  2.00  ", "10.50 – 11.50", "not measured\n  runc: no such command", "kernel: Linux",
                  "not the same for all: this"):
        assert words in said
    assert all(len(line) <= 120 for line in said.splitlines())


def test_a_pair_keeps_the_two_it_is_of():
    [pair, _] = compare(MEASURED)
    assert isinstance(pair, Compared)
    assert pair.ratio == statistics.ratio(MEASURED[0].seconds, MEASURED[1].seconds)
