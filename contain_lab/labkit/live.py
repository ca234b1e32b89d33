"""A container in the background, to be looked at from outside: `contain-lab run`, as a person types it.

The kernel of a notebook has many threads, and a container is made by a process that has one: so a command launches
it, not the kernel. Between the two stands a watcher. It holds a pipe whose other end the kernel has: when the kernel
goes, in whatever way, the pipe ends, and the watcher ends the container.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

from contain_lab.labkit.looking import processes
from contain_lab.labkit.sentence import Refused

SECONDS = 5.0
_running: dict[str, Box] = {}


class Box:
    """A container that runs. pid: the number of its first process on the host; command: what it runs."""

    def __init__(self, command: list[str], run: subprocess.Popen[str]) -> None:
        self.command, self.run = command, run
        self.pid = _wait_for(run, command)
        _settle(self.pid)

    def __repr__(self) -> str:
        state = "running" if self.run.poll() is None else "ended"
        return f"a container, {state}: {' '.join(self.command)}"

    def stop(self) -> None:
        """Kill its first process from outside, and wait until `contain-lab run` has cleared up."""
        if self.run.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        self.run.communicate(timeout=SECONDS)    # waits, and closes the pipes


def background(image: str, *command: str, hostname: str = "box", options: str = "", user: str = "") -> Box:
    """Start a container and go on; one of the same host name that still runs is stopped first.

    options: more of them, in one text; user: words that make it another user's container, see `ordinary_user`.
    Errors: Refused with what `contain-lab run` said, when it ended at once.
    """
    if hostname in _running:
        _running.pop(hostname).stop()
    words = [*user.split(), "contain-lab", "run", "--rm", "--hostname", hostname, *options.split(), image, *command]
    run = subprocess.Popen([sys.executable, "-m", __name__, *words], stdin=subprocess.PIPE, text=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    _running[hostname] = Box(list(command), run)
    return _running[hostname]


def running() -> list[Box]:
    """Containers of this notebook that have not been stopped."""
    return [box for box in _running.values() if box.run.poll() is None]


def _wait_for(run: subprocess.Popen[str], command: list[str]) -> int:
    """The container's first process, once it, or the child of an init, executes the command."""
    name, end = os.path.basename(command[0])[:15], time.monotonic() + SECONDS
    while time.monotonic() < end:
        for pid in _inner(run.pid):
            if name in [processes.status(each).get("Name") for each in (pid, *processes.children(pid))]:
                return pid
        if run.poll() is not None:
            said = run.communicate()[1].strip().removeprefix("contain-lab: ")
            raise Refused(f"container: {said or f'it ended with {run.returncode}'}")
        time.sleep(0.01)
    run.communicate(timeout=SECONDS)    # closes its input, so the watcher ends it
    raise Refused(f"container: {name} did not start in {SECONDS:.0f} s",
                  "contain-lab clean removes what is left")


def _settle(pid: int) -> None:
    """Wait until a container's first process and its children are the same twice, and sleep; a second at most."""
    end, before = time.monotonic() + 1, [""]
    while time.monotonic() < end:
        now = [f"{each} {processes.status(each).get('Name')}" for each in (pid, *processes.children(pid))]
        if now == before and all(processes.status(int(each.split()[0])).get("State", "S")[0] == "S" for each in now):
            return
        before = now
        time.sleep(0.03)


def _inner(pid: int) -> list[int]:
    """The processes below one that are process 1 of a PID namespace below ours."""
    here = len(processes.numbers(processes.status(os.getpid())))
    numbers = {each: processes.numbers(processes.status(each)) for each in processes.below(processes.everyone(), [pid])}
    return [each for each, its in numbers.items() if len(its) > here and its[-1] == 1]


# ---- the watcher

def main(words: list[str]) -> int:
    """Run a command until it ends, or until standard input does: then its container is ended. Its exit code."""
    run = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    ended = os.pidfd_open(run.pid)
    ready, _, _ = select.select([ended, sys.stdin], [], [])
    while ended not in ready:
        for pid in _inner(run.pid):
            os.kill(pid, signal.SIGKILL)
        ready, _, _ = select.select([ended], [], [], 0.05)    # it may not have come to its container yet
    return run.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
