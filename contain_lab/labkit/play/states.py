"""The start of a container that writes down, after each step, what the process has become: run by `play.start`.

Steps are recorded as for --trace; the sink looks at its own process, in /proc, and writes a line of JSON each time:
[step, its arguments, state], null for a step of the parent. The first line is the state before anything was done.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from contain_lab import engine, namespaces

State = dict[str, Any]


class States:
    """A sink that writes the state after each step; pid: of the parent, whose steps change no state."""

    def __init__(self, fd: int) -> None:
        self.fd, self.root, self.pid = fd, "", os.getpid()
        self.step, self.child = ("", ""), False
        self.say("", "", look(""))

    def begin(self, event: dict[str, Any]) -> None:
        """The child begins with what the step has made of it in which it was made."""
        if event["pid"] != self.pid and not self.child:
            self.child = True
            self.say(*self.step, look(""))
        self.step = _named(event)
        self.root = event["args"].get("root", f'"{self.root}"').strip('"')

    def end(self, event: dict[str, Any]) -> None:
        """The state after a step; one that may no longer be looked at is left out."""
        if "call" in event or not isinstance(event["result"], int):
            return
        try:
            state = look(self.root) if event["pid"] != self.pid else None
        except OSError:
            return
        self.say(*_named(event), state)

    def say(self, step: str, args: str, state: State | None) -> None:
        """A line, with one write."""
        os.write(self.fd, f"{json.dumps([step, args, state])}\n".encode())


def _named(event: dict[str, Any]) -> tuple[str, str]:
    return event["step"].rpartition(".")[2], ", ".join(event["args"].values())


def look(root: str) -> State:
    """What the caller has become; root: where the container's root lies as long as it is not the caller's own."""
    status = dict(line.split(":\t", 1) for line in _read("/proc/thread-self/status").splitlines() if ":\t" in line)
    points = [line.split()[4] for line in _read("/proc/thread-self/mountinfo").splitlines()]
    here = os.stat("/")
    files = {kind: file for kind, (file, _) in namespaces.KINDS.items()}
    return {
        "namespaces": {kind: os.readlink(f"/proc/thread-self/ns/{file}") for kind, file in files.items()},
        "host name": os.uname().nodename,
        "root": [here.st_dev, here.st_ino],
        "mounts": points,
        "below": root,
        "folder": os.getcwd(),
        "uid": status["Uid"].split()[1],
        "capabilities": f"{int(status['CapEff'], 16):b}".count("1"),
        "bounding": f"{int(status['CapBnd'], 16):b}".count("1"),
        "no_new_privs": status["NoNewPrivs"].strip(),
        "seccomp": status["Seccomp"].strip(),
    }


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def main(path: str, words: list[str]) -> int:
    """Run a container of an image, and write the states into a file; its exit code."""
    plan = engine.prepare(words[0], words[1:], engine.Asked(hostname="box"))
    engine.record(plan, States(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)))
    return engine.run(plan, False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
