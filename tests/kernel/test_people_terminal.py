"""A person's terminal: what is pasted, what is shown, and a terminal that goes away."""

import fcntl
import json
import os
import select
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from people import Run
from test_run import read_until

pytestmark = pytest.mark.needs("root", "busybox", "overlay")


@contextmanager
def at_a_terminal(run: Run, *words: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """`contain-lab run` at a terminal of its own, as a window has it; the process, and the end of who types."""
    ours, theirs = os.openpty()
    process = run.begin("run", *words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(theirs)
    try:
        yield process, ours
        process.wait(10)
    finally:
        process.kill()
        process.wait()


def test_much_that_is_pasted_is_no_standstill(run):
    """A program that shows more than it is given: who waits until it reads does not take what it shows."""
    program, shown = "stty raw -echo; echo ready; exec hexdump -C -v", 0
    with at_a_terminal(run, "--rm", "--name", "web", "-it", "busybox", "sh", "-c", program) as (_, terminal):
        read_until(terminal, b"ready")
        os.set_blocking(terminal, False)
        typing = threading.Thread(target=paste, args=(terminal, 100_000), daemon=True)
        typing.start()
        end = time.monotonic() + 20
        while (typing.is_alive() or shown < 300_000) and time.monotonic() < end:  # a line of 79 for each 16
            if select.select([terminal], [], [], 0.1)[0]:
                shown += len(os.read(terminal, 65536))
        assert time.monotonic() < end, f"it stands still after {shown} bytes"
        os.close(terminal)
        run.do("rm", "-f", "web")


def paste(terminal: int, size: int) -> None:
    while size:
        select.select([], [terminal], [])
        size -= os.write(terminal, b"x" * min(size, 1024))


def test_a_terminal_that_goes_away_ends_the_container(run):
    with at_a_terminal(run, "--rm", "-it", "busybox", "sh") as (process, terminal):
        read_until(terminal, b"# ")
        os.close(terminal)
        assert process.wait(10) == 0  # a shell at the end of its input
    assert run.left() == []


def test_a_program_that_does_not_care_runs_on_without_its_terminal(run):
    program = "trap '' HUP; echo ready; sleep 0.5; echo unseen; exit 4"
    with at_a_terminal(run, "--name", "web", "-it", "busybox", "sh", "-c", program) as (process, terminal):
        read_until(terminal, b"ready")
        os.close(terminal)
    assert process.returncode == 4
    assert json.loads(run.do("inspect", "web").out)[0]["State"]["ExitCode"] == 4
    run.do("rm", "web")


def test_the_end_of_what_is_shown_is_not_lost(run):
    with at_a_terminal(run, "--rm", "-it", "busybox", "sh", "-c", "seq 20000; echo last") as (process, terminal):
        assert b"19999\r\n20000\r\nlast\r\n" in read_until(terminal, b"last\r\n")
    assert process.returncode == 0
    os.close(terminal)
