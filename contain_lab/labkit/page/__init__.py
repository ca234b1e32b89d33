"""What students use in the page of a notebook: choices, lines to put in order, playthings.

Each is a script and a style sheet here, behind common.js and common.css. A script draws what is `given`, keeps what a
student has `chosen`, so that a page that is drawn again shows it, and sends a message; `answer` makes the reply.
Nothing is fetched from anywhere, and nothing that is graded depends on a page: every one has a form as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

HERE = Path(__file__).parent

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def _read(name: str) -> str:
    return "".join((HERE / each).read_text(encoding="utf-8") for each in (f"common{Path(name).suffix}", name))


class Page(anywidget.AnyWidget):
    """given: what the script draws; chosen: letters, as the student has them now; answer: from a message to a reply."""

    given: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)

    def __init__(self, answer: Answer, chosen: str = "", **given: Any) -> None:
        super().__init__(given=given, chosen=chosen)
        self.on_msg(lambda _, content, __: self.send(answer(content)))


class Choices(Page):
    """Radio buttons. Sent: {letter}; replied: {said}."""

    _esm, _css = _read("choice.js"), _read("choice.css")


class Lines(Page):
    """Lines that are moved, and a button. Sent: {order}; replied: {right, said}."""

    _esm, _css = _read("order.js"), _read("order.css")


class Plaything(Page):
    """Boxes to tick and a button, or a slider; beneath, a table. Sent: {ticked} or {at}; replied: {said, rows}."""

    _esm, _css = _read("play.js"), _read("play.css")


def choices(ask: str, choices: dict[str, str], chosen: Callable[[str], str], letter: str = "") -> Page:
    """A question; chosen(letter) is called at each choice, what it returns is shown."""
    return Choices(lambda sent: {"said": chosen(sent["letter"])}, letter, ask=ask, choices=list(choices.items()))


def lines(ask: str, lines: dict[str, str], judge: Callable[[str], tuple[bool, str]]) -> Page:
    """Lines to order; judge(letters) is asked when the button is pressed: whether they are right, and what is said."""
    def answer(sent: dict[str, Any]) -> dict[str, Any]:
        right, said = judge(sent["order"])
        return {"right": right, "said": said}

    return Lines(answer, "".join(lines), ask=ask, lines=list(lines.items()))


def boxes(head: Sequence[str], choices: Sequence[Sequence[str]], answer: Answer) -> Page:
    """Boxes to tick, [name, words] each, and a table with this head."""
    return Plaything(answer, kind="boxes", head=list(head), choices=list(choices))


def slider(head: Sequence[str], stops: Sequence[Sequence[str]], answer: Answer) -> Page:
    """A slider with stops, [name, words] each, and a table with this head."""
    return Plaything(answer, kind="slider", head=list(head), choices=list(stops))
