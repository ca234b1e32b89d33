"""The judge: a process of its own, with one thread, that runs one check and prints a verdict as a line of JSON.

It is started by `judge` for each check, and to try a step of a Build cell. It imports what it needs and no more,
for a student waits. A request has: check (an id), or check, step (a name) and args to try a step; package (the folder
of the student's files); steps ({name: module of ours}); seed (text, for names that can be told again); seconds (for
one call of a step); path (where else modules are); parent (the process that waits). An answer has: message (the id of
a sentence), passed, values, output.

The machine is left as it was also when this process is stopped (SIGTERM), or when whoever started it dies
(PR_SET_PDEATHSIG, prctl(2)).
"""

import os
import sys
import time

from contain_lab import files, syscalls
from contain_lab.errors import ContainLabError, explain
from contain_lab.labkit.sandbox import Failed, Sandbox, children, student
from contain_lab.labkit.sandbox import ids as sandbox_ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from contain_lab.labkit.sandbox.container import Container
    from contain_lab.labkit.sandbox.student import Actor

SIGTERM = 15
SETTLED = 0.5  # seconds for a child to print in
LINGER = 0.1  # seconds that pass before the last look, where a step is graded: there is a seed then


class Judge:
    """What a check is given: sandboxes with the student's files, and names that nobody can know before."""

    def __init__(self, package: str, steps: dict[str, str], seed: str = "", seconds: float = 5.0) -> None:
        self.package, self.steps, self.seconds = package, steps, seconds
        self.linger = LINGER if seed else 0.0
        self.numbers = None
        if seed:
            from _random import Random

            self.numbers = Random(int.from_bytes(seed.encode(), "little"))
        self.boxes: list[Sandbox] = []

    def sandbox(self, *, actor: "Actor" = student.call_steps, **scene: "Any") -> Sandbox:
        """A sandbox in which a process waits to call the student's steps; scene: `student.Scene`."""
        box = Sandbox(student.Scene(self.package, self.steps, **scene), actor, self.seconds, self.linger)
        self.boxes.append(box)
        return box

    def container(self, image: str = "busybox", *, layered: bool = True, **scene: "Any") -> "Container":
        """A sandbox in which the runtime starts containers of an image, with the student's steps: see `Container`.

        layered: whether a container has a writable layer above the image (overlay), or the image's folder, bound
        (`bind_rootfs`). Errors: NotFound for the image.
        """
        from contain_lab.labkit.sandbox.container import container_box  # no other check pays for it

        box = container_box(image, layered, lambda needed: student.Scene(
            self.package, self.steps, needed=needed, **scene), self.seconds, self.linger)
        self.boxes.append(box)
        return box

    def fresh_name(self, start: str = "box") -> str:
        """A host name: random, or from the seed."""
        number = self.numbers.getrandbits(32) if self.numbers else int.from_bytes(os.urandom(4), "little")
        return f"{start}-{number:08x}"

    def printout(self) -> str:
        """What the student's steps printed."""
        return "".join(box.printout() for box in self.boxes)


def main() -> None:
    """Take a request from standard input, print the answer, and exit."""
    from _signal import signal

    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, SIGTERM)
    signal(SIGTERM, stop)
    request = files.parse_json(sys.stdin.read(), "request")
    sys.path.extend(request["path"])
    os.umask(0o022)
    if os.getppid() == request["parent"]:
        os.write(1, files.dump_json(answer(request)).encode() + b"\n")


def stop(number: int, frame: object) -> None:
    """End in an orderly way, once: what is made is taken away on the way out."""
    from _signal import SIG_IGN, signal

    signal(number, SIG_IGN)
    raise SystemExit(128 + number)


def answer(request: "dict[str, Any]") -> "dict[str, Any]":
    """Run what is asked for, and say what came of it."""
    topic = __import__(f"contain_lab.labkit.checks.{request['check'].partition('.')[0]}", fromlist=["_"])
    judge = Judge(request["package"], request["steps"], request["seed"], request["seconds"])
    try:
        sandbox_ids.stand_apart()
        if request.get("step"):
            values = attempt(judge, topic, request["step"], request["args"])
        else:
            values = topic.CHECKS[request["check"]](judge)
    except Failed as failed:
        return {"passed": False, "message": failed.message, "values": failed.values, "output": judge.printout()}
    except (ContainLabError, OSError) as error:
        message, hint = explain(error)
        return {"trouble": message, "hint": hint}
    return {"passed": True, "message": request["check"], "values": values, "output": judge.printout()}


def attempt(judge: Judge, topic: "ModuleType", step: str, args: "list[Any]") -> "dict[str, Any]":
    """Call a step once, and tell what the kernel shows of it. Errors: Failed where it did not come back."""
    due = getattr(topic, "POSSIBLE", {}).get(step, lambda args: args)(args)  # here; a sandbox may lack what others have
    with judge.sandbox(**topic.SCENES.get(step, {})) as box:
        before, name = box.namespaces(box.student), box.hostname(box.student)
        look = getattr(topic, "SHOWN", {}).get(step)  # what else this step changes, told in a sentence
        seen = look(box) if look else None
        said = box.must(step, *due)
        await_print(box)
        after = box.namespaces(box.student)
        return {"args": due if due != args else None, "calls": said["calls"], "returned": said["returned"],
                "name_before": name, "name_after": box.hostname(box.student), "host": box.hostname(box.init),
                "before": seen, "after": look(box) if look else None,
                "changed": [kind.replace("_for_children", " of its next child") for kind in before
                            if before[kind] != after[kind]]}


def await_print(box: Sandbox) -> None:
    """Where a step returned in a child, too: wait until the child has printed, and stands still."""
    end = time.monotonic() + SETTLED
    for child in children(box.student) if box.scene.twice else ():
        while os.path.lexists(f"/proc/{child}/fd/{student.GATE}") and time.monotonic() < end:
            time.sleep(0.002)
