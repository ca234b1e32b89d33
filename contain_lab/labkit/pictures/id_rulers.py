"""The id maps of a process as two rulers: the ids that it sees inside, and what they are outside.

A line of /proc/PID/uid_map or gid_map says: so many ids, from this one inside, are those from that one outside. What
is in no line has no name inside and is shown as the overflow id. man: user_namespaces(7).

Ranges stand in the order of their numbers, each as wide as its words need: rulers to scale would show one of them.
"Outside" is the user namespace of the notebook: the kernel translates a map for whoever reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contain_lab.labkit.pictures import FAINT, INK, MONO, SHADES, Picture, box, card, text
from contain_lab.labkit.sentence import Refused

KINDS = {"user ids": "uid_map", "group ids": "gid_map"}
LEFT, TALL, GAP, LETTER = 82, 26, 46, 7.5


@dataclass(frozen=True, slots=True)
class Range:
    """A line of a map: count ids, from `inside` and from `outside`."""

    inside: int
    outside: int
    count: int

    def words(self, side: str) -> str:
        """Its ids on one side, "inside" or "outside": the first and the last, or the only one."""
        first: int = getattr(self, side)
        return f"{first}" if self.count == 1 else f"{first}–{first + self.count - 1}"


Maps = dict[str, list[Range]]


def id_maps(pid: int) -> Picture:
    """Draw the maps of a process's user namespace. Errors: Refused for a process that has ended."""
    try:
        maps = {kind: parse(Path(f"/proc/{pid}/{file}").read_text()) for kind, file in KINDS.items()}
        groups = Path(f"/proc/{pid}/setgroups").read_text().strip()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise Refused(f"process {pid} has ended", "start it again, then draw") from error
    overflow = Path("/proc/sys/kernel/overflowuid").read_text().strip()
    foot = [f"an id that is in no range is shown inside as {overflow}", f"setgroups(2) inside: {groups}"]
    return Picture(_draw(maps, foot), _write(maps, foot))


def parse(text: str) -> list[Range]:
    """The ranges of a map, in the order of the ids inside."""
    return sorted((Range(*map(int, line.split())) for line in text.splitlines()), key=lambda each: each.inside)


def _write(maps: Maps, foot: list[str]) -> str:
    lines = ["ids inside and outside"]
    for kind, ranges in maps.items():
        lines.append(f"{kind} ({KINDS[kind]})")
        for each in ranges:
            verb, count = ("is", "1 id") if each.count == 1 else ("are", f"{each.count} ids")
            lines.append(f"  {each.words('inside')} inside {verb} {each.words('outside')} outside ({count})")
        if not ranges:
            lines.append("  no line: nobody has an id inside yet")
    return "\n".join([*lines, *foot])


# ---- the drawing

def _draw(maps: Maps, foot: list[str]) -> str:
    parts, y, wide = [text(14, 26, "Ids inside and outside", 15, bold=True)], 54.0, 420.0
    for kind, ranges in maps.items():
        pieces, end = _rulers(kind, ranges, y)
        parts += pieces
        wide, y = max(wide, end), y + 2 * TALL + GAP + 52
    parts += [text(14, y + 20 * at, words, 12, FAINT) for at, words in enumerate(foot)]
    return card(int(wide) + 14, int(y + 20 * len(foot)), "Ids inside and outside", _write(maps, foot), parts)


def _rulers(kind: str, ranges: list[Range], y: float) -> tuple[list[str], float]:
    """Two rulers with the ranges on them, joined; and where the longer one ends."""
    parts = [text(14, y, f"{kind} ({KINDS[kind]})", 13, INK, bold=True)]
    upper, lower = y + 12, y + 12 + TALL + GAP
    for side, top in (("inside", upper), ("outside", lower)):
        parts.append(text(LEFT - 10, top + 17, side, 12, FAINT, anchor="end"))
    if not ranges:
        return [*parts, text(LEFT, upper + 17, "no line: nobody has an id inside yet", 12, FAINT)], 0.0
    places = {side: _places(ranges, side) for side in ("inside", "outside")}
    for at, each in enumerate(ranges):
        shade = SHADES[at % (len(SHADES) - 1) + 1]
        (a, b), (c, d) = places["inside"][each], places["outside"][each]
        parts.append(f"<path d='M{a:g} {upper + TALL}H{b:g}L{d:g} {lower}H{c:g}Z' fill='{shade}' fill-opacity='0.45'/>")
        for side, top, (left, right) in (("inside", upper, (a, b)), ("outside", lower, (c, d))):
            parts += [box(left, top, right - left, TALL, shade, INK),
                      text((left + right) / 2, top + 17, each.words(side), 12, INK, MONO, anchor="middle")]
    return parts, max(end for each in places.values() for _, end in each.values())


def _places(ranges: list[Range], side: str) -> dict[Range, tuple[float, float]]:
    """Where each range lies on a ruler: in the order of its ids there, with a gap where ids are left out."""
    found: dict[Range, tuple[float, float]] = {}
    x, due = float(LEFT), 0
    for each in sorted(ranges, key=lambda one: int(getattr(one, side))):
        first = int(getattr(each, side))
        x += 0 if first == due else 22
        width = max(len(each.words("inside")), len(each.words("outside"))) * LETTER + 22
        found[each] = (x, x + width)
        x, due = x + width, first + each.count
    return found
