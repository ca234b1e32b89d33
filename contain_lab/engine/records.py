"""What is kept of a container as long as it is there: its record, its layer, and its name.

<data>/containers/<id>                  locked (flock) by the command that runs the container or removes it
<data>/containers/<id>/container.json   what it is called, and what came of it
<data>/containers/<id>/config.json      what it is, as the runtime specification has it
<data>/containers/<id>/layer            what it has written into its root
<data>/containers/<id>/output           what it has said, where it was detached
<data>/names                            locked by whoever takes a name
<data>/names/<name>                     a symbolic link that says the id

A container is there when its name leads to it: the name is taken last and given free first. So a folder that no name
leads to, and whose lock is free, is what a killed command left; and a record without an exit code whose lock is free
is that of a container whose command was killed, and which was killed with it.
"""

import os
import time

from contain_lab import files
from contain_lab.container import layers, state, verbs
from contain_lab.engine import names
from contain_lab.engine.preparing import IMAGE, containers_root, runs_root
from contain_lab.errors import ContainLabError, NotFound, WrongState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.container.plan import Plan
    from contain_lab.spec import Config

    Record = dict[str, Any]

KILLED = 137  # the exit code of what SIGKILL ended


def names_root() -> str:
    """The folder of the names."""
    return f"{files.data_dir()}/names"


# ---- making one, and what comes of it

def reserve(plan: "Plan", name: str, remove: bool) -> tuple["Record", int | None]:
    """Take a name for a container that is to run, one made up where it is ""; its record, and its lock's descriptor.

    remove: whether nothing is to be kept of it. Errors: UsageError, ContainLabError where the name is taken.
    """
    ident = os.path.basename(plan.folder)
    record = {"id": ident, "image": plan.config["annotations"][IMAGE], "args": plan.config["process"]["args"],
              "created": time.time(), "remove": remove}
    os.makedirs(containers_root(), 0o711, exist_ok=True)
    os.makedirs(names_root(), 0o700, exist_ok=True)
    taking = files.lock_folder(names_root(), wait=True)
    try:
        record["name"] = check_free(name) if name else free_name()
        os.mkdir(f"{containers_root()}/{ident}", 0o711)
        lock = files.lock_folder(f"{containers_root()}/{ident}")
        try:
            files.write(config_path(record), files.dump_json(plan.config))
            write(record)
            os.symlink(ident, f"{names_root()}/{record['name']}")
        except BaseException:
            discard(record)
            raise
    finally:
        files.let_go(taking)
    return record, lock


def check_free(name: str) -> str:
    """See that no container has a name; one that leads nowhere is taken away. Errors: UsageError, ContainLabError."""
    ident = led_to(names.check_name(name))
    if ident and not settle(ident):
        raise ContainLabError(f"container name {name}: it is in use by container {ident}",
                              f"take another one, or contain-lab rm {name}")
    if led_to(name):
        os.unlink(f"{names_root()}/{name}")
    return name


def free_name() -> str:
    """A made up name that no container has."""
    while led_to(name := names.make_name()):
        pass
    return name


def write(record: "Record") -> None:
    """Keep a record; whole, or not at all."""
    files.write(f"{containers_root()}/{record['id']}/container.json", files.dump_json(record))


def keep_output(record: "Record") -> None:
    """Let what this process and its children say go into a file beside the record."""
    handle = os.open(f"{containers_root()}/{record['id']}/output", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.close(handle)


def begin(record: "Record", pid: int) -> None:
    """Keep that a container runs."""
    record.update(pid=pid, began=time.time())
    if is_there(record):
        write(record)


def end(record: "Record", code: int, for_memory: bool = False) -> None:
    """Keep what came of a container; or nothing of it, where it was to be removed, or has not begun.

    for_memory: whether the kernel killed a process of it at its limit of memory.
    """
    if not is_there(record):
        return
    if record["remove"] or "pid" not in record:
        discard(record)
        return
    record.update(exitCode=code, ended=time.time(), oomKilled=for_memory)
    write(record)


def discard(record: "Record") -> None:
    """Remove all that is kept of a container, its name first; the caller has its lock."""
    folder = f"{containers_root()}/{record['id']}"
    if record["name"] and led_to(record["name"]) == record["id"]:
        os.unlink(f"{names_root()}/{record['name']}")
    layers.remove_user_layer(folder)


def remove(record: "Record") -> None:
    """Remove a container that has ended. Errors: WrongState where a command has it."""
    try:
        lock = take(f"{containers_root()}/{record['id']}")
    except FileNotFoundError:  # its own command has removed it
        return
    try:
        if lock is None:
            raise WrongState(f"container {record['name']}: another command is at it", "try again")
        discard(record)
    finally:
        files.let_go(lock)


def take(folder: str, tries: int = 20) -> int | None:
    """The lock of a container, None where a command has it; who only looks has it for a moment. Errors: OSError."""
    for number in range(tries):
        if number:
            time.sleep(0.01)
        if (lock := files.lock_folder(folder)) is not None:
            return lock
    return None


# ---- looking

def status(record: "Record") -> str:
    """What a container is: created, running or exited."""
    if "exitCode" in record or not record["held"]:
        return "exited"
    return "running" if "pid" in record else "created"


def is_paused(record: "Record") -> bool:
    """Whether a container that runs stands still."""
    try:
        return state.status(runs_root(), state.read_state(runs_root(), record["id"])) == "paused"
    except NotFound:  # it has ended since
        return False


def find(word: str) -> "Record":
    """The container of a name, an id, or the beginning of an id. Errors: NotFound, ContainLabError for several."""
    ident = led_to(word)
    found = [ident] if ident else [each for each in identifiers() if word and each.startswith(word)]
    if len(found) > 1:
        raise ContainLabError(f"container {word}: {len(found)} have an id that begins so", "write more of it")
    if not found or settle(found[0]):
        raise NotFound(f"container {word}: it does not exist", "contain-lab ps -a lists them")
    return read(found[0])


def everything() -> "list[Record]":
    """The records of all containers, the newest first."""
    found = []
    for ident in identifiers():
        try:
            found += [] if settle(ident) else [read(ident)]
        except NotFound:  # it has been removed since
            continue
    return sorted(found, key=lambda record: -float(record["created"]))


def read(ident: str) -> "Record":
    """The record of a container, and whether a command has it ("held"). Errors: NotFound."""
    folder = f"{containers_root()}/{ident}"
    held = is_held(folder)  # before it is read, so that what its command wrote last is seen
    try:
        return {**files.read_json(f"{folder}/container.json"), "held": held}
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"container {ident}: it does not exist", "contain-lab ps -a lists them") from None


def read_config(record: "Record") -> "Config":
    """The config.json of a container."""
    return files.read_json(config_path(record))


def config_path(record: "Record") -> str:
    """Where the config.json of a container is."""
    return f"{containers_root()}/{record['id']}/config.json"


def is_held(folder: str) -> bool:
    """Whether a command has the lock of a container."""
    try:
        lock = files.lock_folder(folder, shared=True)
    except FileNotFoundError:  # it has been removed
        return False
    files.let_go(lock)
    return lock is None


def is_there(record: "Record") -> bool:
    """Whether a container is still there, and is seen: a missing step may have taken the file system away."""
    try:
        return os.path.isdir(f"{containers_root()}/{record['id']}")
    except FileNotFoundError:  # /proc is gone, which says where our folders are
        return False


def led_to(name: str) -> str:
    """The id that a name leads to, "" for none."""
    try:
        return os.readlink(f"{names_root()}/{name}") if "/" not in name else ""
    except OSError:  # EINVAL too: what is no link is no name
        return ""


def identifiers() -> list[str]:
    """The ids of the containers that there are."""
    return [ident for ident in map(led_to, named()) if ident]


def named() -> list[str]:
    """The names of the containers that there are."""
    return sorted(os.listdir(names_root())) if os.path.isdir(names_root()) else []


# ---- what killed commands left

def settle(ident: str, named: bool = True) -> bool:
    """Put in order what a killed command left of a container: whether nothing is left of it.

    named: whether a name leads to it; what has none is removed.
    """
    folder = f"{containers_root()}/{ident}"
    try:
        if named and ("exitCode" in (record := read(ident)) or record["held"]):
            return False
        lock = take(folder, 20 if named else 1)
    except (NotFound, FileNotFoundError, NotADirectoryError):
        return True
    try:
        if lock is None or not os.path.isdir(folder):
            return lock is not None
        verbs.sweep(runs_root(), only=ident)
        record = read(ident) if named else {"id": ident, "name": ""}
        if not named:
            discard(record)
        elif "exitCode" not in record:
            end(record, KILLED)
        return not os.path.isdir(folder)
    finally:
        files.let_go(lock)


def unnamed() -> list[str]:
    """The ids of folders that no name leads to, nor is about to; a name that leads nowhere is removed."""
    if not os.path.isdir(names_root()):
        return []
    taking = files.lock_folder(names_root(), wait=True)
    try:
        folders, led = {*os.listdir(containers_root())}, {name: led_to(name) for name in named()}
        for name in led:
            if led[name] and led[name] not in folders:
                os.unlink(f"{names_root()}/{name}")
        return sorted(folders - {*led.values()})
    finally:
        files.let_go(taking)
