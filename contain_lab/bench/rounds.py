"""All contestants in turn, round after round: what slows the machine for a while slows each of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from contain_lab.bench.contestant import Contestant
from contain_lab.errors import ContainLabError, explain

WARM_UP = 3


class Rounds:
    """Contestants, the seconds of each, and why some are out: {contestant: reason}."""

    def __init__(self, contestants: Sequence[Contestant]) -> None:
        self.seconds: dict[Contestant, list[float]] = {each: [] for each in contestants}
        self.failed: dict[Contestant, str] = {}

    def warm_up(self) -> None:
        """Run each a few times, unmeasured; who cannot run is out."""
        for contestant in list(self.seconds):
            for _ in range(WARM_UP):
                self.attempt(contestant)

    def measure(self, count: int, report: Callable[[int], None]) -> None:
        """Measure each once a round, in an order drawn anew. report: is called with the number of each round."""
        for number in range(1, count + 1):
            report(number)
            for contestant in random.sample(list(self.seconds), len(self.seconds)):
                seconds = self.attempt(contestant)
                if contestant in self.seconds:
                    self.seconds[contestant].append(seconds)

    def attempt(self, contestant: Contestant) -> float:
        """Run one container: seconds. Who fails is out, with all of its rounds."""
        if contestant in self.failed:
            return 0.0
        try:
            return contestant.once()
        except (ContainLabError, OSError) as error:
            self.failed[contestant] = explain(error)[0]
            del self.seconds[contestant]
            contestant.clear()
        return 0.0

    def again(self, contestant: Contestant) -> None:
        """Take one in that was out."""
        del self.failed[contestant]
        self.seconds[contestant] = []
