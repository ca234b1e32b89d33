"""Pictures as SVG with a text twin. A picture brings its own paper, for light and dark pages.

Colour never says anything alone: what it says is written beside it, and in the twin. Sizes are in pixels.
JupyterLab shows SVG as an image without a name and without links, so a picture comes as HTML: the drawing in
the page, where a screen reader finds its title, and its words below it, folded.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

INK, FAINT, PAPER, EDGE = "#1b1f24", "#59636e", "#ffffff", "#c8ccd4"
MINE, YOURS, OURS = "#0b6e4f", "#b35900", "#eef0f3"
# fills on which INK is read well (contrast above 7); the first is for what is the host's
SHADES = ("#e3e6ea", "#9ecbff", "#ffd479", "#a6e3a1", "#f5b8d0", "#cdb8f5")
SMALLEST = 560    # narrower, and words are too small to be read
SANS = "font-family='DejaVu Sans, Verdana, sans-serif'"
MONO = "font-family='DejaVu Sans Mono, Menlo, monospace'"


class Picture:
    """What a notebook shows: the drawing, and the same in words for who cannot see it (print it)."""

    def __init__(self, svg: str, text: str) -> None:
        self.svg, self.text = svg, text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.text}

    def html(self) -> str:
        """The drawing, which a narrow window scrolls, and below it the same in words, manual pages as links."""
        words = re.sub(r"\b[a-z]\w+\(\d\)", lambda found: f"<a href='{manual(found[0])}' target='_blank' "
                       f"rel='noopener'>{found[0]}</a>", escape(self.text))
        return (f"<figure style='margin:4px 0;overflow-x:auto'>{self.svg}</figure>\n"
                f"<details><summary>the same in words</summary><pre>{words}</pre></details>")


def manual(page: str) -> str:
    """Where the web has a manual page: "mount(2)"."""
    name, _, section = page.rstrip(")").partition("(")
    return f"https://man7.org/linux/man-pages/man{section}/{name}.{section}.html"


def card(width: int, height: int, title: str, description: str, parts: list[str], role: str = "img") -> str:
    """A whole SVG: parts on a card, with title and description for screen readers; role: "group" if it holds links."""
    inside = "\n".join(parts)
    return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
            f"viewBox='0 0 {width} {height}' role='{role}' aria-label='{escape(title)}' "
            f"style='max-width:100%;min-width:{min(width, SMALLEST)}px;height:auto'>\n"
            f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n"
            f"{box(0.5, 0.5, width - 1, height - 1, PAPER, EDGE, 8)}\n{inside}\n</svg>")


def box(x: float, y: float, width: float, height: float, fill: str, edge: str = "none", round: int = 4,
        dashed: bool = False) -> str:
    """A rectangle."""
    dash = " stroke-dasharray='4 3' stroke-width='1.5'" if dashed else ""
    return (f"<rect x='{x:g}' y='{y:g}' width='{width:g}' height='{height:g}' rx='{round}' "
            f"fill='{fill}' stroke='{edge}'{dash}/>")


def text(x: float, y: float, words: str, size: int = 13, fill: str = INK, font: str = SANS,
         bold: bool = False, anchor: str = "start") -> str:
    """A line of text; y: its base line."""
    weight = " font-weight='bold'" if bold else ""
    return (f"<text x='{x:g}' y='{y:g}' font-size='{size}' fill='{fill}' text-anchor='{anchor}' "
            f"{font}{weight}>{escape(words)}</text>")
