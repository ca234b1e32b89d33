"""Measure what a thing costs: it is done many times in a fresh process of one thread; the median is shown.

The process moves into namespaces of its own first: what is measured does not touch the machine.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from contain_lab import image, syscalls
from contain_lab.labkit.sentence import Refused, Sentence

ROUNDS = 200


def measure(*names: str, rounds: int = ROUNDS) -> Sentence:
    """Median microseconds of each thing, with the quartiles; names: of THINGS. Errors: Refused for others."""
    if unknown := [name for name in names if name not in THINGS]:
        raise Refused(f"measure {unknown[0]!r}: there is no such thing", f"there are {', '.join(THINGS)}")
    done = subprocess.run([sys.executable, "-m", __name__, str(rounds), *names],
                          capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise Refused(f"measure: {done.stderr.strip().splitlines()[-1]}")
    wide = max(len(name) for name in names)
    lines = [f"{name:{wide}}  {middle:8.1f} µs   (half of all: {low:.1f} µs to {high:.1f} µs)"
             for name, (low, middle, high) in zip(names, json.loads(done.stdout), strict=True)]
    return Sentence("\n".join([*lines, f"medians of {rounds} rounds, taken in turn"]))


def main(words: list[str]) -> None:
    """Measure in this process, and write the quartiles as JSON."""
    rounds, names = int(words[0]), words[1:]
    syscalls.unshare(syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWNET)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    times: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        THINGS[name]()    # the first time costs more than every other
    for _ in range(rounds):
        for name in names:    # in turn, so that a disturbance meets all of them
            begin = time.perf_counter_ns()
            THINGS[name]()
            times[name].append((time.perf_counter_ns() - begin) / 1000)
    json.dump([statistics.quantiles(times[name]) for name in names], sys.stdout)


# ---- things

def fork_and_wait() -> None:
    """A child that ends at once."""
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def run_true() -> None:
    """A child that executes a program."""
    if (pid := os.fork()) == 0:
        os.execv("/bin/true", ["true"])
    os.waitpid(pid, 0)


def unshare_once() -> None:
    """A new UTS namespace; the one before it is freed."""
    syscalls.unshare(syscalls.CLONE_NEWUTS)


def unshare_ipc_once() -> None:
    """A new IPC namespace; the one before it is freed."""
    syscalls.unshare(syscalls.CLONE_NEWIPC)


def unshare_network() -> None:
    """A new network namespace; the one before it is freed later, by the kernel's own workers."""
    syscalls.unshare(syscalls.CLONE_NEWNET)


def name_once() -> None:
    """A host name."""
    syscalls.sethostname("measured")


def ask_pid() -> None:
    """A system call that does next to nothing."""
    os.getppid()


def bind_image() -> None:
    """The busybox image, at another place, and away again."""
    source, place = image_and_place()
    syscalls.mount(source, place, None, syscalls.MS_BIND)
    syscalls.umount2(place, syscalls.MNT_DETACH)


def copy_image() -> None:
    """The same files, copied, and removed again."""
    source, place = image_and_place()
    shutil.copytree(source, f"{place}/rootfs", symlinks=True)
    shutil.rmtree(f"{place}/rootfs")


@functools.cache
def image_and_place() -> tuple[str, str]:
    """The root file system of busybox, and an empty folder that goes with this process."""
    place = tempfile.TemporaryDirectory(prefix="cl-measured-")
    atexit.register(place.cleanup)
    return image.find("busybox").rootfs, place.name


THINGS: dict[str, Callable[[], None]] = {
    "getppid": ask_pid, "sethostname": name_once, "unshare(CLONE_NEWUTS)": unshare_once,
    "unshare(CLONE_NEWNET)": unshare_network,
    "unshare(CLONE_NEWIPC)": unshare_ipc_once,
    "bind mount the image, unmount it": bind_image, "copy the image, remove it": copy_image,
    "fork and wait": fork_and_wait, "fork, execve, wait": run_true,
}

if __name__ == "__main__":
    main(sys.argv[1:])
