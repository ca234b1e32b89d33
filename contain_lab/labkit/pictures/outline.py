"""A tree as a picture: a line each, indented below its parent, with columns to its right.

The lines come in the order of the drawing, a parent before its children; depth says how far each is indented.
"""

from __future__ import annotations

from dataclasses import dataclass

from contain_lab.labkit.pictures import EDGE, FAINT, INK, MONO, SANS, box, card, text

TOP, ROW, INDENT, LETTER = 66, 26, 18, 7.3


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a column; shade: the fill of a box around it, "" for none."""

    words: str
    shade: str = ""
    font: str = SANS


@dataclass(frozen=True, slots=True)
class Line:
    """A node of the tree; strong: what the student asked for."""

    depth: int
    words: str
    cells: tuple[Cell, ...]
    strong: bool = False


def draw(title: str, description: str, columns: dict[str, int], lines: list[Line], foot: list[str]) -> str:
    """The whole drawing; columns: {head: width in pixels}, the first is the tree's own; foot: lines below it."""
    first, *heads = columns
    need = max((INDENT * line.depth + LETTER * len(line.words) for line in lines), default=0) + 34
    starts = [max(columns[first], need)]
    for head in heads:
        starts.append(starts[-1] + columns[head])
    width, height = int(starts[-1]) + 14, TOP + ROW * len(lines) + 20 * len(foot) + 18
    parts = [text(14, 26, title, 15, bold=True), text(16, TOP - 9, first, 12, FAINT)]
    parts += [text(x + 8, TOP - 9, head, 12, FAINT) for x, head in zip(starts, heads, strict=False)]
    parts += [piece for at, line in enumerate(lines) for piece in _line(line, at, starts)]
    parts += _branches([line.depth for line in lines])
    parts += [text(14, TOP + ROW * len(lines) + 20 * at + 20, words, 12, FAINT) for at, words in enumerate(foot)]
    return card(width, height, title, description, parts)


def _line(line: Line, at: int, starts: list[float]) -> list[str]:
    y = TOP + ROW * at
    parts = [text(18 + INDENT * line.depth, y + 17, line.words, 12, INK, MONO, bold=line.strong)]
    for cell, x, end in zip(line.cells, starts, starts[1:], strict=False):
        if cell.shade:
            parts.append(box(x + 2, y + 2, end - x - 6, ROW - 4, cell.shade))
        parts.append(text(x + 8, y + 17, cell.words, 12, INK, cell.font))
    return parts


def _branches(depths: list[int]) -> list[str]:
    """A line from each node up to its parent: the last one above it that is less deep."""
    found = []
    for at, depth in enumerate(depths):
        parent = next((above for above in range(at - 1, -1, -1) if depths[above] < depth), None)
        if parent is not None:
            x = 24 + INDENT * depths[parent]
            found.append(f"<path d='M{x} {TOP + ROW * parent + 22}V{TOP + ROW * at + 13}H{14 + INDENT * depth}' "
                         f"fill='none' stroke='{EDGE}' stroke-width='1.5'/>")
    return found
