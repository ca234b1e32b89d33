"""A process that moves into namespaces of its own and looks around: run by `play.namespaces`, prints JSON.

A kernel of a notebook has many threads, so this is a process of its own. First it stands on a stage, in mount, UTS
and IPC namespaces that play the host's: what is done there does not reach the machine. Then a child moves on into
what was ticked, sets a host name, mounts a file system, and tells what it sees; after it the stage is looked at again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from contain_lab import namespaces, syscalls
from contain_lab.errors import name_of

NEW_PROC = "a new /proc"
DAYS = 100 * 86400    # seconds; what a time namespace adds to the time since boot


def main(ticked: list[str]) -> None:
    """Set the stage, send a child into what was ticked, and print {before, inside, host}."""
    stand_on_stage()
    before = look()
    reader, writer = os.pipe()
    if os.fork() == 0:
        _say(writer, lambda: go_in(ticked, writer))
        os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as answer:
        inside = json.loads(answer.read() or "{}")
    os.wait()
    json.dump({"before": before, "inside": inside, "host": look()}, sys.stdout)


def stand_on_stage() -> None:
    """Namespaces that play the host's; an ordinary user gets them within a user namespace."""
    user, group = os.geteuid(), os.getegid()
    apart = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWIPC
    syscalls.unshare(apart if user == 0 else apart | syscalls.CLONE_NEWUSER)
    if user:
        for file, words in (("uid_map", f"0 {user} 1"), ("setgroups", "deny"), ("gid_map", f"0 {group} 1")):
            _write(f"/proc/self/{file}", words)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.sethostname("the-host")
    subprocess.run(["ipcmk", "-M", "64"], check=True, stdout=subprocess.DEVNULL)


def go_in(ticked: list[str], writer: int) -> None:
    """Move into new namespaces; who looks is a child, because a PID and a time namespace are for children."""
    kinds = {kind: flag for kind, (_, flag) in namespaces.KINDS.items() if kind in ticked}
    if flag := kinds.pop("user", 0):    # first: it gives the privileges for the others
        syscalls.unshare(flag)
    syscalls.unshare(sum(kinds.values()))
    if "time" in kinds:
        _write("/proc/self/timens_offsets", f"boottime {DAYS} 0")
    if os.fork() == 0:
        _say(writer, lambda: os.write(writer, json.dumps(act(NEW_PROC in ticked)).encode()))
        os._exit(0)
    os.wait()


def act(new_proc: bool) -> dict[str, Any]:
    """What a process in there does, and then sees; refused: {what: errno} of what it may not do."""
    deeds: dict[str, Callable[[], None]] = {
        "host name": lambda: syscalls.sethostname("box"),
        "mounts": lambda: syscalls.mount("tmpfs", "/tmp", "tmpfs", 0),
    }
    if new_proc:
        deeds["processes"] = lambda: syscalls.mount("proc", "/proc", "proc", 0)
    refused = {}
    for what, deed in deeds.items():
        try:
            deed()
        except OSError as error:
            refused[what] = name_of(error.errno or 0)
    return {**look(), "refused": refused}


def look() -> dict[str, Any]:
    """What the caller sees of the machine."""
    return {
        "host name": os.uname().nodename,
        "segments": len(_lines("/proc/sysvipc/shm")) - 1,
        "pid": os.getpid(),
        "proc": os.stat("/proc").st_dev,
        "processes": sum(each.isdigit() for each in os.listdir("/proc")),
        "mounts": len(_lines("/proc/thread-self/mountinfo")),
        "links": sorted(line.split(":")[0].strip() for line in _lines("/proc/thread-self/net/dev")[2:]),
        "uid": os.getuid(),
        "cgroup": os.readlink("/proc/thread-self/ns/cgroup"),
        "boot": time.clock_gettime(time.CLOCK_BOOTTIME),
    }


def _say(writer: int, deed: Callable[[], object]) -> None:
    """Do something, and write what was refused, where it was."""
    try:
        deed()
    except OSError as error:
        os.write(writer, json.dumps({"error": str(error)}).encode())


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def _write(path: str, words: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(words)


if __name__ == "__main__":
    main(sys.argv[1:])
