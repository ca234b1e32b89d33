"""Steps: rows of (room, name, args, undo), and the one runner that calls each through its room.

A step is a plain function of a room (a module): a verb and an object, with plain arguments. Starting a container
is a list of rows, and a row is called as `getattr(room, name)(*args)`. So whatever stands in the room under that
name is what runs, and everything else is done by putting something else there before the first fork:
- `use`      a student's function takes the place of ours;
- `skip`     nothing is done;
- `fail`     an errno is raised;
- `break_at` the step is followed by a shell, and the run ends;
- `trace`    (the room) records it.
Hence the one rule: nobody writes `from room import step`.

No step is known here, and nothing is imported that costs time on the way to execve.
"""

import os
import sys

from contain_lab.errors import ContainLabError, NotFound, StepFailed, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import ModuleType, TracebackType
    from typing import Any

    Step = Callable[..., Any]
    Row = tuple[Any, ...]  # (room, name, args) or (room, name, args, undo), undo being such a row



class Later:
    """Stands in a row for what is known only when it runs: Later("PID")."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


PID = Later("PID")  # the container's process, on the host
readers: "dict[str, Callable[[int], str]]" = {}  # by a parameter's name: its number as people read it
theirs: dict[str, str] = {}  # the steps that are a student's, by full name, and the file they come from
ours: "dict[str, Step]" = {}  # the package's own functions that these stand in the place of
misdone: dict[str, StepFailed] = {}  # what theirs raised while something was undone, by full name


def full_name(room: "ModuleType", name: str) -> str:
    """The name of a step as people read it: "namespaces.uts.set_hostname"."""
    return f"{room.__name__.removeprefix('contain_lab.')}.{name}"


# ---- the runner

def run(rows: "Iterable[Row]", done: "list[Row]", values: "dict[object, object] | None" = None,
        announce: "Callable[[str, str], None] | None" = None) -> None:
    """Call the steps of the rows in order; what undoes each is added to `done` when it has succeeded.

    values: what stands for each Later in the rows' arguments. announce: called with ("begins" | "ends", full name)
    around each step that is a student's. Errors: StepFailed with the name of the step, whatever it raised.
    """
    known = values or {}
    for room, name, args, *undo in rows:
        full = full_name(room, name)
        told = announce if full in theirs else None
        if told:
            told("begins", full)
        call(room, name, [known[arg] if isinstance(arg, Later) else arg for arg in args])
        if told:
            told("ends", full)
        done += undo


def call(room: "ModuleType", name: str, args: "Sequence[object]", clones: bool = False) -> "Any":
    """Call one step through its room; its errors get its name.

    clones: it returns twice, 0 in the child. Any other step of theirs that forks and returns twice ends there.
    """
    me, full = os.getpid(), full_name(room, name)
    try:
        result = getattr(room, name)(*args)
    except (BrokenOff, StepFailed, KeyboardInterrupt):
        raise
    except BaseException as error:  # a student's step may raise anything, SystemExit too
        raise named(error, full, args, ours.get(full, getattr(room, name))) from error
    if os.getpid() != me and full in theirs and not (clones and result == 0):
        os._exit(0)
    return result


def named(error: BaseException, full: str, args: "Sequence[object]" = (), function: "Step | None" = None) -> StepFailed:
    """The error of a step under its name, with the lines of the traceback that are not the package's own."""
    reason, hint = explain(error)
    number = error.errno or 0 if isinstance(error, OSError) else 0
    code = error.code if isinstance(error, ContainLabError) else 1
    frames = tuple(_frames(error.__traceback__))
    return StepFailed(f"{full}({shown(args, function)})", reason, hint, number, frames, code)


def shown(args: "Sequence[object]", function: "Step | None" = None) -> str:
    """Arguments as people read them: text in double quotes, tuples as they are, long ones cut.

    function: whose they are; then flags have names, where `readers` knows a parameter's.
    """
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    names = code.co_varnames[:code.co_argcount] if code else ()
    said = ", ".join(_shown(arg, names[at] if at < len(names) else "") for at, arg in enumerate(args))
    return said if len(said) <= 100 else f"{said[:97]}..."


def _shown(arg: object, name: str) -> str:
    if isinstance(arg, int) and name in readers:
        return readers[name](arg)
    return f'"{arg}"' if isinstance(arg, str) else repr(arg).replace("'", '"')


def _frames(trace: "TracebackType | None") -> "Iterator[tuple[str, int, str]]":
    own = os.path.dirname(__file__) + "/"
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(own):
            yield code.co_filename, trace.tb_lineno, code.co_name
        trace = trace.tb_next


def undo(done: "list[Row]", announce: "Callable[[str, str], None] | None" = None) -> "list[str]":
    """Undo what was done, the last first; each is tried, and what could not be undone is told: [message].

    announce: as in `run`. After a student's function ours is called too, so that nothing stays; what theirs raised is
    kept in `misdone`.
    """
    failed = []
    while done:
        room, name, args = done.pop()[:3]
        full = full_name(room, name)
        if full in theirs:
            _let_them_undo(room, name, args, announce or (lambda what, step: None))
        try:
            ours.get(full, getattr(room, name))(*args)
        except OSError as error:
            if not (full in theirs and isinstance(error, FileNotFoundError)):  # it is gone already
                failed.append(f"{full}: {explain(error)[0]}")
    return failed


def _let_them_undo(room: "ModuleType", name: str, args: "Sequence[object]",
                   announce: "Callable[[str, str], None]") -> None:
    """Call a student's function in the place of one that undoes; it is called once, for one that fails would again."""
    full = full_name(room, name)
    if full in misdone:
        return
    try:
        announce("begins", full)
        call(room, name, args)
    except StepFailed as error:
        misdone[full] = error
    finally:
        announce("ends", full)


# ---- other things in the place of a step

class BrokenOff(ContainLabError):
    """The run was ended after a step, as `--break` asks."""

    code = 0


def find(rows: "Iterable[Row]", wanted: str) -> "tuple[ModuleType, str]":
    """The room and name of a step of these rows: "set_hostname", or as much of its full name as is needed.

    Errors: NotFound, with the steps of nearly that name in the hint.
    """
    known = {full_name(room, name): (room, name) for room, name, *_ in rows}
    fits = [full for full in known if full == wanted or full.endswith(f".{wanted}")]
    if not fits:
        import difflib  # only on the way to an error message

        short = {full.rpartition(".")[2]: full for full in known}
        near = difflib.get_close_matches(wanted.rpartition(".")[2], short, 3, 0.5)
        raise NotFound(f"step '{wanted}': not among the steps of this container",
                       f"did you mean {', '.join(near)}?" if near else "--explain lists them")
    return known[fits[0]]


def skip(rows: "Iterable[Row]", wanted: str) -> None:
    """Do nothing in the place of a step."""
    room, name = find(rows, wanted)
    setattr(room, name, lambda *args: None)


def fail(rows: "Iterable[Row]", wanted: str, number: int) -> None:
    """Raise an errno in the place of a step."""
    room, name = find(rows, wanted)

    def fails(*args: object) -> None:
        error = OSError(number, os.strerror(number))
        error.hint = "it was made to fail, as --fail asks"  # type: ignore[attr-defined]
        raise error

    setattr(room, name, fails)


def break_at(rows: "Iterable[Row]", wanted: str, shell: "Callable[[str], None]") -> None:
    """After a step, call shell(full name); then the run ends: BrokenOff."""
    room, name = find(rows, wanted)
    step, full = getattr(room, name), full_name(room, name)

    def stops(*args: object) -> object:
        result = step(*args)
        if name == "clone_into_namespaces" and not result:  # it returns twice: the parent's side is the one to stop
            return result
        shell(full)
        raise BrokenOff(f"{full}: broken off here, as --break asks")

    setattr(room, name, stops)


# ---- the student's steps

def use(package: str, rooms: "Iterable[ModuleType]") -> "list[str]":
    """Put the functions of a student's package into the rooms, where they have the name of a step.

    package: a folder with <room>.py files, <room> the first part of a room's name ("namespaces" for
    namespaces/uts.py). Loaded now, by path, before any fork: after pivot_root nothing could be imported. Returns
    the full names of the steps that are now theirs. Errors: ContainLabError with file and line.
    """
    check_owner(package)
    return use_loaded(lambda room: (path := f"{package}/{room}.py", read(path)), rooms)


def use_loaded(source: "Callable[[str], tuple[str, str]]", rooms: "Iterable[ModuleType]") -> "list[str]":
    """As `use`, for steps that are read in another way: source("namespaces") is a pair (path, text)."""
    loaded: dict[str, dict[str, Step]] = {}
    for room in rooms:
        first = full_name(room, "").split(".")[0]
        path, text = source(first)
        if first not in loaded:
            loaded[first] = functions(path, text)
        for name, function in loaded[first].items():
            if callable(getattr(room, name, None)) and not name.startswith("_"):
                ours.setdefault(full_name(room, name), getattr(room, name))
                setattr(room, name, function)
                theirs[full_name(room, name)] = path
    return sorted(theirs)


def read(path: str) -> str:
    """The text of a file, "" where there is none."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def check_owner(package: str) -> None:
    """Refuse a package that is not there, or that others may write: its functions run with our privileges."""
    if not os.path.isdir(package):
        raise NotFound(f"{package}: no such folder", "a Build cell of a lab makes it, or name another with --with")
    for path in [package, *(entry.path for entry in os.scandir(package) if entry.name.endswith(".py"))]:
        if os.stat(path).st_mode & 0o002:
            raise ContainLabError(f"{path}: others may write here, so it is not loaded", f"chmod o-w {path}")


def functions(path: str, text: str | None = None) -> "dict[str, Step]":
    """The functions that a file of Python defines itself, {name: function}; {} where there is no such file."""
    module = f"my_runtime.{os.path.basename(path)[:-3]}"
    names: dict[str, Any] = {"__name__": module, "__file__": path, "__builtins__": __builtins__}
    sys.modules.setdefault(module, type(sys)(module))
    try:
        exec(compile(read(path) if text is None else text, path, "exec"), names)
    except SyntaxError as error:
        raise ContainLabError(f"{path}:{error.lineno}: syntax error: {error.msg}", "correct that line") from error
    except (Exception, SystemExit) as error:
        where = [frame for frame in _frames(error.__traceback__) if frame[0] == path]
        raise ContainLabError(f"{path}{f':{where[-1][1]}' if where else ''}: {explain(error)[0]}",
                              "the file must be importable: correct that line") from error
    return {name: value for name, value in names.items()
            if isinstance(value, type(use)) and value.__module__ == module}
