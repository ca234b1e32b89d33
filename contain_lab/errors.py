"""One tree of errors: what failed, on what, why, and the way out.

A message names the operation, the object and the reason, in lower case and without a full stop; a hint says
what the reader can do. Nothing here prints or exits: only `cli` does.

An `OSError` is never subclassed (a subclass is not turned into `FileNotFoundError`). What belongs to it is hung
on it instead: `call`, the decoded system call (by `syscalls`), and `hint`.
"""

import errno


class ContainLabError(Exception):
    """Anything that the kit refuses or cannot do.

    message: one line, lower case, no full stop.
    hint: the way out, or "".
    code: the exit code of the command that ends with it.
    """

    code = 1

    def __init__(self, message: str, hint: str = "", code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = self.code if code is None else code


class UsageError(ContainLabError):
    """A command line that says nothing we know."""

    code = 2


WHERE_IT_STANDS = "config.md and config-linux.md of the runtime specification say what is allowed"


class InvalidConfig(ContainLabError):
    """A config.json (or a spec object) that the runtime specification does not allow."""

    def __init__(self, message: str, hint: str = "", code: int | None = None) -> None:
        super().__init__(message, hint or WHERE_IT_STANDS, code)


class Unsupported(ContainLabError):
    """Something that the specification allows and this runtime does not do: refused, never passed over."""


class NotFound(ContainLabError):
    """A container, image, step or file that is not there."""


class WrongState(ContainLabError):
    """A container whose state does not allow the verb."""


class StepFailed(ContainLabError):
    """A step that failed; the reason is its own, the name is added.

    step: "room.name(arguments)"; reason: what `explain` says of the cause; errno: its number, or 0;
    frames: the student's part of the traceback, as (file, line, function).
    """

    def __init__(self, step: str, reason: str, hint: str = "", number: int = 0,
                 frames: tuple[tuple[str, int, str], ...] = (), code: int = 1) -> None:
        super().__init__(f"{step}: {reason}", hint, code)
        self.step = step
        self.reason = reason
        self.errno = number
        self.frames = frames


HINTS = {
    errno.EPERM: "namespaces and mounts need privileges: run as root, or with --rootless",
    errno.ENOSPC: "the disk, or a table of the kernel, is full: make room and try again",
    errno.EROFS: "the place is read-only: name another one",
}


def name_of(number: int) -> str:
    """The kernel's name of an errno, as errno(3) lists them: 1 -> "EPERM"."""
    return errno.errorcode.get(number, str(number))


def describe(error: OSError) -> str:
    """An OSError in one line: call or file, reason, errno's name."""
    what = getattr(error, "call", "") or error.filename or ""
    if isinstance(what, bytes):
        what = what.decode(errors="replace")
    reason = (error.strerror or str(error) or "unknown error").lower()
    reason += f" ({name_of(error.errno)})" if error.errno else ""
    return f"{what}: {reason}" if what else reason


def explain(error: BaseException) -> tuple[str, str]:
    """The two lines of any error, (message, hint); the hint may be ""."""
    message, hint = _explain(error)
    return in_one_line(message), in_one_line(hint)


def in_one_line(text: str) -> str:
    """A text without what a config may hold to move a terminal's cursor, and its middle cut where it is endless."""
    text = text.replace("\n", " ")
    if len(text) > 1000:
        text = f"{text[:700]} ... {text[-200:]}"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _explain(error: BaseException) -> tuple[str, str]:
    if isinstance(error, ContainLabError):
        return error.message, error.hint
    hint = str(getattr(error, "hint", ""))
    if isinstance(error, OSError):
        return describe(error), hint or HINTS.get(error.errno or 0, "")
    said = " ".join(str(error).split())
    return (f"{type(error).__name__}: {said}" if said else type(error).__name__), hint
