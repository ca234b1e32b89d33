"""The student's process: it loads my_runtime, calls a step when it is told to, and says what came of it.

man: setrlimit(2). From the first line of the student's file on, nothing that this process says is believed; see
`sandbox`. It has descriptors 0 (empty), 1 and 2 (what it prints), GATE (orders) and REPORT (answers), and no other.
"""

import os
import sys

from contain_lab import files, steps, syscalls, trace
from contain_lab.errors import ContainLabError, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, NoReturn

    Answer = dict[str, Any]
    Actor = Callable[["Scene"], None]

PLACE = os.path.dirname(os.path.dirname(os.path.abspath(files.__file__)))  # the folder of our package
GATE, REPORT = 3, 4
CALLS = 30  # that are told of a step
UNHEARD = 97  # exit code of a process that cannot report
MEMORY = 1 << 30  # bytes of address space
RLIMIT_CORE, RLIMIT_AS = 4, 9


class Scene:
    """What a sandbox is to show.

    package: the folder of the student's files; steps: {name: module of ours}; replaced: those of them that must be
    the student's, so that ours raise; apart: CLONE_NEW flags that its process unshares before any step;
    neighbour: flags of a second process in namespaces of its own, 0 for none; needed: other paths that must be seen;
    arrange: makes what else stands in the sandbox, called by its first process before the others are there; first:
    the student's process is the first of a PID namespace of its own, with its own /proc; prepare: called in the
    student's process, apart as it will be, before a line of the student's is read; twice: a
    step may return in a child, too, which stays where it returned 0 there, as clone and fork do.
    """

    def __init__(self, package: str, steps: dict[str, str], apart: int = 0, neighbour: int = 0,
                 needed: tuple[str, ...] = (), arrange: "Callable[[], None] | None" = None, first: bool = False,
                 prepare: "Callable[[], None] | None" = None, twice: bool = False) -> None:
        self.package, self.steps, self.apart, self.neighbour = package, steps, apart, neighbour
        self.needed, self.arrange, self.first, self.prepare = needed, arrange, first, prepare
        self.twice = twice


class Borrowed(ContainLabError):
    """The package's own step was called where the student's is judged."""


class Missing(ContainLabError):
    """The student's file has no function of this name."""


class Unloadable(ContainLabError):
    """The student's file cannot be loaded."""


def be_student(scene: Scene, actor: "Actor", gate: int, report: int, out: int) -> "NoReturn":
    """Be the process that runs the student's steps; it ends here, whatever they do."""
    me = os.getpid()
    try:
        os.setsid()
        arrange(gate, report, out)
        # line by line: what is printed before a step forks is not printed by its child once more
        sys.stdout = open(1, "w", 1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        for limit, value in ((RLIMIT_CORE, 0), (RLIMIT_AS, MEMORY)):
            syscalls.prlimit(0, limit, value, value)
        beside = os.path.dirname(scene.package)
        os.chdir(beside if os.path.isdir(beside) else "/")
        if scene.first:
            syscalls.unshare(syscalls.CLONE_NEWNS)
            syscalls.mount("cl-sandbox", "/proc", "proc", 0)
        if scene.apart:
            syscalls.unshare(scene.apart)
        if scene.prepare:
            scene.prepare()
        actor(scene)
    except BaseException as error:  # noqa: BLE001 - as above
        if os.getpid() == me:
            tell({"trouble": explain(error)[0]})
    os._exit(0)


def arrange(gate: int, report: int, out: int) -> None:
    """The descriptors of the student's process: 0 empty, 1 and 2 what it prints, GATE, REPORT, and no other."""
    null = os.open("/dev/null", os.O_RDONLY)
    ends = [os.dup2(handle, 100 + number) for number, handle in enumerate((null, out, out, gate, report))]
    for number, handle in enumerate(ends):
        os.dup2(handle, number, inheritable=number < GATE)
    syscalls.close_range(REPORT + 1, 2**32 - 1)


def call_steps(scene: Scene) -> None:
    """Wait to be told; load the student's file; call a step, say what came of it, wait again."""
    calls: list[str] = []
    record(calls)
    withhold(scene.steps)
    tell({"ready": True})
    while order := hear():
        del calls[:]
        answer = call_step(scene, order["step"], order["args"])
        tell({**answer, "calls": calls[:CALLS] + ["…"] * (len(calls) > CALLS)})


def call_step(scene: Scene, name: str, args: "list[Any]") -> "Answer":
    """Call one step of the student's: {"returned": repr} or {"raised": type, "said", "frames", "errno"}."""
    me = os.getpid()
    answer: Answer
    try:
        result = load(scene, name)(*as_passed(args))
        answer = {"returned": "" if result is None else repr(result)[:200]}
    except BaseException as error:  # noqa: BLE001 - a student's step may raise anything, SystemExit too
        answer = raised(error, scene.package)
        del error
    if os.getpid() != me:  # the step forked, and both have come back
        if scene.twice and answer.get("returned") == "0":
            flush()
            stand_still()
        os._exit(0)
    flush()
    return answer


def as_passed(value: "Any") -> "Any":
    """Arguments as the runtime passes them: JSON has lists, steps take tuples."""
    return tuple(map(as_passed, value)) if isinstance(value, list) else value


def stand_still() -> "NoReturn":
    """Be looked at, until the sandbox ends; the judge's pipes are let go of."""
    from _signal import pause

    syscalls.close_range(GATE, 2**32 - 1)
    while True:
        pause()


def load(scene: Scene, name: str) -> "Callable[..., Any]":
    """The student's function of this name, from my_runtime/<room>.py. Errors: Missing, Unloadable, SyntaxError."""
    room = scene.steps[name].removeprefix("contain_lab.").split(".")[0]
    path = f"{scene.package}/{room}.py"
    if path not in loaded:
        try:
            loaded[path] = steps.functions(path)
        except ContainLabError as error:
            if isinstance(error.__cause__, SyntaxError):
                raise error.__cause__ from None
            raise Unloadable(error.message.removeprefix(f"{os.path.dirname(scene.package)}/"), error.hint) from None
    if name not in loaded[path]:
        raise Missing(f"{os.path.basename(scene.package)}/{room}.py has no function {name}")
    return loaded[path][name]


loaded: "dict[str, dict[str, Callable[..., Any]]]" = {}


def withhold(ours: dict[str, str]) -> None:
    """Let the package's own steps of these names raise, before the student's file can take hold of them.

    Under whatever names, in whatever modules of the package they stand: then nothing in memory leads to them.
    """
    modules = [vars(module) for name, module in sys.modules.items() if name.split(".")[0] == "contain_lab"]
    for name, module in ours.items():
        def refuses(*args: object, name: str = name) -> None:
            raise Borrowed(f"{name}: this is the package's own step: write yours")

        step = getattr(__import__(module, fromlist=["_"]), name)
        for names in modules:
            for other in [other for other, value in names.items() if value is step]:
                names[other] = refuses


# ---- what it says

def raised(error: BaseException, package: str) -> "Answer":
    """An exception as an answer, with those lines of the traceback that are the student's: [[file, line, function]]."""
    said, hint = explain(error)
    if isinstance(error, SyntaxError):
        name = os.path.basename(error.filename or "")
        return {"raised": "SyntaxError", "said": error.msg, "hint": "", "frames": [[name, error.lineno or 0, ""]]}
    kind = type(error).__name__
    said = said.removeprefix(f"{kind}: ").removeprefix(kind)
    frames = [[os.path.basename(file), line, function] for file, line, function in frames_of(error.__traceback__)
              if file.startswith(f"{package}/")]
    return {"raised": kind, "said": said[:1000], "hint": hint, "frames": frames[-8:],
            "errno": error.errno or 0 if isinstance(error, OSError) else 0}


def frames_of(trace: "TracebackType | None") -> "list[tuple[str, int, str]]":
    """A traceback as (file, line, function), the outermost first."""
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return found


def flush() -> None:
    """Send what was printed; where the student closed or replaced the streams there is nothing to send."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue


def tell(answer: "Answer") -> None:
    """Say something to the judge; where that is not possible, end: exit code UNHEARD."""
    try:
        write_line(REPORT, answer)
    except (OSError, MemoryError):
        os._exit(UNHEARD)


def hear() -> "Answer":
    """The judge's next order, {} when there is none any more."""
    line = b""
    while not line.endswith(b"\n"):
        try:
            more = os.read(GATE, 4096)
        except OSError:
            os._exit(UNHEARD)
        if not more:
            return {}
        line += more
    return files.parse_json(line.decode(), "order")


def write_line(handle: int, answer: "Answer") -> None:
    """One answer as a line of JSON."""
    data = files.dump_json(answer).encode() + b"\n"
    while data:
        data = data[os.write(handle, data):]


# ---- what it records

class Calls:
    """Takes system calls as text, in order."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def begin(self, event: "trace.Event") -> None:
        """Nothing: a call is written when it has ended."""

    def end(self, event: "trace.Event") -> None:
        """The call as strace(1) prints it."""
        said = f"{event['call']}({', '.join(event['args'].values())})"
        self.calls.append(said + ("" if event["result"] is None else f" = {event['result']}"))


def record(calls: list[str]) -> None:
    """Record the calls that go through `syscalls`, as text, from now on."""
    sink = Calls(calls)
    for name, function in list(vars(syscalls).items()):
        doc = getattr(function, "__doc__", None) or ""
        if callable(function) and not name.startswith("_") and "man: " in doc:
            trace.wrap_call(syscalls, name, "", _describe(name), sink, 0)


def _describe(name: str) -> "Callable[..., dict[str, str]]":
    def describe(*args: object, **named: object) -> dict[str, str]:
        return {**syscalls.decoded_arguments(name, args), **{key: str(value) for key, value in named.items()}}

    return describe
