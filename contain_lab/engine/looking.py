"""What people do to the steps of a plan: explain them, record them, skip, fail, break off, put theirs in the place."""

import os

from contain_lab import files, steps, syscalls, trace
from contain_lab.container import attach
from contain_lab.container.plan import Plan
from contain_lab.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def rooms(plan: Plan) -> "list[ModuleType]":
    """The rooms whose steps a plan calls."""
    return list(dict.fromkeys(room for room, *_ in plan.rows()))


# ---- what people may do to the steps

def change(plan: Plan, package: str = "", skipped: tuple[str, ...] = (), failing: tuple[str, ...] = (),
           broken: str = "") -> list[str]:
    """Put other functions in the place of steps; the full names of those that are a student's.

    package: a student's folder; skipped: names of steps; failing: "STEP=ERRNO"; broken: a step to break off after.
    Errors: NotFound, UsageError.
    """
    rows = plan.rows()
    theirs = steps.use(package, rooms(plan)) if package else []
    for wanted in skipped:
        steps.skip(rows, wanted)
        if steps.find(rows, wanted)[1] == "set_no_new_privs":
            plan.let_privileges_grow()
    for wanted in failing:
        name, equals, number = wanted.partition("=")
        if not equals:
            raise UsageError(f"--fail {wanted}: an errno is due", f"--fail {wanted}=EPERM")
        steps.fail(rows, name, errno_of(number))
    if broken:
        steps.break_at(rows, broken, attach.open_shell)
    return theirs


def errno_of(name: str) -> int:
    """The number of an errno by its name: errno_of("EPERM") -> 1. Errors: UsageError."""
    import errno

    number = getattr(errno, name, None) if name[:1] == "E" else None
    if not isinstance(number, int):
        raise UsageError(f"errno {name}: no such error", "--fail STEP=EPERM; errno(3) lists the names")
    return number


# ---- looking at the steps

def explain(plan: Plan) -> str:
    """The whole plan, a step a line, with what it does below; nothing is done."""
    lines = []
    for number, (room, name, args, *_) in enumerate(plan.rows(), 1):
        doc = (getattr(room, name).__doc__ or "").strip().splitlines()
        lines.append(f"{number:3}  {steps.full_name(room, name)}({steps.shown(args, getattr(room, name))})\n"
                     f"       {doc[0] if doc else ''}".rstrip())
    return "\n".join(lines)


def record(plan: Plan, sink: "trace.Sink") -> None:
    """Record all steps of a plan, and the system calls that they make, from now on."""
    began = trace.now()
    for call, function in list(vars(syscalls).items()):
        manual = (getattr(function, "__doc__", None) or "").rpartition("man: ")[2].partition(")")[0]
        if callable(function) and not call.startswith("_") and manual.endswith("(2"):
            trace.wrap_call(syscalls, call, f"{manual})", _describe_call(call), sink, began)
    for call in syscalls.OF_OS:
        trace.wrap_call(os, call, f"{call}(2)", _describe_call(call), sink, began, returns=call != "execve")
    trace.wrap_call(files, "put", "write(2)", _describe_put, sink, began)
    for room, name in dict.fromkeys((room, name) for room, name, *_ in plan.rows()):
        trace.wrap_step(room, name, steps.full_name(room, name), _describe_step(room, name), sink, began)


def _describe_put(path: str, text: str) -> dict[str, str]:
    return {"path": f'"{path}"', "text": '"' + text.replace("\n", "\\n") + '"'}


def _describe_call(name: str) -> "trace.Describe":
    def describe(*args: object, **named: object) -> dict[str, str]:
        shown = syscalls.decoded_arguments(name, args)
        return {**shown, **{key: str(value) for key, value in named.items()}}

    return describe


def _describe_step(room: "ModuleType", name: str) -> "trace.Describe":
    names = getattr(room, name).__code__.co_varnames

    def describe(*args: object) -> dict[str, str]:
        known = [names[at] if at < len(names) else f"arg{at}" for at in range(len(args))]
        return {arg: steps.readers[arg](value) if arg in steps.readers and isinstance(value, int) else
                steps.shown([value]) for arg, value in zip(known, args, strict=True)}

    return describe
