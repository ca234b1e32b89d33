"""What is kept of a container between two commands: a directory with its state, a fifo and a lock.

<root>/<id>/state.json   pid, the time it started, bundle, annotations, and the rows that undo what was made
<root>/<id>/planned.json the rows that would undo all that the plan makes, until it is made
<root>/<id>/start        the fifo that `start` writes to
<root>/<id>/lock         held (flock) by create, and by the process that waits to be started

The lock tells the truth when a file cannot: held with a living process it is `created`, free it is `running`; and a
directory whose lock is free and that has no state.json, or still a planned.json, is what a killed command left. `run`
in the foreground holds the lock to the end, for it clears up itself; its state says so ("attended").
"""

import os

from contain_lab import files
from contain_lab.errors import ContainLabError, InvalidConfig, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.steps import Row

    State = dict[str, Any]

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")


def check_id(name: str) -> str:
    """A container's id: letters, digits and _+-. only, for it becomes the name of a directory."""
    if not name or not set(name) <= LETTERS or name[0] == "." or len(name) > 200:
        raise InvalidConfig(f"container id {name!r}: letters, digits and _ + - . may stand in it, a dot not first")
    return name


# ---- steps

def reserve_state(folder: str) -> None:
    """Take the name of the container: its state directory, with the lock and the fifo in it."""
    parent, name = os.path.split(folder)
    os.makedirs(parent, 0o700, exist_ok=True)
    beside = f"{parent}/.{name}.{os.getpid()}"  # made under another name, so that it is never there without its lock
    os.mkdir(beside, 0o700)
    try:
        held[folder] = files.lock(f"{beside}/lock") or 0
        os.mkfifo(f"{beside}/start", 0o600)
        os.rename(beside, folder)
    except OSError as error:
        remove_state(beside)
        if not os.path.exists(folder):
            raise
        raise ContainLabError(f"container {name}: it exists already", "delete it, or take another name") from error


held: dict[str, int] = {}  # the locks that this process holds, by state directory


def remove_state(folder: str) -> None:
    """Give the name of the container free."""
    if os.path.isdir(folder):
        for name in os.listdir(folder):
            os.unlink(f"{folder}/{name}")
        os.rmdir(folder)


# ---- reading and writing

def write_state(folder: str, state: "State") -> None:
    """Keep the state of a container; whole, or not at all."""
    files.write(f"{folder}/state.json", files.dump_json(state))


def write_planned(folder: str, rows: "list[Row]") -> None:
    """Keep, before it is made, how all that a plan makes is undone."""
    undo = [each for row in rows for each in row[3:]]
    files.write(f"{folder}/planned.json", files.dump_json(
        {"undo": [[room.__name__, step, list(args)] for room, step, args in undo]}))


def planned(folder: str) -> "list[list[Any]]":
    """The rows that undo what a killed command may have made; at least the one that removes its directory."""
    if os.path.exists(f"{folder}/planned.json"):
        return list(files.read_json(f"{folder}/planned.json")["undo"])
    return [[__name__, "remove_state", [folder]]]


def remove_planned(folder: str) -> None:
    """All is made, and state.json says how it is undone."""
    if os.path.exists(f"{folder}/planned.json"):
        os.unlink(f"{folder}/planned.json")


def read_state(root: str, name: str) -> "State":
    """The state of a container. Errors: NotFound."""
    folder = f"{root}/{check_id(name)}"
    try:
        return files.read_json(f"{folder}/state.json")
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"container {name}: it does not exist", f"looked in {root}") from None


def start_time(pid: int) -> int:
    """When a process started, in clock ticks after boot; 0 where there is none, or only its zombie.

    A pid alone may be another process by now; pid and start time are one for ever. man: proc_pid_stat(5).
    """
    try:
        fields = files.get(f"/proc/{pid}/stat").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def status(root: str, state: "State") -> str:
    """What a container is: created, running, paused or stopped (runtime.md, "status")."""
    found = _status(root, state)
    if found == "running" and "freezer" in state:
        from contain_lab.container import pausing

        return "paused" if pausing.is_paused(state) else found
    return found


def _status(root: str, state: "State") -> str:
    if start_time(state["pid"]) != state["started"]:
        return "stopped"
    try:
        lock = files.lock(f"{root}/{state['id']}/lock", shared=True)
    except FileNotFoundError:
        return "stopped"
    if lock is None:
        return "running" if state.get("attended") else "created"
    os.close(lock)
    return "running"


def stale(root: str) -> list[str]:
    """The names below a root that killed commands left: never finished, and nobody has them."""
    names = os.listdir(root) if os.path.isdir(root) else []
    return [name for name in names if _unfinished(f"{root}/{name}") and not _held(f"{root}/{name}/lock")]


def _unfinished(folder: str) -> bool:
    name = os.path.basename(folder)
    if name.startswith("."):  # about to get its name, from the process whose number it ends with
        return not os.path.exists(f"/proc/{name.rpartition('.')[2]}")
    return os.path.exists(f"{folder}/planned.json") or not os.path.exists(f"{folder}/state.json")


def _held(path: str) -> bool:
    if not os.path.exists(path):
        return False
    lock = files.lock(path, shared=True)
    if lock is not None:
        os.close(lock)
    return lock is None


def seize(root: str, name: str) -> int | None:
    """Take the lock of a directory that a killed command left, so that one alone removes it; None: it is in use."""
    try:
        lock = files.lock(f"{root}/{name}/lock")
    except (FileNotFoundError, NotADirectoryError):
        return None
    if lock is not None and not _unfinished(f"{root}/{name}"):  # it was finished since it was looked at
        os.close(lock)
        return None
    return lock
