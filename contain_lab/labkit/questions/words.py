"""What the labs ask, as data: content/NN.toml, edited and translated without touching code.

[predict.ID]     ask, choices, right (a letter), because
[order.ID]       ask, lines (in the right order), why (one a line: what is lacking without it), orders (others that
                 are right, as numbers from 1), spare (line and why of those that do not belong)
[[recall]]       ask, choices (the first is right), because; numbers: what fills the {gaps} (see `recalls`);
                 those of content/recall.toml say their lab
"""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

from contain_lab.labkit.sentence import Refused

CONTENT = Path(__file__).parents[1] / "content"


@functools.cache
def read(number: str) -> dict[str, Any]:
    """The words of a lab, {} where it has none. Errors: tomllib's, for a damaged file."""
    path = CONTENT / f"{number}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def numbers() -> list[str]:
    """The numbers of the labs that have words, in order."""
    return sorted(path.stem for path in CONTENT.glob("[0-9][0-9].toml"))


def recalls(number: str) -> list[dict[str, Any]]:
    """The Recall questions on what a lab teaches: its own, and those of content/recall.toml."""
    return [*read(number).get("recall", []), *(each for each in read("recall")["recall"] if each["lab"] == number)]


def find(kind: str, id: str) -> dict[str, Any]:
    """The entry of this id, whichever lab it belongs to. Errors: Refused, with the ids that there are."""
    known = {name: entry for number in numbers() for name, entry in read(number).get(kind, {}).items()}
    if id not in known:
        raise Refused(f"{kind} {id!r}: there is none of this name", f"there are {', '.join(sorted(known))}")
    return dict(known[id])
