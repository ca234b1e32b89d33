"""PID: a first process, one that dies with its parent, one that reaps. man: pid_namespaces(7), prctl(2), wait(2)."""

import os
import select
import time

from contain_lab import files, syscalls
from contain_lab.labkit.looking.process import Failed
from contain_lab.labkit.sandbox import children, student
from contain_lab.syscalls import CLONE_NEWPID, PR_SET_PDEATHSIG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from contain_lab.labkit.judge.process import Judge
    from contain_lab.labkit.sandbox import Sandbox
    from contain_lab.labkit.sandbox.student import Scene

SIGKILL, SIGTERM = 9, 15
PATIENCE = 2.0  # seconds that what is due may take on a busy machine: only wrong answers take as long
DEATH = 1.0  # seconds that the kernel may take to end a process
LONG = 60.0
ORPHANS = 2
BUSY = 0.1  # seconds of a processor that an init has while nobody ends: only one that does not sleep takes so much


# ---- scenes

def with_parent(scene: "Scene") -> None:
    """The student's process has a child, which calls the steps: the judge may end its parent."""
    _be_parent(os.fork(), scene)


def with_parent_outside(scene: "Scene") -> None:
    """As with_parent, where the child is the first of a PID namespace of its own."""
    _be_parent(syscalls.clone3(CLONE_NEWPID), scene)


def with_parent_that_goes(scene: "Scene") -> None:
    """As with_parent, with one more in between: the child's parent ends when it is asked to be noticed, just before."""
    if os.fork():
        student.stand_still()
    child = os.fork()
    if child == 0:
        vars(syscalls)["prctl"] = _too_late(syscalls.prctl)
    _be_parent(child, scene)


def _too_late(prctl: "Any") -> "Any":
    """The call, which ends the caller's parent before it asks for the signal."""
    def late(option: int, *args: int) -> "Any":
        if option == PR_SET_PDEATHSIG and (parent := os.getppid()) != 1:
            os.kill(parent, SIGKILL)
            while os.getppid() == parent:
                select.select([], [], [], 0.001)
        return prctl(option, *args)

    late.__doc__ = prctl.__doc__
    return late


def _be_parent(child: int, scene: "Scene") -> None:
    """The child calls the steps; its parent ends as the child does, so that the judge is told how."""
    if child:
        syscalls.close_range(student.GATE, 2**32 - 1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os._exit(code if code >= 0 else 128 - code)
    student.call_steps(scene)
    os._exit(0)


def leave_family(code: int = 7, number: int = 0) -> None:
    """The children of process 1: 2 ends, with `code` or by a signal; one orphan stays, and ORPHANS have ended by then.

    Process 2 ends when nobody is a zombie any more, or when PATIENCE is over.
    """
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(say)
        _be_main_child(hear, code, number)
    for seconds in (LONG, *(0.005 * (count + 1) for count in range(ORPHANS))):
        parent = os.fork()
        if parent == 0:
            orphan = os.fork()
            if orphan == 0:
                select.select([], [], [], seconds)
                os._exit(1)
            if seconds != LONG:
                os.write(say, bytes([orphan]))
            os._exit(0)
        os.waitpid(parent, 0)
    os.close(hear)
    os.close(say)


def _be_main_child(hear: int, code: int, number: int) -> "NoReturn":
    """Wait until the orphans have been waited for, or too long; then end."""
    orphans = b""
    while len(orphans) < ORPHANS:
        orphans += os.read(hear, ORPHANS)
    for _ in range(int(PATIENCE / 0.005)):
        if not [pid for pid in orphans if os.path.exists(f"/proc/{pid}")]:
            break
        select.select([], [], [], 0.005)
    _see_that_it_sleeps()
    if number:
        os.kill(os.getpid(), number)
        select.select([], [], [], LONG)
    os._exit(code)


def _see_that_it_sleeps() -> None:
    """Give process 1 nothing to do until it sleeps, or has been seen to be BUSY."""
    begin, asleep = processor_time(1), 0
    while asleep < 3 and processor_time(1) - begin < 2 * BUSY:
        select.select([], [], [], 0.002)
        asleep = asleep + 1 if files.get("/proc/1/stat").rpartition(")")[2].split()[0] == "S" else 0


def processor_time(pid: int) -> float:
    """Seconds that a process has had a processor. man: clock_getcpuclockid(3), whose number this is."""
    return time.clock_gettime((~pid << 3) | 2)


SCENES: "dict[str, dict[str, Any]]" = {
    "clone_into_namespaces": {"twice": True},
    "die_with_parent": {"actor": with_parent},
    "reap_children": {"first": True, "prepare": leave_family},
}


# ---- what a trial shows

def show_child(box: "Sandbox") -> list[tuple[str, str]]:
    """The child of the student's process."""
    found = children(box.student)
    return [("child", told_numbers(box, found[-1]) if found else "none")]


def told_numbers(box: "Sandbox", pid: int) -> str:
    """A process by its number inside, and the kinds of namespaces that are not its parent's."""
    mine, its = box.namespaces(box.student), box.namespaces(pid)
    new = [kind for kind in mine if mine[kind] != its[kind] and not kind.endswith("_for_children")]
    return f"process {box.status(pid)['NSpid'][-1]} in there; namespaces of its own: {', '.join(new) or 'none'}"


def show_parent(box: "Sandbox") -> list[tuple[str, str]]:
    """The parent of the process that calls the step."""
    return [("parent", f"process {box.status(box.student)['NSpid'][-1]}")]


def show_children(box: "Sandbox") -> list[tuple[str, str]]:
    """How many children process 1 has."""
    return [("children", str(len(children(box.student))))]


SHOWN = {"clone_into_namespaces": show_child, "die_with_parent": show_parent, "reap_children": show_children}


# ---- clone

def clone(judge: "Judge") -> dict[str, object]:
    """clone_into_namespaces(kinds): a child in new namespaces of these kinds; its pid here, and 0 in the child."""
    for kinds in (("pid",), ("uts", "pid", "ipc")):
        with judge.sandbox(**SCENES["clone_into_namespaces"]) as box:
            _clone_and_look(box, kinds)
            if len(kinds) > 1:
                box.make_no_more("uts")
                box.must_refuse("clone_into_namespaces", ["uts"],
                                where="called with uts, where the kernel makes no more of these (ENOSPC)")
    return {}


def _clone_and_look(box: "Sandbox", kinds: tuple[str, ...]) -> None:
    before = box.namespaces(box.student)
    said = box.must("clone_into_namespaces", kinds)
    asked, after = ", ".join(kinds), box.namespaces(box.student)
    if moved := [kind for kind in before if before[kind] != after[kind]]:
        raise Failed("pid.clone.moved", moved=", ".join(moved), kinds=asked)
    found = children(box.student)
    if not found:
        raise Failed("pid.clone.no_child", kinds=asked)
    number, its = box.status(found[-1])["NSpid"], box.namespaces(found[-1])
    new = {kind for kind in before if its[kind] != before[kind] and not kind.endswith("_for_children")}
    values = {"kinds": asked, "made": ", ".join(sorted(new))}
    if len(number) == len(box.status(box.student)["NSpid"]):
        raise Failed("pid.clone.missing" if new else "pid.clone.same", number=number[-1], **values)
    if said["returned"] != number[-2]:
        raise Failed("pid.clone.returned", returned=said["returned"] or "None", pid=number[-2])
    if not _stays(box, found[-1]):
        raise Failed("pid.clone.child_value")
    if set(kinds) - new:
        raise Failed("pid.clone.missing", **values)
    if more := new - set(kinds):
        raise Failed("pid.clone.more", kinds=asked, more=", ".join(sorted(more)))


def _stays(box: "Sandbox", pid: int) -> bool:
    """Whether a child has come back with 0: then it lets go of the judge's pipes, and stays."""
    def settled() -> bool:
        try:
            return not box.descriptors(pid) & {str(student.GATE), str(student.REPORT)}
        except OSError:
            return True
    return _soon(settled) and bool(box.program(pid))


# ---- the parent's end

def parent(judge: "Judge") -> dict[str, object]:
    """die_with_parent(parent): the process ends when its parent does; one whose parent has gone already is told."""
    with judge.sandbox(actor=with_parent) as box:
        _call_and_kill(box, "pid.parent.survives")
    with judge.sandbox(actor=with_parent_outside) as box:
        _call_and_kill(box, "pid.parent.deaf")
    with judge.sandbox(actor=with_parent_that_goes) as box:
        middle = children(box.student)[0]
        said = box.call("die_with_parent", int(box.status(middle)["NSpid"][-1]))
        gone = not box.program(middle)  # unless the step went past `syscalls`
    if not gone or "raised" not in said:
        _call_too_late(judge)
    if gone and "raised" not in said:
        raise Failed("pid.parent.order")
    return {}


def _call_too_late(judge: "Judge") -> None:
    """Call the step for a parent that is not there: is it looked at, at all?"""
    with judge.sandbox(actor=with_parent) as box:
        pid = int(box.status(box.student)["NSpid"][-1]) + 1000
        said = box.call("die_with_parent", pid)
        if "raised" not in said and box.program(children(box.student)[-1]):
            raise Failed("pid.parent.late", pid=pid)
        failure = box.refused(said, "die_with_parent")
        if failure.message != "raised":
            raise failure


def _call_and_kill(box: "Sandbox", message: str) -> None:
    """Call the step in the child, with its parent's number, then end the parent."""
    pid, child = int(box.status(box.student)["NSpid"][-1]), children(box.student)[-1]
    said = box.call("die_with_parent", pid)
    if "raised" in said:
        failure = box.refused(said, "die_with_parent")
        if failure.message == "raised" and message == "pid.parent.deaf":
            raise Failed("pid.parent.zero", **failure.values, pid=pid)
        raise failure
    box.kill(box.student)
    if not box.is_gone(child, DEATH):
        raise Failed(message)


# ---- an init

def reap(judge: "Judge") -> dict[str, object]:
    """reap_children(child): waits for whoever ends until the child has ended; its exit code, or 128 and the signal."""
    code = 3 + int(judge.fresh_name().rpartition("-")[2], 16) % 100
    with judge.sandbox(first=True, prepare=lambda: leave_family(code)) as box:
        _reap_and_look(box, str(code), "pid.reap.code")
    with judge.sandbox(first=True, prepare=lambda: leave_family(number=SIGTERM)) as box:
        _reap_and_look(box, str(128 + SIGTERM), "pid.reap.signal")
    return {}


def _reap_and_look(box: "Sandbox", due: str, message: str) -> None:
    before = processor_time(box.student)
    said = _call_reaper(box)
    used = processor_time(box.student) - before
    left = {pid: box.status(pid) for pid in children(box.student)}
    if any(its["NSpid"][-1] == "2" for its in left.values()):
        raise Failed("pid.reap.early", returned=said["returned"] or "None")
    if dead := [its for its in left.values() if its["State"][0] == "Z"]:
        raise Failed("pid.reap.zombies", count=len(dead))
    if not left:
        raise Failed("pid.reap.killed")
    if not said["returned"]:
        raise Failed("pid.reap.no_code", due=due)
    if message == "pid.reap.code" and said["returned"] in (str(128 + int(due)), str(128 - int(due))):
        message = "pid.reap.always"
    if said["returned"] != due:
        raise Failed(message, returned=said["returned"], due=due)
    if used > BUSY:
        raise Failed("pid.reap.busy", used=round(used * 1000))


def _call_reaper(box: "Sandbox") -> "student.Answer":
    try:
        return box.must("reap_children", 2)
    except Failed as failure:
        if failure.message == "hung" and "2" not in [box.status(pid)["NSpid"][-1] for pid in children(box.student)]:
            raise Failed("pid.reap.goes_on") from None
        raise


# ---- a container

ORPHANS_AND_MORE = "(true &); (true &); sleep 0.05; exec tail -f /dev/null"


def container(judge: "Judge") -> dict[str, object]:
    """A container that the student's steps make: a PID namespace, an init that reaps, and its end with its runtime."""
    with judge.container() as box:
        pid = box.start(args=("/bin/sh", "-c", ORPHANS_AND_MORE), init=True, stays=False)
        numbers, outside = box.status(pid)["NSpid"], box.status(box.init)["NSpid"]
        if len(numbers) == len(outside):
            raise Failed("pid.container.same_namespace")
        first = int(box.status(pid)["PPid"][0])
        if not _soon(lambda: box.status(pid)["Name"] == ["tail"]):
            raise Failed("nothing_runs")
        if not _soon(lambda: len(children(first)) == 1):
            raise Failed("pid.container.zombies", count=len(children(first)) - 1)
        box.kill(box.student)
        if not box.is_gone(pid, DEATH):
            raise Failed("pid.container.survives")
    return {}


def _soon(reached: "Any") -> bool:
    """Whether something is so within PATIENCE."""
    for _ in range(int(PATIENCE / 0.005)):
        if reached():
            return True
        select.select([], [], [], 0.005)
    return False


CHECKS = {"pid.clone": clone, "pid.parent": parent, "pid.reap": reap, "pid.container": container}
