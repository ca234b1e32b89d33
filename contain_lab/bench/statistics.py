"""What is said of a list of durations: median, quartiles, least; and of two lists: the ratio of their medians."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

RESAMPLES = 2000


class Summary(NamedTuple):
    """Of a list of numbers, in their unit: lower and upper are the quartiles."""

    median: float
    lower: float
    upper: float
    least: float


class Ratio(NamedTuple):
    """A ratio of two medians, and the interval that holds 95 % of its resamples."""

    ratio: float
    low: float
    high: float


def quantile(numbers: Sequence[float], part: float) -> float:
    """The number below which a part (0 to 1) of the numbers lies, between two of them by interpolation.

    numbers: at least one, in any order. Source: Hyndman and Fan (1996), definition 7.
    """
    ordered = sorted(numbers)
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def summary(numbers: Sequence[float]) -> Summary:
    """Median, quartiles and least of at least one number."""
    return Summary(quantile(numbers, 0.5), quantile(numbers, 0.25), quantile(numbers, 0.75), min(numbers))


def ratio(ours: Sequence[float], theirs: Sequence[float], seed: int = 1) -> Ratio:
    """The ratio of the medians of two lists of the same rounds, with a bootstrap interval over the rounds.

    A round is drawn as a whole, for a busy machine slows both. Source: Efron and Tibshirani (1993), chapter 13.
    """
    rounds, draw = range(len(ours)), random.Random(seed)
    found = []
    for _ in range(RESAMPLES):
        drawn = draw.choices(rounds, k=len(ours))
        found.append(quantile([ours[at] for at in drawn], 0.5) / quantile([theirs[at] for at in drawn], 0.5))
    middle = quantile(ours, 0.5) / quantile(theirs, 0.5)
    return Ratio(middle, quantile(found, 0.025), quantile(found, 0.975))
