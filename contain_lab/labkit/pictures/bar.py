"""The picture at the top of a lab, which is drawn again in its place when a step is written or a check passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contain_lab.labkit.pictures import Picture

_shown: Bar | None = None


class Bar(Picture):
    """A picture that can be drawn again; draw: as things stand now. The last one that a notebook showed is kept."""

    def __init__(self, draw: Callable[[], Picture]) -> None:
        self.draw, now = draw, draw()
        self.handle: Any = None
        super().__init__(now.svg, now.text)

    def _ipython_display_(self) -> None:
        """Called by a notebook in the place of _repr_mimebundle_: what has a display id can be changed later."""
        from IPython.display import display

        global _shown
        self.handle = display(self._repr_mimebundle_(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        _shown = self


def redraw() -> None:
    """Draw the bar that the notebook shows as things stand now; nothing where none is shown."""
    if _shown and _shown.handle:
        _shown.handle.update(_shown.draw()._repr_mimebundle_(), raw=True)
