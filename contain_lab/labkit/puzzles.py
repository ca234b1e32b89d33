"""Order: a Parsons problem. Lines are given in disorder, some do not belong; the student puts them in order.

The letters are the same for everybody: who talks about them talks about the same lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from contain_lab.labkit import words
from contain_lab.labkit.question import LETTERS, Shown, as_html
from contain_lab.labkit.sentence import Refused, Sentence


@dataclass(frozen=True, slots=True)
class Puzzle:
    """lines: letter -> line, as shown; right: orders that are accepted; why: letter -> what to think of."""

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
        same = max(_common(given, right) for right in self.right)
        wrong = given[same:same + 1]
        count = ("", "The first line is right. ", f"The first {same} lines are right. ")[min(same, 2)]
        if not wrong:
            return f"{count}Something is missing after them."
        if given.count(wrong) > 1:
            return f"{count}Line {wrong} stands twice."
        return f"{count}Line {same + 1} cannot be {wrong} yet: {self.why[wrong]}"


def _common(one: str, other: str) -> int:
    """How many letters two orders share from the left."""
    same = [a == b for a, b in zip(one, other, strict=False)]
    return [*same, False].index(False)


def order(id: str, answer: str = "") -> Shown | Sentence:
    """Show lines to put in order; answer: their letters, "c a b", in the place of the input field."""
    puzzle = find(id)
    if answer:
        return Sentence(puzzle.judge(answer))
    said = f'{puzzle.text()}\ntype letters into the field, or: order("{id}", "{" ".join(list(puzzle.lines)[:3])}")'
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
    """The lines, a field for their letters (Enter tries them), and what is said of it."""
    import ipywidgets as widgets

    field = widgets.Text(description="order", continuous_update=False)
    answer = widgets.HTML()

    def tell(change: Any) -> None:
        try:
            answer.value = as_html(puzzle.judge(change["new"])) if change["new"].strip() else ""
        except Refused as error:
            answer.value = as_html(f"{error.message}: {error.hint}")

    field.observe(tell, "value")
    lines = [f"<div><code>{letter}) {as_html(line)}</code></div>" for letter, line in puzzle.lines.items()]
    return widgets.VBox([widgets.HTML(f"<b>{as_html(puzzle.ask)}</b>{''.join(lines)}"), field, answer])
