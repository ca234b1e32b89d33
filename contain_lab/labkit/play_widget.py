"""What the playthings in the page have in common: a table beneath something to choose. play.js draws it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

HERE = Path(__file__).parent


class PlayWidget(anywidget.AnyWidget):
    """kind: "namespaces" (boxes to tick) or "start" (a slider); choices: [name, words] each; head: of the table."""

    _esm = HERE / "play.js"
    _css = HERE / "play.css"
    kind = traitlets.Unicode().tag(sync=True)
    choices: traitlets.List[list[str]] = traitlets.List().tag(sync=True)
    head: traitlets.List[str] = traitlets.List().tag(sync=True)


def make(kind: str, head: Sequence[str], answer: Callable[[dict[str, Any]], dict[str, Any]],
         choices: list[list[str]]) -> Any:
    """A plaything; answer: from what was chosen, {"ticked": […]} or {"at": number}, to {"said": …, "rows": […]}."""
    widget = PlayWidget(kind=kind, choices=choices, head=list(head))

    def tell(_: object, content: dict[str, Any], __: object) -> None:
        widget.send(answer(content))

    widget.on_msg(tell)
    return widget
