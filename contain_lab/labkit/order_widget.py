"""The lines of an Order cell in the page: moved by dragging or by keys, judged here. order.js says how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

HERE = Path(__file__).parent


class OrderWidget(anywidget.AnyWidget):
    """lines: [letter, line] each; order: the letters above the dashed line, as the student has them now."""

    _esm = HERE / "order.js"
    _css = HERE / "order.css"
    ask = traitlets.Unicode().tag(sync=True)
    lines: traitlets.List[list[str]] = traitlets.List().tag(sync=True)
    order = traitlets.Unicode().tag(sync=True)


def make(ask: str, lines: dict[str, str], judge: Callable[[str], tuple[bool, str]]) -> Any:
    """The widget; judge(letters) is asked when the button is pressed: whether they are right, and what is said."""
    widget = OrderWidget(ask=ask, lines=[[letter, line] for letter, line in lines.items()], order="".join(lines))

    def answer(_: object, content: dict[str, str], __: object) -> None:
        right, said = judge(content["order"])
        widget.send({"right": right, "said": said})

    widget.on_msg(answer)
    return widget
