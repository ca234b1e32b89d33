"""The choices of a question in the page: radio buttons, each answered here. choice.js draws them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

HERE = Path(__file__).parent


class ChoiceWidget(anywidget.AnyWidget):
    """choices: [letter, choice] each; letter: of the one that is chosen, "" for none."""

    _esm = HERE / "choice.js"
    _css = HERE / "choice.css"
    ask = traitlets.Unicode().tag(sync=True)
    choices: traitlets.List[list[str]] = traitlets.List().tag(sync=True)
    letter = traitlets.Unicode().tag(sync=True)


def make(ask: str, choices: dict[str, str], chosen: Callable[[str], str], letter: str = "") -> Any:
    """The widget; chosen(letter) is called at each choice, what it returns is shown."""
    widget = ChoiceWidget(ask=ask, choices=[[each, words] for each, words in choices.items()], letter=letter)

    def answer(_: object, content: dict[str, str], __: object) -> None:
        widget.send({"said": chosen(content["letter"])})

    widget.on_msg(answer)
    return widget
