"""What a cell shows as plain sentences: as its value, or as an error without a traceback of ours."""

from __future__ import annotations

import textwrap

from contain_lab.errors import ContainLabError

WIDTH = 100  # characters; a notebook cuts longer lines within a word


class Sentence:
    """A text that a notebook shows as it is: the value of a cell's last expression."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "\n".join(textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)
                         if len(line) > WIDTH else line for line in self.text.split("\n"))


class Refused(ContainLabError):
    """An error whose lines are all that a notebook shows of it (IPython asks for _render_traceback_)."""

    def _render_traceback_(self) -> list[str]:
        return [self.message, *([f"hint: {self.hint}"] if self.hint else [])]
