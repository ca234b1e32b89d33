"""Trials: what only trying tells, tried by forked children of a fresh process; the caller stays as it is.

An ordinary user tries as root of a user namespace of their own, as their containers are made.

The process must be fresh because a trial needs a single thread: unshare(CLONE_NEWUSER) is EINVAL with more
(unshare(2)), and a notebook's kernel has many. What a trial makes is in namespaces that end with its child.
"""

import functools
import os
import subprocess
import sys
from collections.abc import Callable

from contain_lab import files, syscalls
from contain_lab.errors import ContainLabError, explain

NOBODY = 65534
KINDS = {
    "mount": syscalls.CLONE_NEWNS,
    "uts": syscalls.CLONE_NEWUTS,
    "ipc": syscalls.CLONE_NEWIPC,
    "pid": syscalls.CLONE_NEWPID,
    "net": syscalls.CLONE_NEWNET,
    "user": syscalls.CLONE_NEWUSER,
    "cgroup": syscalls.CLONE_NEWCGROUP,
    "time": syscalls.CLONE_NEWTIME,
}
"""The kinds of namespaces(7), in the order in which the labs speak of them."""

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from contain_lab.features import trial
trial.try_all()
"""


@functools.cache
def results() -> dict[str, str]:
    """Why each trial failed, or "" where it went well; tried once a process."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    command = [sys.executable, "-IS", "-c", PROGRAM, package]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if said.returncode:
        raise ContainLabError(f"try what this kernel offers: {said.stderr.strip()[-200:]}")
    return dict(line.split("\t", 1) for line in said.stdout.splitlines())


def try_all() -> None:
    """Try each, and write a line `name TAB reason` for it."""
    for name, trial in TRIALS.items():
        os.write(1, f"{name}\t{_try_one(trial, as_root=name not in PLAIN)}\n".encode())


def _try_one(trial: Callable[[], None], as_root: bool = False) -> str:
    """Run a trial in a child of our own; its reason comes through a pipe."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if as_root:
                _be_root()
            trial()
            os._exit(0)
        except (OSError, ContainLabError) as error:
            os.write(writer, " ".join(explain(error)[0].split()).encode())
        finally:
            os._exit(1)
    os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as said:
        reason = said.read()
    status = os.waitpid(pid, 0)[1]
    return reason if reason or not status else f"the trial died (wait status {status})"


def _be_root() -> None:
    """For an ordinary user: root of a user namespace. man: user_namespaces(7)."""
    uid, gid = os.geteuid(), os.getegid()
    if uid:
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            files.put(f"/proc/self/{name}", text)


def _rootless() -> None:
    """A user namespace as an ordinary user, and in it one of UTS: AppArmor may allow the first alone."""
    if files.is_machines_root():
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    syscalls.unshare(syscalls.CLONE_NEWUTS)


def _overlay() -> None:
    """Write through an overlay whose layers are on a tmpfs; all of it in a mount namespace of its own."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("cl-probe", "/tmp", "tmpfs", 0)
    for name in ("lower", "upper", "work", "merged"):
        os.mkdir(f"/tmp/{name}")
    layers = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work"
    syscalls.mount("cl-probe", "/tmp/merged", "overlay", 0, layers)
    os.mkdir("/tmp/merged/made")


def _nft() -> None:
    """Make a table in a network namespace of its own, with which it goes."""
    syscalls.unshare(syscalls.CLONE_NEWNET)
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    command = ["nft", "add", "table", "inet", "cl_probe"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ContainLabError(f"nft: {done.stderr.strip()}")


PLAIN = ("user namespace", "rootless")  # tried as who we are
TRIALS: dict[str, Callable[[], None]] = {
    **{f"{kind} namespace": functools.partial(syscalls.unshare, flag) for kind, flag in KINDS.items()},
    "rootless": _rootless,
    "overlay": _overlay,
    "nft": _nft,
}
