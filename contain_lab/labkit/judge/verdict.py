"""Verdicts, and the words for them: messages/*.toml, data with stable ids.

A check's message has four parts: what was *saw*, what was *expected*, *why*, and where to *look*. The same words are
given as plain text and as HTML.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from contain_lab.errors import ContainLabError

MESSAGES = Path(__file__).parents[1] / "messages"
EDGE = "padding-left:.6em;border-left:4px solid"
PARTS = ("saw", "expected", "why", "look")


@functools.cache
def messages() -> dict[str, dict[str, Any]]:
    """All messages by id. Errors: tomllib's for a damaged file, ContainLabError for an id that stands twice."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(MESSAGES.glob("*.toml")):
        new = tomllib.loads(path.read_text(encoding="utf-8"))
        if twice := sorted(found.keys() & new.keys()):
            raise ContainLabError(f"{path.name}: {', '.join(twice)}: in another file, too")
        found.update(new)
    return found


@dataclass(frozen=True)
class Verdict:
    """What came of a check: check (its id), passed, message (the id of what is said), values (of its gaps).

    output: what the step printed; ms: milliseconds that the student waited.
    """

    check: str
    passed: bool
    message: str
    values: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    ms: int = 0

    def parts(self) -> dict[str, str]:
        """The sentences, by the name of their part: {"passed": ...}, or saw, expected, why, look."""
        words = messages()[self.message]
        names = ("passed",) if self.passed else PARTS
        return {name: str(words[name]).format_map(self.values) for name in names}

    def lines(self) -> list[str]:
        """The student's own lines that an exception came through, as a traceback shows them."""
        return [str(line) for line in self.values.get("lines", ())]

    @property
    def text(self) -> str:
        """The message as plain text."""
        parts = self.parts()
        if self.passed:
            return f"✓ {self.check}: {parts['passed']}."
        said = [f"✗ {self.check}: not yet", *(f"  {name + ':':<10}{sentence}." for name, sentence in parts.items())]
        return "\n".join([*said, *(f"  {line}" for line in self.lines())])

    @property
    def html(self) -> str:
        """The same words as HTML."""
        parts = {name: escape(sentence) for name, sentence in self.parts().items()}
        check = escape(self.check)
        if self.passed:
            return f'<div style="{EDGE} #2e7d32">✓ <b>{check}</b>: {parts["passed"]}.</div>'
        rows = "".join(f"<dt><b>{name}</b></dt><dd>{sentence}.</dd>" for name, sentence in parts.items())
        lines = "".join(f"{escape(line)}\n" for line in self.lines())
        return (f'<div style="{EDGE} #c62828">✗ <b>{check}</b>: not yet<dl>{rows}</dl>'
                + (f"<pre>{lines}</pre>" if lines else "") + "</div>")

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html
