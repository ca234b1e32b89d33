"""`contain-lab run --init`: an init as process 1 reaps who ends, passes signals on, and ends as its program does."""

import os
from pathlib import Path

import pytest
from bundles import until
from test_run import children_of, comm

from contain_lab.container import trampoline

pytestmark = pytest.mark.needs("root", "busybox", "overlay")


ORPHAN = "(sleep 0.1 &); {} sleep 0.5"    # the child of a shell that ends at once


def test_an_init_is_process_1_and_no_zombie_stays(run):
    look = "cat /proc/[0-9]*/status | grep -c zombie; tr '\\0' ' ' < /proc/1/cmdline"
    said = run("--init", "busybox", "sh", "-c", f"{ORPHAN.format('')}; echo $$; {look}").out
    assert said == f"2\n0\ncontain_lab:init /bin/sh sh -c {ORPHAN.format('')}; echo $$; {look} "
    process = run.begin("run", "--rm", "busybox", "sh", "-c", f"{ORPHAN.format('exec')}")
    assert until(lambda: [each for each in run.processes() if "zombie" in status_of(each)])    # without an init it does
    process.communicate(timeout=10)


def status_of(pid: str) -> str:
    return "\n".join(Path(f"/proc/{each}/status").read_text() for each in [pid, *map(str, children_of(int(pid)))])


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("exec nope", 127)])
def test_an_init_ends_as_its_program(run, script, code):
    assert run("--init", "busybox", "sh", "-c", script).code == code


def test_an_init_passes_on_what_process_1_would_be_deaf_to(run):
    process = run.begin("run", "--rm", "--init", "busybox", "sleep", "60")
    inside = until(lambda: [each for first in children_of(process.pid) for each in children_of(first)])
    until(lambda: comm(str(inside[0])) == "sleep")
    process.terminate()
    assert process.wait(10) == 143
    process.communicate()


def test_an_init_is_a_few_sealed_bytes(run):
    process = run.begin("run", "--rm", "--init", "busybox", "sleep", "60")
    first = until(lambda: [each for each in children_of(process.pid) if children_of(each)])[0]
    assert Path(f"/proc/{first}/exe").read_bytes() == trampoline.program(os.uname().machine, with_init=True)
    assert os.listdir(f"/proc/{first}/fd") == ["0", "1", "2"]
    process.terminate()
    process.communicate(timeout=10)
