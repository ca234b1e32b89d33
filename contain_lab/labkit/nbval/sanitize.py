"""What two runs of a notebook may differ in: the rules of sanitize.cfg, applied as nbval 0.11.0 applies them.

The generator compares with them, nbval is given the same file, so an output that a rebuild keeps is one that
nbval takes. Invariant: every rule of the file is one that nbval sees (it passes over a rule with a blank line
between its two lines, or with nothing after "replace:", without a word).
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from contain_lab.errors import ContainLabError

RULES = Path(__file__).with_name("sanitize.cfg")
_RULE = re.compile(r"^regex: (.*)$\n^replace: (.*)$", re.MULTILINE)    # nbval.plugin.get_sanitize_patterns


@functools.cache
def rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The pairs (pattern, replacement) in order. Errors: ContainLabError for one that nbval does not see."""
    text = RULES.read_text(encoding="utf-8")
    found = tuple((re.compile(pattern), replacement) for pattern, replacement in _RULE.findall(text))
    written = len(re.findall(r"^\s*(?:regex|replace)\b", text, re.MULTILINE))
    if written != 2 * len(found):
        raise ContainLabError(f"{RULES.name}: {written} lines make {len(found)} rules",
                              hint="a rule is a line 'regex: ...' and, directly below it, 'replace: ...'")
    return found


def sanitize(text: str) -> str:
    """A text with everything replaced that differs between two runs."""
    for pattern, replacement in rules():
        text = pattern.sub(replacement, text)
    return text
