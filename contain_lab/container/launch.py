"""Run a plan: the parent's rows, a child that runs its own, what they tell each other, and undo when a row fails.

This is plumbing, and no exercise: two pipes, a loop that waits for the pipes and for the child's end at once, and a
time limit where a student's step runs. The child's side is in `inside`. A child tells its parent, in this order:
    begins / ends STEP    around each step that is a student's
    failed ...            a step failed: its name, reason, hint, errno, lines
    apart                 it has its namespaces, where the parent has something to do with them
    ready                 all is done but the last stretch
    waiting               a created container waits to be started; its parent may go
The parent tells the child when its ids are mapped, when it is in its groups, and when it may go on: of a created one
the state is kept, for a foreground one signals are passed on; until then it dies with its parent. Who dies without a
word is named by the step that began last.
"""

import marshal
import os
import select

from contain_lab import steps, syscalls
from contain_lab.container import inside, state
from contain_lab.container.plan import CONSOLE, FIFO, FILTER, LOCK, PARENT
from contain_lab.errors import ContainLabError, StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain_lab.container.plan import Plan
    from contain_lab.steps import Row

STUDENT_SECONDS = 5  # a student's step gets no more


class Child:
    """A container's process as its parent has it: pid, pidfd, and what came of it."""

    def __init__(self, pid: int, up: int, down: int) -> None:
        self.pid, self.up, self.down = pid, up, down
        self.pidfd = os.pidfd_open(pid)
        self.step = ""  # a student's step that has begun
        self.last = ""  # the one that began last
        self.failure: ContainLabError | None = None
        self.apart = self.mounted = self.ready = self.waiting = False
        self.silent = False  # nothing more will be heard of it
        self.ended = False  # and its exit status was taken

    def is_dead(self) -> bool:
        """Whether it has ended, or is about to."""
        waiting = select.poll()
        waiting.register(self.pidfd, select.POLLIN)
        return bool(waiting.poll(100))

    def exit_code(self, status: int) -> int:
        """The exit code that a wait status is, 128 and the signal where one ended it. Errors: the child's own."""
        if self.failure:
            raise self.failure
        code = os.waitstatus_to_exitcode(status)
        return 128 - code if code < 0 else code

    def kill(self) -> None:
        """End it, and take its exit status."""
        if not self.ended:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
            self.ended = True


class Loop:
    """Wait for several descriptors at once, and call what belongs to each."""

    def __init__(self) -> None:
        self.poll = select.poll()
        self.handlers: dict[int, Callable[[], object]] = {}

    def add(self, fd: int, handler: "Callable[[], object]", also: int = 0) -> None:
        """Call handler() whenever a descriptor can be read or is at its end; also: events of poll(2) besides."""
        self.handlers[fd] = handler
        self.poll.register(fd, select.POLLIN | also)

    def remove(self, fd: int) -> None:
        """Forget a descriptor."""
        if self.handlers.pop(fd, None):
            self.poll.unregister(fd)

    def turn(self, seconds: float | None = None) -> bool:
        """Wait once; False where nothing happened in time."""
        ready = self.poll.poll(None if seconds is None else seconds * 1000)
        for fd, _ in ready:
            if fd in self.handlers:
                self.handlers[fd]()
        return bool(ready)


def launch(plan: "Plan", done: "list[Row]", loop: Loop, terminal: int = -1, held: bool = True) -> Child:
    """Run a plan up to "ready"; on any failure the child is ended, and the caller undoes `done`.

    done: what undoes the parent's rows is added to it. loop: is turned while waiting, so that a terminal can be
    served. terminal: the socket that the master end of a terminal goes to. held: the child stays there until the
    caller lets it `go_on`. Errors: StepFailed and its kin.
    """
    plan.check_paths()  # what is wrong with them, or with a profile, is said before anything is made
    program = plan.program()
    reserve(plan, done)
    (up, tell), (hear, down) = os.pipe(), os.pipe()
    fifo = os.open(f"{plan.folder}/start", os.O_RDWR | os.O_CLOEXEC) if plan.waits else -1
    parent = os.getpid()
    pid = clone_between(plan, tell, up) if plan.between else clone(plan)
    if pid == 0:
        os.close(up)
        os.close(down)  # so that a parent that goes away is heard
        inside.run_child(plan, tell, hear, {PARENT: parent, CONSOLE: terminal, FIFO: fifo, FILTER: program,
                                     LOCK: state.held.get(plan.folder, -1)})
    for handle in (tell, hear, fifo):
        if handle >= 0:
            os.close(handle)
    child = Child(pid, up, down)
    loop.add(up, lambda: hear_child(child, loop))
    try:
        beside(plan, done, child, loop)
        if plan.hooked:
            wait_until(lambda: child.mounted, child, loop)
            run_here(plan.hooked, done, plan.state_for_hooks(child.pid))
            os.write(child.down, b"h")
        wait_until(lambda: child.ready, child, loop)
    except BaseException:
        child.kill()
        raise
    if not held:
        go_on(child)
    return child


def reserve(plan: "Plan", done: "list[Row]") -> None:
    """Run the rows before the child; how all is undone is kept as soon as there is a state directory."""
    first = 1 if plan.folder else 0
    run_here(plan.before[:first], done)
    if plan.folder:
        state.write_planned(plan.folder, plan.rows())
    run_here(plan.before[first:], done)


def clone(plan: "Plan") -> int:
    """Make the child: its pid, and 0 in itself. Errors: StepFailed where a student's step says what is no child."""
    room, name, args = plan.clone
    full = steps.full_name(room, name)
    try:
        alarm("begins" if full in steps.theirs else "ends", full)
        pid = steps.call(room, name, args, clones=True)
    finally:
        alarm("ends", full)
    pid = os.fork() if pid is None else pid  # the step was skipped
    try:
        if pid:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, TypeError, OverflowError):
        raise StepFailed(full, f"it returned {pid!r}, and no child process has this pid",
                         "return what clone3 returns: the child's pid, and 0 in the child") from None
    return int(pid)


def clone_between(plan: "Plan", tell: int, up: int) -> int:
    """As `clone`, by a process in between, which has joined what the child has to be born in, and ends.

    Its child becomes ours, because we take in orphans for as long. Errors: those of its steps, and of `clone`.
    """
    was = syscalls.is_child_subreaper()
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    (hear, say), between = os.pipe(), os.fork()
    if between == 0:
        try:
            run_here(plan.between, [])
            pid = clone(plan)
        except BaseException as error:  # noqa: BLE001  whatever it is, the one who waits for the child is told
            inside.give_up(error, tell)
        if pid:
            os.write(say, str(pid).encode())
            os._exit(0)
        os.close(hear)
        os.close(say)
        return 0
    os.close(say)
    code = os.waitstatus_to_exitcode(os.waitpid(between, 0)[1])
    pid = int(os.read(hear, 16) or b"0")
    os.close(hear)
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, int(was))
    if not pid:
        raise told(up, code)
    return pid


def told(up: int, code: int) -> ContainLabError:
    """The error that a process has left in the pipe to its parent, or that it left none: by its exit code."""
    if code < 0 or not select.select([up], [], [], 0)[0]:
        return ContainLabError(f"a process went away without a word ({how_it_ended(code)})",
                               "it was killed from outside")
    return failure(*marshal.loads(_read(up, int.from_bytes(os.read(up, 4), "little")))[1:])


def beside(plan: "Plan", done: "list[Row]", child: Child, loop: Loop) -> None:
    """Run the parent's rows while the child runs its own; where they fail because it failed, its error is the one."""
    try:
        if plan.mapped or plan.between:
            run_here(plan.mapped, done, {steps.PID: child.pid})
            os.write(child.down, b"m")
        run_here(plan.beside, done, {steps.PID: child.pid})
        if plan.outside:
            wait_until(lambda: child.apart, child, loop)
            run_here(plan.outside, done, {steps.PID: child.pid})
        os.write(child.down, b"g")
    except (OSError, StepFailed):
        if not child.failure and not child.silent and child.is_dead():
            wait_until(lambda: False, child, loop)
        raise


def go_on(child: Child) -> None:
    """Let the child go on from "ready" to the user's program."""
    try:
        os.write(child.down, b"k")
    except BrokenPipeError:
        return  # it has ended, which is seen by whoever waits for it


def release(child: Child, loop: Loop) -> None:
    """Let a container become the program that waits to be started, now that its state is kept."""
    go_on(child)
    wait_until(lambda: child.waiting, child, loop)
    wait_for_execve(child, loop)


def wait_for_execve(child: Child, loop: Loop) -> None:
    """Wait until a child falls silent, as execve closes its pipe: from then on its owner may look into it, too."""
    while not child.silent and not child.failure:
        loop.turn()
    if child.failure:
        raise child.failure


# ---- the parent's side

def run_here(rows: "list[Row]", done: "list[Row]", values: "dict[object, object] | None" = None) -> None:
    """Run rows of the parent; a student's step gets no more time on this side than on the other."""
    try:
        steps.run(rows, done, values, alarm)
    finally:
        alarm("ends", "")


def alarm(what: str, step: str) -> None:
    """End a student's step that does not end by itself: with its error, and a second later with this process."""
    if not steps.theirs:
        return
    from _signal import ITIMER_REAL, SIG_DFL, SIGALRM, setitimer, signal

    def ring(number: int, frame: object) -> None:
        signal(SIGALRM, SIG_DFL)
        raise too_late(step)

    signal(SIGALRM, ring if what == "begins" else SIG_DFL)
    setitimer(ITIMER_REAL, *((STUDENT_SECONDS, 1) if what == "begins" else (0, 0)))


def too_late(step: str) -> StepFailed:
    """The error of a student's step that does not end."""
    return StepFailed(step, f"it did not finish in {STUDENT_SECONDS} s", "it waits, or it never ends")


def wait_until(reached: "Callable[[], bool]", child: Child, loop: Loop) -> None:
    """Turn the loop until the child has come so far; raise what it tells, or that it went away."""
    while not reached():
        if not loop.turn(STUDENT_SECONDS if child.step else None) and child.step:
            raise too_late(child.step)
        if child.failure:
            raise child.failure
        if child.silent:
            raise went_away(child)


def hear_child(child: Child, loop: Loop) -> None:
    """Take one message of the child; the end of the pipe means that it ended, or became the user's program."""
    try:
        head = os.read(child.up, 4)
        message: tuple[Any, ...] = marshal.loads(_read(child.up, int.from_bytes(head, "little"))) if head else ("end",)
    except (EOFError, ValueError, ConnectionResetError):
        message = ("end",)
    if message[0] == "end":
        loop.remove(child.up)
        child.silent = True
    elif message[0] == "failed":
        child.failure = failure(*message[1:])
    elif message[0] in ("apart", "mounted"):
        child.apart, child.mounted = True, message[0] == "mounted"
    elif message[0] in ("ready", "waiting"):
        child.ready, child.waiting = True, message[0] == "waiting"
    else:
        child.step = message[1] if message[0] == "begins" else ""
        child.last = message[1]


def _read(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := os.read(fd, size - len(data))):
        data += more
    return data


def failure(kind: str, step: str, reason: str, hint: str, number: int, frames: "list[Any]",
            code: int) -> ContainLabError:
    """The child's error as it was raised there."""
    if kind == "BrokenOff":
        return steps.BrokenOff(reason, hint)
    if not step:
        return ContainLabError(reason, hint, code)
    return StepFailed(step, reason, hint, number, tuple(tuple(frame) for frame in frames), code)


def how_it_ended(code: int) -> str:
    """An exit code as os.waitstatus_to_exitcode has it, in words."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def went_away(child: Child) -> ContainLabError:
    """The error for a child that ended without a word."""
    code = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
    child.ended = True
    how = how_it_ended(code)
    if child.step or child.last:
        return StepFailed(child.step or child.last, f"the process went away without a word ({how})",
                          "a step must return: it may not exit, execute a program, or close descriptors")
    return ContainLabError(f"container process {child.pid}: it went away without a word ({how})",
                           "it was killed from outside, or ran out of memory")
