"""Order: a Parsons problem. Lines are given in disorder, some do not belong; the student puts them in order.

The letters are the same for everybody: who talks about them talks about the same lines. Lines are moved in the page
(labkit/page), or their letters are given to `order`, which says the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from contain_lab.labkit.questions import words
from contain_lab.labkit.questions.question import LETTERS, Shown
from contain_lab.labkit.sentence import Refused, Sentence


@dataclass(frozen=True, slots=True)
class Puzzle:
    """lines: letter -> line, as shown; right: orders that are accepted.

    why: letter -> what is lacking as long as this line is missing; of a line that does not belong: why it does not.
    """

    ask: str
    lines: dict[str, str]
    right: tuple[str, ...]
    why: dict[str, str]

    def text(self) -> str:
        """The task and its lines."""
        return "\n".join([self.ask, *(f"  {letter}) {line}" for letter, line in self.lines.items())])

    def judge(self, answer: str) -> str:
        """What is said of an order: letters with or without blanks. Errors: Refused for other letters."""
        given = "".join(answer.replace(",", " ").split()).lower()
        if unknown := [letter for letter in given if letter not in self.lines]:
            raise Refused(f"order {answer!r}: no line has the letter {unknown[0]!r}",
                          f"letters are {' '.join(self.lines)}")
        if given in self.right:
            return "Right: each line finds what the line before it has made."
        return self._say(given)

    def _say(self, given: str) -> str:
        """Where an order goes wrong first, against the accepted order that it follows longest."""
        right = max(self.right, key=lambda each: _common(given, each))
        same = _common(given, right)
        wrong, missing = given[same:same + 1], right[same:same + 1]
        count = ("", "The first line is right. ", f"The first {same} lines are right. ")[min(same, 2)]
        if not wrong:
            return f"{count}Something is missing after them: {self.why[missing]}"
        if given.count(wrong) > 1:
            return f"{count}Line {wrong} stands twice."
        if wrong not in right:
            return f"{count}Line {wrong} does not belong: {self.why[wrong]}"
        return f"{count}Line {same + 1} cannot be {wrong} yet. Another one comes first: {self.why[missing]}"


def _common(one: str, other: str) -> int:
    """How many letters two orders share from the left."""
    same = [a == b for a, b in zip(one, other, strict=False)]
    return [*same, False].index(False)


def order(id: str, answer: str = "") -> Shown | Sentence:
    """Show lines to put in order; answer: their letters, "c a b", in the place of moving the lines."""
    puzzle = find(id)
    if answer:
        return Sentence(puzzle.judge(answer))
    example = f'order("{id}", "{" ".join(list(puzzle.lines)[:3])}")'
    said = f"{puzzle.text()}\nmove the lines, or type their letters: {example}"
    return Shown(said, lambda: _widget(puzzle))


def find(id: str) -> Puzzle:
    """The puzzle of this id. Errors: Refused."""
    entry = words.find("order", id)
    spare = entry.get("spare", [])
    lines = [*entry["lines"], *(each["line"] for each in spare)]
    whys = [*entry["why"], *(each["why"] for each in spare)]
    shuffled = Random(id).sample(range(len(lines)), len(lines))
    letter = {at: LETTERS[place] for place, at in enumerate(shuffled)}
    accepted = [range(1, len(entry["lines"]) + 1), *entry.get("orders", [])]
    return Puzzle(entry["ask"], {letter[at]: lines[at] for at in shuffled},
                  tuple("".join(letter[at - 1] for at in each) for each in accepted),
                  {letter[at]: why for at, why in enumerate(whys)})


def _widget(puzzle: Puzzle) -> Any:
    """The lines, to be moved, and a button that tries their order."""
    from contain_lab.labkit import page

    def judge(letters: str) -> tuple[bool, str]:
        said = puzzle.judge(letters) if letters else "Nothing stands above the dashed line."
        return said.startswith("Right"), said

    return page.lines(puzzle.ask, puzzle.lines, judge)
