"""Hooks: programs that a config wants to be run at points of a container's life. runtime.md, "Lifecycle"; config.md.

    place            run by      in                         when
    prestart         create      the runtime's namespaces   all is mounted, before the pivot
    createRuntime    create      the runtime's namespaces   after prestart
    createContainer  create      the container's            after createRuntime; the host's files are still there
    startContainer   start       the container's            before the user's program; a program of the container
    poststart        start       the runtime's namespaces   once the user's program runs
    poststop         delete      the runtime's namespaces   once nothing is left of the container

Each gets the state as JSON on its input. One that fails, or outlives its timeout, ends the container; of the last two
kinds it is only told. A program of the container runs by `exec`'s way (`entering`): as the container's user, and never
from a Python that could be opened in there.
"""

import os
import select
import sys
from _signal import SIG_DFL, SIGKILL, SIGPIPE, SIGXFSZ, signal

from contain_lab import files, syscalls
from contain_lab.errors import ContainLabError, explain
from contain_lab.steps import Later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain_lab.container.state import State
    from contain_lab.spec import Config
    from contain_lab.steps import Row

STATE = Later("STATE")  # the container's state, as JSON


def rows(config: "Config", *places: str) -> "Iterator[Row]":
    """The rows that run the hooks of these places, in order."""
    for place in places:
        for hook in (config.get("hooks") or {}).get(place) or []:
            yield sys.modules[__name__], "run_hook", (place, *parts(hook), STATE)


def parts(hook: "Config") -> "tuple[str, tuple[str, ...], tuple[str, ...], int]":
    """What is run: path, arguments, environment, and for how many seconds at most, 0 for ever."""
    path = hook["path"]
    return path, tuple(hook.get("args") or (path,)), tuple(hook.get("env") or ()), hook.get("timeout") or 0


def describe(config: "Config", name: str, bundle: str, status: str, pid: int) -> str:
    """The state that a hook is given, as JSON. runtime.md, "State"."""
    return files.dump_json({"ociVersion": config["ociVersion"], "id": name, "status": status, "pid": pid,
                            "bundle": bundle, "annotations": config.get("annotations") or {}})


# ---- a step

def run_hook(place: str, path: str, args: tuple[str, ...], env: tuple[str, ...], timeout: int, state: str) -> None:
    """Run a program that the config names, give it the state, and wait until it has ended."""
    given, said = in_memory(state), in_memory("")
    pid = os.fork()
    if pid == 0:
        become(path, args, env, given, said)
    try:
        wait_for(pid, timeout)
    except ContainLabError as error:
        raise ContainLabError(f"{place} hook {path}: {error.message}{last_line(said)}", error.hint) from None
    finally:
        os.close(given)
        os.close(said)


def become(path: str, args: tuple[str, ...], env: tuple[str, ...], given: int, said: int) -> None:
    """Become the program of a hook, with nothing of ours but its input and its output. It never returns."""
    try:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, SIGKILL)
        os.setsid()  # so that it is ended with all that it started
        take_streams(given, said)
        syscalls.close_range(3, 2**32 - 1, syscalls.CLOSE_RANGE_CLOEXEC)
        for number in (SIGPIPE, SIGXFSZ):  # Python ignores them, and what is ignored stays so after execve
            signal(number, SIG_DFL)
        os.execve(path, args, dict(entry.partition("=")[::2] for entry in env))
    except BaseException as error:  # noqa: BLE001  it is a process of its own, and ends here
        os.write(said, explain(error)[0].encode())
    finally:
        os._exit(127)


def take_streams(given: int, said: int) -> None:
    """Take descriptors as input, and as output and error."""
    for stream, handle in ((0, given), (1, said), (2, said)):
        os.dup2(handle, stream)


def in_memory(text: str) -> int:
    """A descriptor of a file that is in memory alone, and holds a text. man: memfd_create(2)."""
    handle = os.memfd_create("contain_lab:hook")
    os.write(handle, text.encode())
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def last_line(said: int) -> str:
    """The last line of what a hook has said, as the end of a message."""
    lines = os.pread(said, 65536, 0).decode(errors="replace").strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""


def wait_for(pid: int, timeout: int) -> None:
    """Wait until a hook has ended. Errors: ContainLabError where that was not well, or not in time (0: no limit)."""
    pidfd, waiting = os.pidfd_open(pid), select.poll()
    waiting.register(pidfd, select.POLLIN)
    in_time = bool(waiting.poll(timeout * 1000 if timeout else None))
    os.close(pidfd)
    if not in_time:
        os.killpg(pid, SIGKILL)
    judge(os.waitpid(pid, 0)[1], timeout, in_time)


def judge(status: int, timeout: int, in_time: bool) -> None:
    """Say of a hook that has ended how it did. Errors: ContainLabError where that was not well."""
    code = os.waitstatus_to_exitcode(status)
    if not in_time:
        raise ContainLabError(f"it did not finish in {timeout} s", "its timeout in config.json is how long it may run")
    if code:
        raise ContainLabError(f"signal {-code}" if code < 0 else f"exit code {code}",
                              "a hook must end with 0: see `hooks` in config.json")


# ---- those that later verbs run; kept: the state of a container

def run_late(kept: "State", place: str, status: str) -> list[str]:
    """Run the hooks of poststart or poststop; each is tried, and what went wrong is returned, a line each."""
    text, failed = describe(kept, kept["id"], kept["bundle"], status, kept["pid"] if status == "running" else 0), []
    for hook in kept.get("hooks", {}).get(place) or []:
        try:
            run_hook(place, *parts(hook), text)
        except ContainLabError as error:
            failed.append(error.message)
    return failed


def wait_until_begun(fifo: int) -> None:
    """Wait until the waiting program has closed the fifo whose other end this is: it becomes the user's then."""
    waiting = select.poll()
    waiting.register(fifo, 0)  # POLLERR comes unasked
    waiting.poll()


def run_inside(root: str, kept: "State") -> None:
    """Run the hooks of startContainer, in the container. Errors: ContainLabError."""
    from contain_lab.container import entering

    text = describe(kept, kept["id"], kept["bundle"], "created", kept["pid"])
    for hook in kept["hooks"].get("startContainer") or []:
        path, args, env, timeout = parts(hook)
        given, said = in_memory(text), in_memory("")
        try:
            entering.run_hook_inside(root, kept, (path, args, env, given, said), timeout)
        except ContainLabError as error:
            raise ContainLabError(f"startContainer hook {path}: {error.message}{last_line(said)}", error.hint) from None
        finally:
            os.close(given)
            os.close(said)
