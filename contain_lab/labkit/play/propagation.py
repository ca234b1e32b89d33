"""Two mount namespaces, and who hears of whose mounts: tried on a stage, and drawn.

A fresh process makes a stand-in for a machine: a mount namespace of its own, in which the mount at /srv is shared.
Another process moves into a copy of it, and makes its own mount at /srv private, slave or shared. Then each mounts a
file system below /srv. Both tables are drawn, and all of it goes with the two processes. man: mount_namespaces(7).
"""

from __future__ import annotations

import os
import subprocess
import sys

from contain_lab import syscalls
from contain_lab.labkit.pictures import Picture
from contain_lab.labkit.pictures.mount_tree import mount_tree
from contain_lab.labkit.sentence import Refused
from contain_lab.namespaces import pid

KINDS = {"private": syscalls.MS_PRIVATE, "slave": syscalls.MS_SLAVE, "shared": syscalls.MS_SHARED}
PLACE = "/srv"  # every Linux has it


def try_propagation(kind: str) -> Picture:
    """Draw what host and container have below /srv, once each has mounted something there; kind: of the container's
    mount, "private", "slave" or "shared". Errors: Refused for another word, and where there may be no such mounts.
    """
    if kind not in KINDS:
        raise Refused(f"try_propagation: {kind!r} is none", f"there are {', '.join(KINDS)}")
    command = [sys.executable, "-m", __name__, kind]
    stage = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        said = stage.stdout.readline().split() if stage.stdout else []
        if said:
            return mount_tree({"the host": int(said[0]), "the container": int(said[1])}, PLACE)
    finally:
        why = stage.communicate()[1]  # closes its input, so it ends
    raise Refused(f"the stage went away: {(why.strip().splitlines() or ['without a word'])[-1]}",
                  "mounts need privileges: contain-lab doctor says what this machine offers")


def main(kind: str) -> None:
    """Be the host: make the stage, start the container's process, print both pids, and wait for the end of input."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("cl-stage", PLACE, "tmpfs", 0)
    for name in ("of-the-host", "of-the-container"):
        os.mkdir(f"{PLACE}/{name}")
    syscalls.mount(None, PLACE, None, syscalls.MS_SHARED)
    me, (hear, say) = os.getpid(), os.pipe()
    child = os.fork()
    if child == 0:
        pid.die_with_parent(me)
        be_container(kind, say)
    os.close(say)
    if os.read(hear, 1):
        syscalls.mount("cl-host", f"{PLACE}/of-the-host", "tmpfs", 0)
        os.write(1, f"{me} {child}\n".encode())
        sys.stdin.read()


def be_container(kind: str, say: int) -> None:
    """Move into a copy, say what the mount exchanges with its peers, mount something, and wait to be killed."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount(None, PLACE, None, KINDS[kind])
    syscalls.mount("cl-box", f"{PLACE}/of-the-container", "tmpfs", 0)
    os.write(say, b"r")
    while True:
        os.read(0, 1) or os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
