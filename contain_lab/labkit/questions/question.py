"""A question with choices: as plain text, and as radio buttons (arrow keys move among them).

Nothing that is graded depends on the buttons: every function that shows a question takes the letter, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contain_lab.labkit.sentence import Refused

LETTERS = "abcdefgh"


@dataclass(frozen=True, slots=True)
class Question:
    """right: the letter of the right choice; because: why it is."""

    ask: str
    choices: tuple[str, ...]
    right: str
    because: str

    def letters(self) -> str:
        """The letters of its choices: "abc"."""
        return LETTERS[:len(self.choices)]

    def choice(self, letter: str) -> str:
        """What a letter stands for. Errors: Refused for a letter that no choice has."""
        letter = letter.strip().lower()
        if len(letter) != 1 or letter not in self.letters():
            raise Refused(f"choice {letter!r}: there is none of this letter",
                          f"choices are {', '.join(self.letters())}")
        return self.choices[LETTERS.index(letter)]

    def text(self) -> str:
        """The question and its choices, a line each."""
        return "\n".join([self.ask, *(f"  {letter}) {choice}" for letter, choice
                                      in zip(self.letters(), self.choices, strict=True))])

    def judge(self, letter: str) -> str:
        """A sentence or two on a choice."""
        if self.choice(letter) == self.choice(self.right):
            return f"{letter} is right.\n{self.because}"
        return f"{letter} is not right; {self.right} is: {self.choice(self.right)}\n{self.because}"


def buttons(question: Question, chosen: Callable[[str], str], letter: str = "") -> Any:
    """The question as a widget; chosen(letter) is called at each choice, what it returns is shown."""
    from contain_lab.labkit import page

    return page.choices(question.ask, dict(zip(question.letters(), question.choices, strict=True)), chosen, letter)


class Shown:
    """A widget with a text twin: a notebook that runs shows the widget, any other the text."""

    def __init__(self, text: str, make: Callable[[], Any]) -> None:
        self.text, self.make = text, make

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        made = self.make()._repr_mimebundle_(include=include, exclude=exclude)
        data = made[0] if isinstance(made, tuple) else made    # anywidget gives metadata, too
        return {**data, "text/plain": self.text}
