"""Steps in a process of their own, which stands still so that it can be looked at from outside."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contain_lab.errors import explain


@contextlib.contextmanager
def apart(*steps: Callable[[], object]) -> Iterator[int]:
    """Run steps in a child process that then waits; its pid. AssertionError with the step's own error."""
    hear, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for step in steps:
                step()
            os.write(say, b"-")
            signal.pause()
        except BaseException as error:  # noqa: BLE001  it is told outside
            os.write(say, ": ".join(explain(error)).encode())
        finally:
            os._exit(1)
    os.close(say)
    said = os.read(hear, 10_000).decode()
    os.close(hear)
    try:
        assert said == "-", said
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def refusal(*steps: Callable[[], object]) -> str:
    """What steps say that fail in a child process: message and hint."""
    with pytest.raises(AssertionError) as failed, apart(*steps):
        pass
    return str(failed.value.args[0]).split("\nassert")[0]


def namespace(pid: int | str, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def mounts(pid: int) -> dict[str, list[str]]:
    """The mounts of a process: {place: [options, type, options of the file system]}; the last one of each place."""
    found = {}
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        found[before.split()[4]] = [before.split(" ", 5)[5], after.split()[0], after.split()[2]]
    return found


def status(pid: int) -> dict[str, str]:
    """/proc/PID/status as {field: value}."""
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}
