"""The last stretch before the user's program: limits, working directory, descriptors, execve.

man: execve(2), prlimit(2), close_range(2), chdir(2), umask(2).
"""

import fcntl
import os
from _signal import SIG_DFL, SIGPIPE, SIGXFSZ, signal

from contain_lab import files, steps, syscalls
from contain_lab.container import trampoline
from contain_lab.errors import ContainLabError, InvalidConfig, NotFound, explain
from contain_lab.namespaces import pid

RLIMITS = {f"RLIMIT_{name}": number for number, name in enumerate(
    "CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME".split())}


def set_rlimit(kind: str, soft: int, hard: int) -> None:
    """Limit a resource of this process and its children."""
    limit_process(0, kind, soft, hard)


def limit_process(pid: int, kind: str, soft: int, hard: int) -> None:
    """Limit a resource of another process, which may have no privilege to do so itself."""
    if kind not in RLIMITS:
        raise InvalidConfig(f"process.rlimits: {kind}: no such limit", "getrlimit(2) lists them")
    syscalls.prlimit(pid, RLIMITS[kind], soft, hard)


def set_oom_score(score: int) -> None:
    """Say how gladly the kernel shall kill this process when memory runs out."""
    files.put("/proc/self/oom_score_adj", str(score))


def score_process(pid: int, score: int) -> None:
    """Say how gladly the kernel shall kill another process, which may not write this itself."""
    files.put(f"/proc/{pid}/oom_score_adj", str(score))


def become_undumpable() -> None:
    """Let no other process look into this one and its children, by ptrace(2) or in /proc."""
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)


def set_umask(mask: int) -> None:
    """Say which permissions a new file does not get."""
    os.umask(mask)


def enter_directory(path: str) -> None:
    """Make a directory the working directory, and see that it is inside the root."""
    os.chdir(path)
    if not os.getcwd().startswith("/"):  # "(unreachable)": a descriptor of the host's leads there (CVE-2024-21626)
        raise ContainLabError(f"{path}: it lies outside the root file system")


def find_program(name: str, path: str) -> str:
    """Find a program as a shell would, in the directories of PATH."""
    return _find(name, path)


def _find(name: str, path: str) -> str:
    """What find_program and execute have in common."""
    places = [name] if "/" in name else [f"{folder or '.'}/{name}" for folder in path.split(":")]
    found = [place for place in places if os.path.exists(place)]
    for place in found:
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return place
    if found:
        raise ContainLabError(f"{name}: cannot be executed: permission denied (EACCES)", code=126)
    # Podman looks for the words of ENOENT in this, and makes 127 of it
    raise NotFound(f"{name}: no such program in the container: no such file or directory (ENOENT)",
                   f"looked in {path}", code=127)


def close_descriptors(first: int) -> None:
    """Close at execve all descriptors that the program is not meant to have."""
    syscalls.close_range(first, 2**32 - 1, syscalls.CLOSE_RANGE_CLOEXEC)


def hold_trampoline(with_init: bool) -> None:
    """Have the waiting program at hand before a filter forbids to make it."""
    for kind in {False, with_init}:
        trampoline.held[kind] = trampoline.open_sealed(kind)


def execute(args: tuple[str, ...], env: tuple[str, ...], path: str, start: int, lock: int) -> None:
    """Become the user's program, once the container is started; what waits until then is no Python."""
    _become(False, args, env, path, start, lock)


def execute_under_init(args: tuple[str, ...], env: tuple[str, ...], path: str, start: int, lock: int) -> None:
    """Become an init, once the container is started: the user's program is its child, and it reaps whoever ends."""
    theirs = steps.full_name(pid, "reap_children") in steps.theirs
    if theirs:
        _split_off_init()
    _become(not theirs, args, env, path, start, lock)


def _split_off_init() -> None:
    """Return in a child; process 1 runs the student's reap_children, and ends with what that returns."""
    child = os.fork()
    if child == 0:
        return
    try:
        syscalls.close_range(3, 2**32 - 1)
        code = steps.call(pid, "reap_children", [child])
        if not isinstance(code, int):
            raise ContainLabError(f"reap_children returned {code!r}, and an exit code is due")
    except BaseException as error:  # noqa: BLE001  process 1 ends, and says why
        os.write(2, f"contain-lab: {explain(error)[0]}\n".encode())
        code = 125
    os._exit(code & 255)


def _become(with_init: bool, args: tuple[str, ...], env: tuple[str, ...], path: str, start: int, lock: int) -> None:
    """What execute and execute_under_init have in common."""
    become(_find(args[0], path), args, env, start, lock, with_init)


def become(program: str, args: tuple[str, ...], env: tuple[str, ...], start: int = -1, lock: int = -1,
           with_init: bool = False) -> None:
    """Become a program by way of the trampoline; start and lock: what it waits for, and lets go then."""
    for number in (SIGPIPE, SIGXFSZ):  # Python ignores them, and what is ignored stays so after execve
        signal(number, SIG_DFL)
    waiting = trampoline.held[with_init] or trampoline.open_sealed(with_init)
    waiting = fcntl.fcntl(waiting, fcntl.F_DUPFD_CLOEXEC, 5)
    start, lock = (fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 5) if each >= 0 else each for each in (start, lock))
    for place, each in ((3, start), (4, lock)):
        if each >= 0:
            os.dup2(each, place)
    words, settings = (trampoline.NAME, program, *args), dict(entry.partition("=")[::2] for entry in env)
    try:
        os.execve(waiting, words, settings)
    except PermissionError:  # a filter that lets execve through, and not execveat
        os.execve(f"/proc/self/fd/{waiting}", words, settings)
