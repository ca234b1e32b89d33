"""Events of steps and system calls: recorded by replacing functions, written as they happen, rendered for people.

Recording costs nothing when nobody listens: `wrap` puts a recording function in the place of another (an
attribute of a module) when it starts, and no step's source has a word of it. An event is a dict:
- step: the full name of the step that runs, or "" outside one;
- call: the system call (absent in the event of a step itself);
- args: {name: decoded value}; result: what it returned, or the errno's name; us: microseconds;
- man: the manual page; pid: of the process; at: microseconds since the recording began.
Events of parent and child go to one descriptor, a line with one write(2) each, so they need no further order.
Nothing here knows who emits.
"""

import os
import time

from contain_lab.errors import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    Event = dict[str, Any]
    Describe = Callable[..., dict[str, str]]

    class Sink(Protocol):
        """Where events go: begin(event) when a step starts, end(event) when a step or a call has ended."""

        def begin(self, event: Event) -> None: ...
        def end(self, event: Event) -> None: ...


def now() -> int:
    """Nanoseconds of a clock that never goes back; when a recording begins."""
    return time.perf_counter_ns()


_current = ""  # the step that runs in this process
_now, _pid, _write = now, os.getpid, os.write  # kept: os's own functions are recorded, too


def wrap_step(room: object, name: str, full: str, describe: "Describe", sink: "Sink",
              began: int) -> None:
    """Record a step: an event when it begins and one when it ends; calls in between carry its name."""
    step = getattr(room, name)

    def recorded(*args: object) -> object:
        global _current
        before, _current = _current, full
        event: Event = {"step": full, "args": describe(*args), "pid": _pid(), "at": (_now() - began) // 1000}
        sink.begin(event)
        try:
            return _timed(step, args, event)
        finally:
            _current = before
            if _pid() == event["pid"]:
                sink.end(event)

    recorded.__wrapped__ = step  # type: ignore[attr-defined]
    recorded.__doc__ = step.__doc__
    setattr(room, name, recorded)


def wrap_call(room: object, name: str, man: str, describe: "Describe", sink: "Sink",
              began: int, returns: bool = True) -> None:
    """Record a system call: one event when it has ended (before it, where it does not return)."""
    call = getattr(room, name)

    def recorded(*args: object, **named: object) -> object:
        event: Event = {"step": _current, "call": name, "args": describe(*args, **named), "man": man,
                        "pid": _pid(), "at": (_now() - began) // 1000}
        if not returns:
            sink.end({**event, "result": None, "us": 0})
        try:
            return _timed(lambda *given: call(*given, **named), args, event)
        finally:
            if (returns or event["result"] is not None) and _pid() == event["pid"]:
                sink.end(event)

    recorded.__wrapped__ = call  # type: ignore[attr-defined]
    setattr(room, name, recorded)


def _timed(function: "Callable[..., Any]", args: tuple[object, ...], event: "Event") -> object:
    start = _now()
    event["result"] = None
    try:
        result = function(*args)
        event["result"] = result if isinstance(result, (int, str)) else None if result is not None else 0
        return result
    except OSError as error:
        event["result"] = name_of(error.errno or 0)
        raise
    except BaseException as error:
        event["result"] = type(error).__name__
        raise
    finally:
        event["us"] = round((_now() - start) / 1000, 1)


# ---- where events go

class JsonLines:
    """Events as JSON, a line each, on a descriptor."""

    def __init__(self, fd: int, dump: "Callable[[object], str]") -> None:
        self.fd, self.dump = fd, dump

    def begin(self, event: "Event") -> None:
        """Nothing: the event is written when it has ended."""

    def end(self, event: "Event") -> None:
        """One line, with one write."""
        _write(self.fd, (self.dump(event) + "\n").encode())


class Text:
    """Events for people, a line each: steps, with their calls below them."""

    def __init__(self, fd: int) -> None:
        self.fd, self.parent = fd, 0

    def begin(self, event: "Event") -> None:
        """The step, when it begins; the first one is the parent's, which may be another process than who asked."""
        self.parent = self.parent or event["pid"]
        self.line(event, f"{event['step']}({', '.join(event['args'].values())})")

    def line(self, event: "Event", text: str) -> None:
        """A line, that says on which side of the clone it happened: both go on at the same time."""
        _write(self.fd, f"{'parent' if self.parent in (0, event['pid']) else 'child '} {text}\n".encode())

    def end(self, event: "Event") -> None:
        """A call, when it has ended; a step only where it failed."""
        if "call" in event or (isinstance(event["result"], str) and event["result"].startswith("E")):
            self.line(event, render(event))


def render(event: "Event") -> str:
    """A call in one line: indented, decoded, with its result, its time and its manual page."""
    said = f"  {event.get('call', event['step'])}({', '.join(event['args'].values())})"
    said += "" if event["result"] is None else f" = {event['result']}"
    return f"{said:<72}{event['us']:>9.1f} µs  {event.get('man', '')}".rstrip()
