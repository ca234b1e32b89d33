"""What people do to containers that are there: signals, one more process, removal."""

import os
import signal
import time

from contain_lab import spec
from contain_lab.container import attach, verbs
from contain_lab.engine import asked as asking
from contain_lab.engine import records, users
from contain_lab.engine.asked import Asked
from contain_lab.engine.preparing import runs_root
from contain_lab.errors import ContainLabError, NotFound, WrongState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.engine.records import Record
    from contain_lab.spec import Config

PATIENCE = 10.0  # seconds in which a container's command is to let go of one that was killed


def find_running(word: str) -> "Record":
    """The container that a name or an id means, if it runs. Errors: NotFound, WrongState."""
    record = records.find(word)
    if records.status(record) != "running":
        raise WrongState(f"container {word}: it is {records.status(record)}, not running",
                         "contain-lab ps lists those that run")
    return record


def kill(word: str, number: int = signal.SIGKILL) -> None:
    """Send a signal to a container's first process. Errors: NotFound, WrongState."""
    verbs.kill(runs_root(), find_running(word)["id"], number)


def pause(word: str) -> None:
    """Let all processes of a container stand still. Errors: NotFound, WrongState, Unsupported."""
    from contain_lab.container import pausing  # what `kill` need not load

    pausing.pause(runs_root(), find_running(word)["id"])


def unpause(word: str) -> None:
    """Let a paused container go on. Errors: NotFound, WrongState."""
    from contain_lab.container import pausing

    pausing.resume(runs_root(), find_running(word)["id"])


def remove(word: str, force: bool = False) -> None:
    """Remove all that is kept of a container. force: kill it first where it runs. Errors: NotFound, WrongState."""
    record = records.find(word)
    if records.status(record) != "exited":
        if not force:
            raise WrongState(f"container {word}: it is running", f"contain-lab kill {word}, or rm --force")
        end(record)
    records.remove(record)


def end(record: "Record") -> None:
    """Kill a container, and wait until its command has let go of it. Errors: ContainLabError where it does not."""
    begun = time.monotonic()
    while time.monotonic() < begun + PATIENCE:
        try:
            record = records.read(record["id"])
            if not record["held"]:
                return
            verbs.kill(runs_root(), record["id"], signal.SIGKILL)
        except (NotFound, WrongState):  # it is about to begin, or to be gone
            if not records.is_there(record):
                return
        time.sleep(0.01)
    raise ContainLabError(f"container {record['name']}: the command that runs it does not let go of it",
                          "if it is stopped, let it go on: fg, or kill -CONT")


# ---- one more process

def enter(word: str, command: list[str], asked: Asked, interactive: bool = False) -> int:
    """Run a command in a container that runs; its exit code.

    asked: of its wishes those about a process count. Errors: NotFound, WrongState, StepFailed with code 126 or 127.
    """
    from contain_lab.container import entering  # what `kill` and `rm` need not load

    record = find_running(word)
    config = records.read_config(record)
    config["process"] = process_of(config["process"], command, asked, f"/proc/{record['pid']}/root")
    spec.validate(config)
    if not interactive:
        attach.close_input()
    front = attach.Foreground(asked.tty, interactive)
    try:
        return entering.run_inside(runs_root(), record["id"], config, front.serve, front.socket, front.loop)
    finally:
        front.restore()


def process_of(own: "Config", command: list[str], asked: Asked, root: str) -> "Config":
    """The process of `exec`: the container's own, with another command, and what is asked for.

    root: where the container's root is seen from here.
    """
    process = {**own, "args": command, "terminal": asked.tty, "cwd": asked.workdir or own["cwd"]}
    inherited, ours = list(own["env"]), {}
    if asked.user:
        user = users.look_up(root, asked.user)
        process["user"] = {"uid": user.uid, "gid": user.gid, "additionalGids": user.groups}
        ours["HOME"] = user.home
        inherited = [entry for entry in inherited if not entry.startswith("HOME=")]
    if asked.tty:
        ours["TERM"] = os.environ.get("TERM", "xterm")
    process["env"] = asking.environment(inherited, ours, asked)
    return process
