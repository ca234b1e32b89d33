"""The child's side of a start: its rows, what it waits for, and what it tells; `launch` has its parent's.

It runs from its birth to the execve of the user's program. All that it may need is imported before it is born: after
pivot_root nothing can be.
"""

import marshal
import os

from contain_lab import cgroups, steps, syscalls
from contain_lab.container.filesystem import GROUPS
from contain_lab.errors import ContainLabError, StepFailed, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.container.plan import Plan


def run_child(plan: "Plan", tell: int, hear: int, values: "dict[Any, Any]") -> None:
    """Run the child's rows. It never returns: at its end stands execve, or _exit."""
    try:
        announce = (lambda what, step: send(tell, (what, step))) if steps.theirs else None
        values.update(plan.state_for_hooks())
        if (plan.mapped or plan.between) and os.read(hear, 1) != b"m":
            os._exit(1)
        steps.run(plan.alone, [], values, announce)
        if plan.outside:
            send(tell, ("apart",))
        if os.read(hear, 1) != b"g":
            os._exit(1)  # the parent is gone
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)  # nobody in there may look into this process (CVE-2016-9962)
        values[GROUPS] = cgroups.own_groups()
        last = 2 if plan.waits else 1
        pivot = plan.until_pivot() if plan.hooked else 0
        steps.run(plan.inside[:pivot], [], values, announce)
        if plan.hooked:
            send(tell, ("mounted",))
            if os.read(hear, 1) != b"h":
                os._exit(1)
        steps.run(plan.inside[pivot:-last], [], values, announce)
        check_alone()
        send(tell, ("ready",))
        if os.read(hear, 1) != b"k":
            os._exit(1)
        steps.run(plan.inside[-last:-1], [], values, announce)
        if plan.waits:
            send(tell, ("waiting",))
        steps.run(plan.inside[-1:], [], values, announce)
        raise ContainLabError("no program was executed", "the step `execute` ends a start, and was left out")
    except BaseException as error:  # noqa: BLE001  whatever it is, the parent is told, and this process ends
        give_up(error, tell)


def check_alone() -> None:
    """Where a student's step ran, see that it left no process behind: it would live on in the container."""
    if not steps.theirs:
        return
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    raise ContainLabError("a step of yours left a child process behind", "let it end, and wait for it")


def give_up(error: BaseException, tell: int) -> None:
    """Tell the parent of an error and end; where it has gone, say it on standard error."""
    step = ""
    frames: tuple[tuple[str, int, str], ...] = ()
    reason, hint = explain(error)
    code, number = (error.code if isinstance(error, ContainLabError) else 1), 0
    if isinstance(error, StepFailed):
        step, reason, number, frames = error.step, error.reason, error.errno, error.frames
    try:
        send(tell, ("failed", type(error).__name__, step, reason, hint, number, [list(f) for f in frames], code))
    except BrokenPipeError:
        os.write(2, f"contain-lab-runtime: {step}{': ' if step else ''}{reason}\n".encode())
    os._exit(code or 1)


def send(fd: int, message: "tuple[Any, ...]") -> None:
    """Send a message to the parent: its length in four bytes, then itself (marshal)."""
    data = marshal.dumps(message)
    os.write(fd, len(data).to_bytes(4, "little") + data)

