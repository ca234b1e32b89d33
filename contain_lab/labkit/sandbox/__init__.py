"""The sandbox: where a student's step runs, and from where the judge looks at it.

man: user_namespaces(7), mount_namespaces(7), pid_namespaces(7), mount_setattr(2), cgroups(7).

    judge                the machine's own namespaces, one thread; it looks, and never runs a student's line
     └ init              PID 1 of new user, mount, PID, UTS, IPC, network and cgroup namespaces
        ├ neighbour      PID 2, where a check wants one: it sits in namespaces of its own
        └ student        loads my_runtime, calls a step when it is told to, and stops on a pipe

Invariants:
- The root holds what a step may see, and nothing else of the machine; it is read-only, and locked (`sandbox.mounts`).
- Root of the sandbox is nobody on the machine (`sandbox.ids`): it has its capabilities over the sandbox's namespaces
  alone, and in /proc it may write what belongs to these, and nothing else.
- What a check believes comes from /proc/PID and setns(2) here. What the student's process says (returned, raised,
  printed) is text to be shown.
- All ends with init: the judge kills it, the kernel kills the rest; if the judge dies, the kernel kills init.
"""

import os
import select
import sys
import time

from contain_lab import files, syscalls
from contain_lab.errors import ContainLabError
from contain_lab.labkit.looking.process import Failed as Failed  # checks take it from here
from contain_lab.labkit.looking.process import Looking
from contain_lab.labkit.sandbox import ids as sandbox_ids
from contain_lab.labkit.sandbox import inside, mistakes, student
from contain_lab.labkit.sandbox import mounts as sandbox_mounts
from contain_lab.labkit.sandbox.group import Group, sweep
from contain_lab.syscalls import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from contain_lab.labkit.sandbox.student import Actor, Scene

SECONDS = 5.0  # for one call of a step
OUTPUT = 64 * 1024  # bytes that are kept of what a step prints
LINE = 256 * 1024  # bytes of one answer of the student's process
ALL = (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP)
GONE = 2.0  # seconds in which a process that was killed, or that dies with another, must be gone
SIGKILL = 9


class Sandbox(Looking):
    """A student's process in a sandbox: `with judge.sandbox(...) as box`, `box.must(step, …)`, and looking (`Looking`).

    init, student, neighbour: numbers of processes, here. In the sandbox a neighbour is process 2.
    Errors: ContainLabError or OSError where this machine does not let us make one.
    """

    def __init__(self, scene: "Scene", actor: "Actor" = student.call_steps, seconds: float = SECONDS,
                 linger: float = 0.0) -> None:
        self.scene, self.actor, self.seconds, self.linger = scene, actor, seconds, linger
        self.step = ""  # that was called last
        self.staying: dict[int, str] = {}  # who must be there at the end of the check, and what to call them
        self.group = Group()
        self.init = self.student = self.neighbour = 0
        self.init_fd = self.student_fd = -1
        self.ended = ""  # how the student's process ended, as init says it
        self.output, self.dropped = b"", 0
        self._answer = b""
        self.poll = select.poll()

    def __enter__(self) -> "Self":
        gate, self.gate = os.pipe()
        (self.report, report), (self.printed, out), (self.told, told) = os.pipe(), os.pipe(), os.pipe()
        self.ends: tuple[int, ...] = (gate, report, out, told)
        try:
            self._make(gate, report, out, told)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        try:
            if kind is None:
                self.look_again()
        finally:
            self.close()

    # ---- making it

    def _make(self, *ends: int) -> None:
        modules = tuple(self.scene.steps.values())
        for module in modules:
            __import__(module)  # now, for in the sandbox its source is empty
        covered = (*sandbox_mounts.sources(modules), f"{student.PLACE}/contain_lab/labkit/checks")
        packages = (path for path in sys.path if path.endswith("-packages"))
        seen = (f"{student.PLACE}/contain_lab", sys.base_prefix, *packages, *self.scene.needed)
        sandbox_mounts.raise_root(self.scene.package, seen, covered)
        sweep()
        group = self.group.make()
        self.ends = (*ends, group) if group >= 0 else ends
        self.init = syscalls.clone3(ALL)
        if self.init == 0:
            inside.be_init(self.scene, self.actor, group, *ends)
        self.init_fd = os.pidfd_open(self.init)
        sandbox_mounts.drop_root()
        for handle in self.ends:
            os.close(handle)
        self.ends = ()
        self.open = [self.report, self.printed, self.told]
        for handle in self.open:
            os.set_blocking(handle, False)
            self.poll.register(handle, select.POLLIN)
        sandbox_ids.map_ids(self.init)
        os.write(self.gate, b"\n")
        self._meet()

    def _meet(self) -> None:
        """Wait until the student's process stands at the gate, before it has read a line of the student's."""
        answer = self.listen()
        if "ready" not in answer:
            raise ContainLabError(f"sandbox: {answer.get('trouble') or 'its first process went away'}",
                                  "`contain-lab doctor` says what this machine offers")
        *others, self.student = children(self.init)
        self.neighbour = others[0] if others else 0
        self.student_fd = os.pidfd_open(self.student)
        self.staying[self.student] = "the process that ran it"

    # ---- its end

    def look_again(self) -> None:
        """At the end of a check: who came back from a step is still there. Errors: Failed("ended_later").

        A step could set a timer that ends its process after it has returned; the check may have been quicker.
        """
        if self.linger:
            time.sleep(self.linger)
        for pid, what in self.staying.items():
            if not self.program(pid):
                raise Failed("ended_later", what=what, step=self.step)

    def kill(self, pid: int) -> None:
        """End a process of the sandbox with SIGKILL, and wait until it is gone. Errors: Failed where it stays."""
        os.kill(pid, SIGKILL)
        if not self.is_gone(pid):
            raise Failed("went_away", step=self.step, how="it does not end though it was killed")

    def is_gone(self, pid: int, seconds: float = GONE) -> bool:
        """Whether a process has ended, or does so within this time; a zombie has ended."""
        end = time.monotonic() + seconds
        while self.program(pid):
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        self.staying.pop(pid, None)
        return True

    def close(self) -> None:
        """End all that runs in the sandbox, and remove its group. Nothing is left, also when SIGTERM comes now."""
        from _signal import SIG_BLOCK, SIG_UNBLOCK, SIGTERM, pidfd_send_signal, pthread_sigmask

        pthread_sigmask(SIG_BLOCK, [SIGTERM])
        try:
            if self.init_fd >= 0:
                pidfd_send_signal(self.init_fd, SIGKILL)
                os.waitpid(self.init, 0)
                self._drain()
            self.group.remove()
        finally:
            self._close_descriptors()
            pthread_sigmask(SIG_UNBLOCK, [SIGTERM])

    def _close_descriptors(self) -> None:
        for handle in (self.gate, self.report, self.printed, self.told, *self.ends, self.init_fd, self.student_fd):
            if handle >= 0:
                os.close(handle)
        self.ends, self.init_fd, self.student_fd = (), -1, -1
        self.gate = self.report = self.printed = self.told = -1

    # ---- the student's process

    def call(self, step: str, *args: object, alone: bool = True) -> "student.Answer":
        """Let the student's process call a step, and wait until it stands at the gate again: what it says of it.

        alone: whether it is a failure when there are more processes afterwards; a scene with `twice` expects one.
        Errors: Failed with the id of what went wrong ("hung", "went_away", "forked", ...); not for an exception
        that the step raised: that is an answer, {"raised": type, ...}.
        """
        self.step = step
        before = set(self.processes())
        order = files.dump_json({"step": step, "args": list(args)}) + "\n"
        try:
            os.write(self.gate, order.encode())
        except BrokenPipeError:
            raise Failed("went_away", step=step, how=self._how()) from None
        answer = self.listen(step)
        if alone and not self.scene.twice and set(self.processes()) - before:
            raise Failed("forked", step=step)
        return answer

    def must(self, step: str, *args: object) -> "student.Answer":
        """Call a step that has to return. Errors: Failed, also with what it raised."""
        answer = self.call(step, *args)
        if "raised" in answer:
            raise self.explained(self.refused(answer, step))
        return answer

    def must_refuse(self, step: str, *args: object, where: str, closes: bool = True) -> None:
        """Call a step where the kernel refuses it: the error must come through, and nothing stay open.

        where: what the kernel refuses, in words that go on with a comma: "called with a path that is not there".
        closes: whether the descriptors count; not where the package's own step leaves them to the end of the start.
        Errors: Failed("swallowed"), Failed("open_after_error"), and what can happen to any step.
        """
        opened = self.descriptors(self.student)
        answer = self.call(step, *args)
        if "raised" not in answer:
            raise Failed("swallowed", step=step, where=where)
        failure = self.refused(answer, step)
        if failure.message != "raised":
            raise failure
        if closes and (left := self.descriptors(self.student) - opened):
            raise Failed("open_after_error", step=step, where=where, count=len(left))

    def make_no_more(self, kind: str) -> None:
        """From now on the kernel makes no namespace of this kind (its file below /proc/PID/ns) here: ENOSPC.

        man: namespaces(7), "The /proc/sys/user directory".
        """
        self.within(self.init, ("user", "mount"), lambda: files.put(f"/proc/sys/user/max_{kind}_namespaces", "0"))

    def refused(self, answer: "student.Answer", step: str) -> Failed:
        """The failure that belongs to an exception of a step, or of loading its file."""
        values = {"step": step, **{name: answer.get(name, "") for name in ("raised", "said", "frames", "errno")}}
        kind = answer["raised"]
        known = {"NotImplementedError": "not_written", "SystemExit": "exited", "Borrowed": "borrowed",
                 "Missing": "not_written", "SyntaxError": "syntax", "Unloadable": "unloadable",
                 "MemoryError": "memory"}
        return Failed(known.get(str(kind), "raised"), **values)

    def explained(self, failure: Failed) -> Failed:
        """The same failure, with the message of a known mistake where it is one."""
        if failure.message == "raised":
            failure.message = mistakes.known(str(failure.values["said"]))
        return failure

    def listen(self, step: str = "") -> "student.Answer":
        """The next answer of the student's process. Errors: Failed when none comes."""
        end = time.monotonic() + self.seconds
        while b"\n" not in self._answer:
            if self._turn(end) or time.monotonic() > end:
                break
        self._drain()
        if b"\n" not in self._answer:
            raise self._silence(step, end)
        line, _, self._answer = self._answer.partition(b"\n")
        try:
            return files.parse_json(line.decode(errors="replace"), "answer")
        except ContainLabError:
            raise Failed("garbled", step=step) from None

    def _turn(self, end: float) -> bool:
        """Wait for one thing to happen; True when no answer can come any more."""
        for handle, _ in self.poll.poll(max(0.0, end - time.monotonic()) * 1000):
            data = self._read(handle)
            if handle == self.report:
                self._answer += data
                if not data or len(self._answer) > LINE:
                    return True
            elif handle == self.told and not data:
                return True
        return bool(self.ended) and not select.select([self.report], [], [], 0)[0]

    def _read(self, handle: int) -> bytes:
        try:
            data = os.read(handle, 65536)
        except BlockingIOError:
            return b""
        if not data and handle in self.open:
            self.open.remove(handle)
            self.poll.unregister(handle)
        elif handle == self.told:
            self.ended += data.decode(errors="replace")
        elif handle == self.printed:
            kept = data[:max(0, OUTPUT - len(self.output))]
            self.output += kept
            self.dropped += len(data) - len(kept)
        return data

    def _drain(self) -> None:
        """Take what was printed before the answer came."""
        while self.printed >= 0 and select.select([self.printed], [], [], 0)[0] and self._read(self.printed):
            pass

    def _silence(self, step: str, end: float) -> Failed:
        """Why no answer came."""
        if not step:
            return Failed("no_sandbox", step="a step", how=self.ended.strip() or "its first process said nothing")
        if len(self._answer) > LINE:
            return Failed("garbled", step=step)
        if time.monotonic() >= end:
            return Failed("hung", step=step, seconds=f"{self.seconds:g}")
        if not self.ended and self.program(self.student) not in ("", os.readlink("/proc/self/exe")):
            return Failed("executed", step=step)
        if not self.ended and select.select([self.told], [], [], 1)[0]:
            self._read(self.told)
        if self.ended.strip() == f"exit code {student.UNHEARD}":
            return Failed("closed", step=step)
        return Failed("went_away", step=step, how=self._how())

    def _how(self) -> str:
        return self.ended.strip() or "no word of how"

    def printout(self) -> str:
        """What the student's process printed, cut to OUTPUT bytes."""
        said = self.output.decode(errors="replace")
        return said + (f"\n… {self.dropped} bytes more\n" if self.dropped else "")

    # ---- looking

    def processes(self) -> list[int]:
        """All processes of the sandbox but init, by their numbers here."""
        found, new = [], [self.init]
        while new:
            new = [child for pid in new for child in children(pid)]
            found += new
        return found


def children(pid: int) -> list[int]:
    """The children of a process, the oldest first; none where it has ended."""
    try:
        return [int(word) for task in os.listdir(f"/proc/{pid}/task")
                for word in files.get(f"/proc/{pid}/task/{task}/children").split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
