"""The timeline of a start: each step with the system calls that it made, when, for how long.

`contain-lab run --trace=FILE` writes an event for each step and each call (see `contain_lab.trace`). Parent and child
go on at the same time after the clone. A step that is called several times in a row is one line: "mask_path ×11".
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contain_lab.labkit.pictures import EDGE, FAINT, INK, MONO, SHADES, Picture, box, card, manual, text
from contain_lab.labkit.sentence import Refused

SIDES = {"parent": (SHADES[2], "#8a5200"), "child": (SHADES[1], "#0b4a8f")}    # a step's fill, a call's
NAME, CHART, RULER, TOP, ROW, LETTER = 66, 248, 240, 74, 21, 6.7
MOST = 42    # characters of calls in a line
SECONDS = 20


@dataclass(slots=True)
class Span:
    """A step, or the same several times in a row; at, end: µs since the start; us: what it took in all."""

    side: str
    name: str
    at: float
    end: float
    us: float
    times: int = 1
    calls: list[dict[str, Any]] = field(default_factory=list)

    def words(self) -> str:
        """The step's name, and how often it was called."""
        return self.name if self.times == 1 else f"{self.name} ×{self.times}"

    def manuals(self) -> dict[str, int]:
        """The manual page of each call in it, and how often it was called, in the order of the first."""
        found: dict[str, int] = {}
        for call in self.calls:
            found[call["man"]] = found.get(call["man"], 0) + 1
        return found


def timeline(*words: str) -> Picture:
    """Start a container with `contain-lab run --rm WORDS`, and draw what its start was made of.

    words: options, an image and a command: timeline("busybox", "true"). Errors: Refused with what the run said.
    """
    spans = read(record(words))
    title = f"The start of: contain-lab run --rm {' '.join(words)}"
    return Picture(_draw(title, spans), _write(title, spans))


def record(words: tuple[str, ...]) -> list[dict[str, Any]]:
    """The events of a start. Errors: Refused."""
    command = str(Path(sys.executable).with_name("contain-lab"))
    with tempfile.NamedTemporaryFile(prefix="cl-timeline-") as file:
        done = subprocess.run([command, "run", "--rm", f"--trace={file.name}", *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        events = [json.loads(line) for line in Path(file.name).read_text().splitlines()]
    if not any("call" not in event for event in events):
        raise Refused(f"timeline: {done.stderr.strip() or 'no step ran'}")
    return events


def read(events: list[dict[str, Any]]) -> list[Span]:
    """The steps in the order of their beginnings, with their calls."""
    parent = events[0]["pid"]
    spans: list[Span] = []
    last: dict[str, Span] = {}
    for event, calls in sorted(_with_calls(events), key=lambda each: float(each[0]["at"])):
        side = "parent" if event["pid"] == parent else "child"
        name, end = event["step"].rpartition(".")[2], event["at"] + event["us"]
        if side in last and last[side].name == name:
            before = last[side]
            before.end, before.us, before.times = end, before.us + event["us"], before.times + 1
            before.calls += calls
        else:
            last[side] = Span(side, name, event["at"], end, event["us"], 1, calls)
            spans.append(last[side])
    return spans


def _with_calls(events: list[dict[str, Any]]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each step's event with those of its calls: they come before it, because an event is written at its end."""
    pending: dict[tuple[int, str], list[dict[str, Any]]] = {}
    found = []
    for event in events:
        calls = pending.setdefault((event["pid"], event["step"]), [])
        if "call" in event:
            calls.append(event)
        else:
            found.append((event, pending.pop((event["pid"], event["step"]))))
    return found


def _write(title: str, spans: list[Span]) -> str:
    lines = [title, f"the steps took {max(span.end for span in spans):.0f} µs"]
    for side in SIDES:
        lines.append(side)
        for span in (span for span in spans if span.side == side):
            calls = ", ".join(_counted(*each) for each in span.manuals().items())
            lines.append(f"  {span.words()}: {span.us:.0f} µs{f', {calls}' if calls else ''}")
    return "\n".join(lines)


def _counted(man: str, times: int) -> str:
    return man if times == 1 else f"{man} ×{times}"


# ---- the drawing

def _draw(title: str, spans: list[Span]) -> str:
    whole, bottom = max(span.end for span in spans), TOP + ROW * len(spans)
    width = CHART + RULER + 80 + int(LETTER * MOST) + 24
    parts = [text(14, 26, title, 15, bold=True), *_axis(whole, bottom)]
    for at, span in enumerate(spans):
        parts += _row(span, TOP + ROW * at, RULER / whole)
    parts += _legend(bottom + 12)
    return card(width, bottom + 42, title, _write(title, spans), parts, role="group")


def _axis(whole: float, bottom: float) -> list[str]:
    """Times at the top, and a line down from each."""
    step = next(each for power in range(8) for each in (10 ** power, 2 * 10 ** power, 5 * 10 ** power)
                if whole / each <= 5)
    parts = [text(14, TOP - 10, "side", 12, FAINT), text(NAME, TOP - 10, "step", 12, FAINT),
             text(CHART + RULER + 72, TOP - 10, "µs", 12, FAINT, anchor="end"),
             text(CHART + RULER + 86, TOP - 10, "system calls", 12, FAINT)]
    for tick in range(0, int(whole) + 1, step):
        x = CHART + tick * RULER / whole
        parts += [f"<path d='M{x:.1f} {TOP - 4}V{bottom}' stroke='{EDGE}' stroke-width='0.7'/>",
                  text(round(x, 1), TOP - 10, f"{tick}", 11, FAINT, anchor="middle")]
    return parts


def _row(span: Span, y: float, scale: float) -> list[str]:
    fill, dark = SIDES[span.side]
    left, wide = round(CHART + span.at * scale, 1), round(max(2, (span.end - span.at) * scale), 1)
    parts = [text(14, y + 15, span.side, 11, FAINT), text(NAME, y + 15, span.words(), 11, INK, MONO),
             box(left, y + 3, wide, ROW - 6, fill, dark, 1)]
    for call in span.calls:
        parts.append(box(round(CHART + call["at"] * scale, 1), y + 6, round(max(1, call["us"] * scale), 1), ROW - 12,
                         dark, round=0))
    parts.append(text(CHART + RULER + 72, y + 15, f"{span.us:.0f}", 11, INK, MONO, anchor="end"))
    return [*parts, *_links(span, CHART + RULER + 86, y + 15)]


def _links(span: Span, x: float, y: float) -> list[str]:
    """Its calls, each a link to its manual page, as many as find place."""
    parts: list[str] = []
    used = 0
    for man, times in span.manuals().items():
        words = _counted(man, times)
        if used + len(words) > MOST - 2:
            return [*parts, text(x + LETTER * used, y, "…", 11, FAINT, MONO)]
        parts.append(f"<a href='{manual(man)}' target='_blank' rel='noopener'>"
                     f"{text(x + LETTER * used, y, words, 11, SIDES['child'][1], MONO)}</a>")
        used += len(words) + 2
    return parts


def _legend(y: float) -> list[str]:
    parts, x = [], 14.0
    for side, (fill, dark) in SIDES.items():
        parts += [box(x, y, 40, ROW - 6, fill, dark, 1), box(x + 12, y + 3, 16, ROW - 12, dark, round=0),
                  text(x + 48, y + 12, f"a step of the {side}, and a call in it", 12, FAINT)]
        x += 300
    return parts
