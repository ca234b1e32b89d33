"""`%%build ROOM`: write the steps of a cell into my_runtime/<room>.py, and try each once, in the sandbox.

    %%build namespaces
    from contain_lab import syscalls

    def set_hostname(name): ...

The cell is the source: it is never executed in the notebook's kernel. What is printed is what the kernel showed, in
lines that are the same in every run; what goes wrong is an error that shows the student's own lines and a sentence.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Sequence
from typing import Any

from contain_lab.labkit import judge
from contain_lab.labkit.judge.verdict import Verdict
from contain_lab.labkit.pictures import bar
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.standing import is_stub
from contain_lab.labkit.table import LABS, Lab, Step
from contain_lab.labkit.workspace import Workspace
from contain_lab.steps import shown

UNSEEN = "(no call of contain_lab.syscalls is among them: files, sockets and ioctl are not recorded)"
BELOW = "\n" + " " * 14
unaccepted: set[str] = set()  # steps whose last cell was refused


class NotYet(Refused):
    """A step that was written, and did not do its work when it was tried."""


def load_ipython_extension(shell: Any) -> None:
    """Make %%build known: `%load_ext contain_lab.labkit.build`, or `begin`."""
    shell.register_magic_function(build, "cell", "build")


def build(line: str, cell: str) -> None:
    """Write the steps of a cell, and try them. Errors: Refused, NotYet, Interrupted; each shows its sentence alone."""
    named = set(re.findall(r"^def (\w+)", cell, re.MULTILINE))
    unaccepted.update(named)
    take(line.strip(), cell)
    unaccepted.difference_update(named)


def take(room: str, cell: str) -> None:
    """Write and try the steps of a cell. Errors: as `build`."""
    steps = steps_of(room)
    tree = parse_cell(cell)
    workspace = Workspace()
    written = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    refuse_strangers(written, room)
    mine = [node for node in written if node.name in steps]
    if not mine:
        raise Refused(f"this cell defines no step of {room}: a function of one of these names is due: "
                      f"{', '.join(steps)}",
                      borrowed(tree, steps) or "the first line of the function is `def NAME(…):`")
    for function in written:
        lab, step = steps.get(function.name, (None, None))
        if is_stub(function):
            unaccepted.discard(function.name)
            say(f"{function.name} is not written yet: {what_to_write(function)}.")
            continue
        number = (lab or steps[mine[0].name][0]).number
        workspace.write_step(tree, cell, function, room, number)
        unaccepted.discard(function.name)
        bar.redraw()
        if step:
            attempt(step, workspace)


def steps_of(room: str) -> dict[str, tuple[Lab, Step]]:
    """The steps that labs build in a room: {name: (lab, step)}. Errors: Refused for another room."""
    found = {step.name: (lab, step) for lab in LABS for step in lab.steps if step.room == room}
    if not found:
        rooms = dict.fromkeys(step.room for lab in LABS for step in lab.steps)
        raise Refused(f"%%build {room}: there is no such room".replace("  ", " "), f"%%build {', '.join(rooms)}")
    return found


def refuse_strangers(written: list[ast.FunctionDef], room: str) -> None:
    """Errors: Refused for a step of another room."""
    for lab in LABS:
        for step in lab.steps:
            if step.room != room and any(function.name == step.name for function in written):
                raise Refused(f"{step.name} belongs to {step.room}, and this cell is for {room}",
                              f"begin the cell with %%build {step.room}")


def parse_cell(cell: str) -> ast.Module:
    """A cell as a tree. Errors: Refused, with the line of a syntax error."""
    try:
        return ast.parse(cell)
    except SyntaxError as error:
        lines = cell.split("\n")
        number = error.lineno or 1
        told = lines[number - 1].rstrip() if number <= len(lines) else ""
        raise Refused(f"this cell cannot be read as Python: syntax error in line {number + 1}: {error.msg}\n    {told}",
                      "nothing was written: mend that line, and run the cell again") from None


def borrowed(tree: ast.Module, steps: dict[str, Any]) -> str:
    """What is said of a cell that takes the package's own step; "" of any other."""
    taken = [each.name for node in tree.body if isinstance(node, ast.ImportFrom)
             and (node.module or "").startswith("contain_lab") for each in node.names if each.name in steps]
    if not taken:
        return ""
    return f"importing the solution solves nothing: while {taken[0]} is judged, the package's own raises. Write yours"


def what_to_write(function: ast.FunctionDef) -> str:
    """What a stub says: the text of its NotImplementedError, or its docstring's first line."""
    last = function.body[-1]
    given = last.exc.args if isinstance(last, ast.Raise) and isinstance(last.exc, ast.Call) else []
    if given and isinstance(given[0], ast.Constant) and given[0].value:
        return str(given[0].value).rstrip(".").removeprefix(f"write {function.name}: ")
    doc = (ast.get_docstring(function) or "").split("\n")[0].rstrip(".")
    return f"it is to do this: {doc}" if doc else "write its body, and take the raise away"


# ---- trying it

def attempt(step: Step, workspace: Workspace) -> None:
    """Call a step once, with example arguments, and say what the kernel showed of it. Errors: NotYet."""
    verdict = judge.try_step(step, workspace.folder)
    if verdict.output:
        say(verdict.output.rstrip("\n"))
    if not verdict.passed:
        raise NotYet(f"{as_called(step)}: " + told_failure(verdict))
    say("\n".join(told(step, verdict.values)))


def as_called(step: Step, args: Sequence[Any] = ()) -> str:
    """The call that tries a step, as people read it; args: where they are others than the example's."""
    ours = getattr(importlib.import_module(step.module), step.name)
    return f"{step.name}({shown(args or step.example, ours)})"


def told_failure(verdict: Verdict) -> str:
    """What went wrong, the student's own lines, and what to do, for a step that did not come back well."""
    parts = verdict.parts()
    return "\n".join([f"{parts['saw']}.", *(f"  {line}" for line in verdict.lines()),
                      f"why: {parts['why']}.", f"look: {parts['look']}."])


def told(step: Step, seen: dict[str, Any]) -> list[str]:
    """What the kernel showed of a step, in lines without numbers that change."""
    unread = "" if step.returns else ", which nobody reads"
    result = f"returned {seen['returned']}{unread}" if seen["returned"] else "came back"
    before, after = seen["name_before"], seen["name_after"]
    if seen["before"]:
        what = [f"  {name + ':':11} {was}" + (f", then {now}" if now != was else ", unchanged")
                for (name, was), (_, now) in zip(seen["before"], seen["after"], strict=True)]
    else:
        now = "unchanged" if before == after else f"then {after}"
        what = [f"  host name:  {before}, {now}; outside: {seen['host']}"]
    changed = ", ".join(seen["changed"])
    return [
        f"{as_called(step, seen['args'] or ())} ran in a process of its own, and {result}",
        f"  calls:      {BELOW.join(seen['calls']) or UNSEEN}",
        f"  namespaces: {f'another one for {changed}' if changed else 'the same as before'}",
        *what,
    ]


def say(text: str) -> None:
    """Print into the cell."""
    sys.stdout.write(f"{text}\n")
