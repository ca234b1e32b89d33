"""Play: a slider through the steps of a start, and what the container's process has become after each.

    play_start()                          the slider
    play_start("pivot_into_rootfs")       the same table as text

A container is started once, and the state after each step is recorded (`play.states`). `contain-lab run --break STEP`
stops at the same places, with a shell. What differs between machines is said in words, not numbers.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contain_lab.labkit.questions.question import Shown
from contain_lab.labkit.sentence import Refused, Sentence

HEAD = ("", "before the step", "after the step")
SECONDS = 20

Row = tuple[str, str, str]
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stop:
    """A step: its name, its arguments, and the rows that tell what it has changed."""

    step: str
    args: str
    rows: list[Row]


def play_start(step: str = "") -> Shown | Sentence:
    """A slider through the start of a container; step: its name, for the table after it as text.

    Errors: Refused for a step that the start does not have.
    """
    if not step:
        said = ("Go through the steps of a start, and see what the process becomes.\n"
                'in text: play_start("pivot_into_rootfs"), or the name of another step')
        return Shown(said, _widget)
    stops = record("busybox", "true")
    names = list(dict.fromkeys(stop.step for stop in stops))
    if step not in names:
        raise Refused(f"play_start {step!r}: the start has no such step", f"steps are {', '.join(names)}")
    return Sentence(as_text(next(stop for stop in stops if stop.step == step)))


def record(*words: str) -> list[Stop]:
    """Start a container, and tell of each step what it changed; words: an image and a command. Errors: Refused."""
    with tempfile.NamedTemporaryFile(prefix="cl-start-") as file:
        done = subprocess.run([sys.executable, "-m", "contain_lab.labkit.play.states", file.name, *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS)
        first, *rest = [json.loads(line) for line in Path(file.name).read_text().splitlines()] or [None]
    if not rest:
        raise Refused(f"play_start: {done.stderr.strip().splitlines()[-1] if done.stderr else 'no step ran'}")
    return stops(first[2], rest)


def stops(first: State, events: list[tuple[str, str, State | None]]) -> list[Stop]:
    """Each step with its table; a step of the parent changes nothing in the child, whose state is not with it."""
    found, before = [], said(first, first)
    told = {step for step, _, state in events if state}
    for step, args, state in events:
        if not state and step in told:    # the parent's word on a step that the child tells of: the clone
            continue
        after = said(first, state) if state else before
        shown = re.sub(r"/var/lib/contain_lab/containers/[^/\"]+/root", "ROOT", args)
        found.append(Stop(step, shown if len(shown) < 70 else f"{shown[:67]}…",
                          [(what, before[what], after[what]) for what in before]))
        before = after
    return found


def said(first: State, state: State) -> dict[str, str]:
    """A state in words; first: the one in which the runtime was started."""
    own = [kind for kind, link in state["namespaces"].items() if link != first["namespaces"][kind]]
    return {
        "namespaces of its own": " ".join(own) or "none",
        "host name": "the machine's" if state["host name"] == first["host name"] else state["host name"],
        "root": "the host's" if state["root"] == first["root"] else "the container's",
        "mounts of the container": _short(_mounts(first, state)),
        "folder": "where it was started" if state["folder"] == first["folder"] else state["folder"],
        "user id": "0" if state["uid"] == "0" else state["uid"],
        "capabilities": _count(first, state, "capabilities"),
        "bounding set (what it may ever have)": _count(first, state, "bounding"),
        "no_new_privs": "on" if state["no_new_privs"] == "1" else "off",
        "seccomp": "off" if state["seccomp"] == "0" else "a filter",
    }


def _count(first: State, state: State, what: str) -> str:
    return "all" if state[what] == first[what] else str(state[what])


def _mounts(first: State, state: State) -> list[str]:
    """Where the container's mounts lie, as the container will see it."""
    if state["root"] != first["root"]:
        return list(state["mounts"])
    root = state["below"]
    return [point.removeprefix(root) or "/" for point in state["mounts"]
            if root and f"{point}/".startswith(f"{root}/")]


def _short(points: list[str]) -> str:
    return " ".join(points) or "none" if len(points) < 6 else f"{len(points)}, the last: {points[-1]}"


def as_text(stop: Stop) -> str:
    """The state after a step, a line each; a star and the state before, where the step has changed it."""
    lines = [f"  {what}: {after}" if before == after else f"* {what}: {after} (before: {before})"
             for what, before, after in stop.rows]
    return "\n".join([f"after {stop.step}", *lines])


def _widget() -> Any:
    from contain_lab.labkit import page

    all_stops = record("busybox", "true")

    def answer(content: dict[str, Any]) -> dict[str, Any]:
        stop = all_stops[content["at"]]
        changed = [what for what, before, after in stop.rows if before != after]
        return {"said": f"{stop.step} changes: {', '.join(changed) or 'nothing of these'}.", "rows": stop.rows}

    return page.slider(HEAD, [(stop.step, stop.args) for stop in all_stops], answer)
