"""`hint("uts.hostname")` in a cell: four steps, each call the next. question, concept, place to look, almost code."""

from __future__ import annotations

from contain_lab.errors import NotFound
from contain_lab.labkit.judge.verdict import messages
from contain_lab.labkit.sentence import Refused, Sentence
from contain_lab.labkit.table import find_check

NAMES = ("a question", "the concept", "where to look", "almost code")
_given: dict[str, int] = {}  # how many hints of a check were given in this kernel


def hint(id: str, step: int = 0) -> Sentence:
    """A hint of a check: the next one, or the one of this number (1 to 4). Errors: Refused."""
    try:
        find_check(id)
    except NotFound as error:
        raise Refused(error.message, error.hint) from None
    hints = messages()[id]["hints"]
    if step not in range(len(hints) + 1):
        raise Refused(f"hint {step} of {id}: there is none of this number", f"1 to {len(hints)}")
    number = step or _given.get(id, 0) % len(hints) + 1
    _given[id] = number
    more = "" if number == len(hints) else f'\nThe next one: hint("{id}")'
    return Sentence(f"Hint {number} of {len(hints)}, {NAMES[number - 1]}: {hints[number - 1]}{more}")
