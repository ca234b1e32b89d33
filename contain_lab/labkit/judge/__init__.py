"""Ask the judge: start it as a process of its own, wait, and take its answer; the stop button ends both.

A notebook's kernel has a dozen threads and is never to run a student's function; see `judge.process` and `sandbox`. The
judge leads a session of its own, so the interrupt that reaches the kernel's process group does not reach it: the
kernel ends it, and it takes away what it made.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from contain_lab import files
from contain_lab.errors import explain
from contain_lab.image import bootstrap
from contain_lab.labkit.judge.verdict import Verdict
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.table import LABS, Check, Lab, Step, find_check, find_step

PLACE = Path(__file__).resolve().parents[3]
BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from contain_lab.labkit.judge import process; process.main()"
STEP_SECONDS = 5.0  # for one call of a step
PATIENCE = 5.0  # for a judge that was asked to end: on a busy machine it takes a while
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
REASONS = ("; the kernel's reason is the errno name in capitals, "
           "and the manual page of the call says what it means")
SECONDS = 60  # the judge has limits of its own; this one is for a judge that is broken


class Interrupted(KeyboardInterrupt):
    """The stop button, while a step ran; all that a notebook shows of it is the sentence."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def run_check(id: str, package: Path, seconds: float = STEP_SECONDS, seed: str = "") -> Verdict:
    """Judge one check on the steps in a folder, my_runtime or one like it.

    seconds: what one call of a step may take; seed: text from which its names come, "" for random ones.

    Errors: NotFound for an unknown id, Refused where this machine cannot judge, Interrupted, ContainLabError where an
    image that is needed cannot be made.
    """
    lab, check = find_check(id)
    ready_images(lab)
    return _ask({"check": id, "seed": seed, "seconds": seconds}, package, check)


def ready_images(lab: Lab) -> None:
    """Make the images that a lab needs and an ordinary user's store lacks: set-up has made root's."""
    if not files.is_machines_root():
        for need in lab.needs:
            if need.startswith("image "):
                bootstrap.ensure(need.removeprefix("image "))


def try_step(step: Step, package: Path) -> Verdict:
    """Call a step once, with the arguments that the table has as an example; values: what the kernel showed.

    Errors: as run_check.
    """
    check = next(check for lab in LABS for check in lab.checks if step.name in check.steps)
    asked = {"check": check.id, "step": step.name, "args": list(step.example), "seed": "",
             "seconds": STEP_SECONDS}
    return _ask(asked, package, Check(check.id, 0, (step.name,)))


def _ask(request: dict[str, Any], package: Path, check: Check) -> Verdict:
    modules = {name: find_step(name)[1].module for name in check.steps}
    request |= {"package": str(package.absolute()), "steps": modules, "parent": os.getpid(),
                "path": [place for place in sys.path if place.endswith("-packages")]}
    began = time.monotonic()
    told = run_judge(json.dumps(request))
    if "trouble" in told:
        raise Refused(f"{check.id}: {told['trouble']}", told["hint"])
    values = told_values(told["values"], package, check)
    return Verdict(check.id, told["passed"], told["message"], values, told["output"],
                   round((time.monotonic() - began) * 1000))


def run_judge(request: str) -> dict[str, Any]:
    """Start a judge with a request, and wait for its answer. Errors: Refused when none comes, Interrupted."""
    command = [os.path.realpath(sys.executable), "-IS", "-c", BOOT, str(PLACE)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True, env=environment())
    try:
        out, err = process.communicate(request, timeout=SECONDS)
    except KeyboardInterrupt:
        raise Interrupted("interrupted: your step was ended, and nothing of it lives on") from None
    finally:
        end(process)
    try:
        return dict(json.loads(out))
    except ValueError:
        last = (err.strip().splitlines() or ["nothing"])[-1]
        raise Refused(f"the judge ended with {process.returncode} and gave no verdict: {last}",
                      "run the cell again; if it stays so, contain-lab doctor says what this machine offers") from None


def environment() -> dict[str, str]:
    """What a judge, and so a student's step, gets of our environment: a password in it is nobody's business."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("CONTAIN_LAB_")}
    return {**kept, "CONTAIN_LAB_DATA": files.data_dir()}  # in a user namespace of its own it could not tell


def end(process: subprocess.Popen[str]) -> None:
    """See that a judge ends: it is asked to, and it is killed when it does not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


def told_values(values: dict[str, Any], package: Path, check: Check) -> dict[str, Any]:
    """The values of a message, with those that every message may use: step, file, error, line, lines."""
    step = str(values.get("step") or check.steps[0])
    room = find_step(step if step in check.steps else check.steps[0])[1].room
    frames = [tuple(frame) for frame in values.get("frames") or []]
    name = frames[-1][0] if frames else f"{room}.py"
    kind, said = str(values.get("raised") or ""), str(values.get("said") or "")
    error = said if kind in ("SyntaxError", "Unloadable") else f"{kind}: {said}".rstrip(": ")
    file, line = f"{package.name}/{name}", frames[-1][1] if frames else 0
    return {**values, "step": step, "file": file, "error": error, "line": line, "lines": source_lines(package, frames),
            "reasons": REASONS if values.get("errno") else "",
            "place": f"line {line} of {file}, and the manual page of what it calls" if frames else called_as(step)}


def called_as(step: str) -> str:
    """Where to look when no line of the step has run: its first one, as it is wanted."""
    ours = inspect.signature(getattr(importlib.import_module(find_step(step)[1].module), step))
    plain = ours.replace(parameters=[each.replace(annotation=each.empty) for each in ours.parameters.values()],
                         return_annotation=ours.empty)
    return f"the first line of {step}: `def {step}{plain}:` is wanted, and no line below it has run"


def source_lines(package: Path, frames: list[tuple[Any, ...]]) -> list[str]:
    """Frames as a traceback shows them, with the line of the file."""
    found = []
    for name, number, function in frames:
        found.append(f"{package.name}/{name}, line {number}" + (f", in {function}" if function else ""))
        try:
            lines = (package / str(name)).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            found.append(f"    ({explain(error)[0]})")
            continue
        found += [f"    {lines[number - 1].strip()}"] if 0 < number <= len(lines) else []
    return found
