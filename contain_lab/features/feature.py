"""What a probe answers."""

from typing import NamedTuple


class Feature(NamedTuple):
    """name: what labs and tests call it; ok: whether it is here; reason: what was seen; hint: the way out."""

    name: str
    ok: bool
    reason: str
    hint: str = ""
