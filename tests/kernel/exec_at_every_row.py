"""As at_every_row.py, at every row of an `exec` into a container that goes on running meanwhile.

    exec_at_every_row.py skip|fail|kill

A line of JSON for each: step, number, side, code, err, extra (processes that are left beside the container's own),
status (of the container).
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import at_every_row
from at_every_row import MARK, OCI, STATE

from contain_lab import steps
from contain_lab.container import attach, entering, state, verbs
from contain_lab.container.entering import Entry


def up() -> dict[str, Any]:
    """A container that runs; its config, with what is to be run in it."""
    plan = at_every_row.prepare("kill-create")
    plan.config["process"].update(args=["sleep", "100"], env=["PATH=/bin", f"CL_TEST_MARK={MARK}"])
    ours, null = [os.dup(stream) for stream in (1, 2)], os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(null, stream)  # a pipe that the container has open would not come to its end
    try:
        verbs.create(OCI, "x", plan.config, STATE)
    finally:
        for stream, own in zip((1, 2), ours, strict=True):
            os.dup2(own, stream)
    verbs.start(OCI, "x")
    rlimits = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
    return {**plan.config, "process": {**plan.config["process"], "args": ["true"], "rlimits": rlimits}}


def entry(config: dict[str, Any]) -> Entry:
    kept = state.read_state(OCI, "x")
    return Entry(kept, config, entering.foreign_kinds(kept["pid"]))


def places(how: str, plan: Entry) -> Iterator[tuple[str, int, str]]:
    """(step, which of its calls, who is killed)."""
    child = [steps.full_name(row[0], row[1]) for row in [*plan.between, *plan.alone, *plan.inside]]
    here = [steps.full_name(row[0], row[1]) for row in plan.beside]
    if how != "kill":
        yield from ((name, 1, "self") for name in dict.fromkeys(here + child))
        return
    for names, sides in ((here, ("self",)), (child, ("self", "parent"))):
        for at, name in enumerate(names):
            yield from ((name, names[:at + 1].count(name), side) for side in sides)


def do(how: str, config: dict[str, Any], step: str, number: int, side: str) -> int:
    rows = entry(config).rows()
    if how == "skip":
        steps.skip(rows, step)
    elif how == "fail":
        steps.fail(rows, step, 5)
    else:
        at_every_row.kill_at(entry(config), step, number, side)
    front = attach.Foreground(False)
    return entering.run_inside(OCI, "x", config, front.serve, front.socket, front.loop)


def one(how: str, config: dict[str, Any], step: str, number: int, side: str) -> dict[str, object]:
    """Do it in a child process, and look at what is left."""
    code, said = at_every_row.in_a_child(lambda: do(how, config, step, number, side))
    kept = state.read_state(OCI, "x")
    return {"step": step, "number": number, "side": side, "code": code, "err": said, "extra": extra(kept["pid"]),
            "status": state.status(OCI, kept)}


def extra(first: int) -> list[int]:
    """Processes with our mark that are not the container's first; a killed one gets a moment to end."""
    for _ in range(300):
        if at_every_row.processes() == [first]:
            return []
        time.sleep(0.01)
    return [pid for pid in at_every_row.processes() if pid != first]


if __name__ == "__main__":
    asked = up()
    try:
        for place in places(sys.argv[1], entry(asked)):
            print(json.dumps(one(sys.argv[1], asked, *place)), flush=True)
    finally:
        verbs.delete(OCI, "x", force=True)
