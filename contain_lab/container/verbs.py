"""The verbs: create, start, state, kill, delete, run. runtime.md, "Operations".

Each takes `root`, the directory in which the states of containers are, and the container's id. Every verb of the OCI
command line is a new interpreter, so what only `create` and `run` need is imported there.
"""

import os
import sys
import time

from contain_lab import files, steps
from contain_lab.container import state
from contain_lab.errors import ContainLabError, InvalidConfig, NotFound, WrongState, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain_lab.container.launch import Child, Loop
    from contain_lab.container.plan import Plan
    from contain_lab.spec import Config
    from contain_lab.steps import Row

SIGKILL = 9


def load(bundle: str) -> "Config":
    """The checked config of a bundle. Errors: NotFound, InvalidConfig, Unsupported."""
    from contain_lab import spec

    path = os.path.join(bundle, "config.json")
    if not os.path.isfile(path):
        raise NotFound(f"{path}: no such file", "a bundle is a directory with a config.json; --bundle names it")
    config = spec.validate(files.read_json(path))
    for entry in config.get("mounts") or []:
        if spec.is_bind(entry):
            entry["source"] = os.path.join(bundle, entry["source"])
    return config


def create(root: str, name: str, config: "Config", bundle: str, pid_file: str = "", console_socket: str = "") -> None:
    """Make a container, up to the user's program, which waits for `start`. On any failure nothing is left."""
    from contain_lab import spec
    from contain_lab.container.launch import Loop, launch, release
    from contain_lab.container.plan import Plan

    terminal = open_socket(config, console_socket)
    plan = Plan(config, spec.root_path(config, bundle), f"{root}/{state.check_id(name)}")
    plan.bundle = os.path.abspath(bundle)
    done: list[Row] = []
    try:
        loop = Loop()
        child = launch(plan, done, loop, terminal)
        try:
            state.write_state(plan.folder, describe(name, child.pid, config, bundle, done))
            if pid_file:
                files.write(pid_file, str(child.pid), 0o644)
            release(child, loop)
            state.remove_planned(plan.folder)
            forget(plan.folder)
        except BaseException:
            child.kill()
            raise
    except BaseException:
        clear_up(plan, done)
        raise


def clear_up(plan: "Plan", done: "list[Row]") -> "list[str]":
    """Undo what a plan has made, and run its last hooks; what went wrong with these, a line each."""
    name, made = os.path.basename(plan.folder), bool(done)
    undo(name, done)
    forget(plan.folder)
    return run_late(describe(name, 0, plan.config, plan.bundle, []), "poststop", "stopped") if made else []


def run_late(kept: "dict[str, Any]", place: str, status: str) -> "list[str]":
    """Run the hooks of poststart or poststop; what went wrong with them, a line each."""
    if "hooks" not in kept:
        return []
    from contain_lab.container import hooks

    return hooks.run_late(kept, place, status)


def open_socket(config: "Config", console_socket: str) -> int:
    """The descriptor that a terminal goes to, -1 without one. Errors: InvalidConfig where one of the two is missing."""
    from contain_lab.container import console

    if bool(config["process"].get("terminal")) != bool(console_socket):
        raise InvalidConfig("process.terminal: a terminal and --console-socket go together",
                            "give both, or neither")
    return console.connect(console_socket) if console_socket else -1


def forget(folder: str) -> None:
    """Let go of the lock of a state directory: when all is made, or all is undone."""
    handle = state.held.pop(folder, 0)
    if handle:
        os.close(handle)


def describe(name: str, pid: int, config: "Config", bundle: str, done: "list[Row]") -> "dict[str, Any]":
    """What is kept of a container, with the rows that undo what was made of it."""
    return {
        "ociVersion": config["ociVersion"], "id": name, "pid": pid, "started": state.start_time(pid),
        "bundle": os.path.abspath(bundle), "annotations": config.get("annotations") or {},
        "shared": not any(each["type"] == "pid" and not each.get("path") for each in config["linux"]["namespaces"]),
        "undo": [[room.__name__, step, list(args)] for room, step, args, *_ in done], **kept_of_hooks(config),
    }


def kept_of_hooks(config: "Config") -> "dict[str, Any]":
    """What later verbs need of the hooks: them, and the process as which those of the container run."""
    if not any((config.get("hooks") or {}).values()):
        return {}
    return {"hooks": config["hooks"], "process": config["process"], "seccomp": config["linux"].get("seccomp")}


def start(root: str, name: str) -> "list[str]":
    """Let the user's program begin; what went wrong with poststart hooks, a line each. Errors: NotFound, WrongState."""
    kept = state.read_state(root, name)
    now = state.status(root, kept)
    if now != "created":
        raise WrongState(f"container {name}: it is {now}, and only a created one can be started")
    state.remove_planned(f"{root}/{name}")
    try:
        begin(root, kept)
    except ContainLabError:
        delete(root, name, force=True)  # as runtime.md has it: a hook that fails ends the container
        raise
    handle = files.lock(f"{root}/{name}/lock", wait=True, shared=True)  # it is free once execve has closed it
    if handle is not None:
        os.close(handle)
    return run_late(kept, "poststart", "running")


def begin(root: str, kept: "dict[str, Any]") -> None:
    """Run the hooks that come before the program, then let it begin."""
    if "hooks" in kept:
        from contain_lab.container import hooks

        hooks.run_inside(root, kept)
    fifo = os.open(f"{root}/{kept['id']}/start", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.write(fifo, b"s")
    if "hooks" in kept:
        hooks.wait_until_begun(fifo)
    os.close(fifo)


def get_state(root: str, name: str) -> "dict[str, Any]":
    """The state as the specification has it: ociVersion, id, status, pid, bundle, annotations."""
    kept = state.read_state(root, name)
    now = state.status(root, kept)
    return {"ociVersion": kept["ociVersion"], "id": name, "status": now,
            "pid": 0 if now == "stopped" else kept["pid"], "bundle": kept["bundle"],
            "annotations": kept["annotations"]}


def list_states(root: str) -> "list[dict[str, Any]]":
    """The states of all containers below a root, by name, each with when it was created and by whom."""
    found = []
    for name in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        try:
            about = os.stat(f"{root}/{name}/state.json")
            found.append({**get_state(root, name), "created": about.st_mtime, "owner": about.st_uid})
        except (NotFound, InvalidConfig, FileNotFoundError, NotADirectoryError):
            continue  # it is being made, or has gone meanwhile
    return found


def kill(root: str, name: str, number: int, all_of_it: bool = False) -> None:
    """Send a signal to the container's process, or to all that are in it. Errors: NotFound, WrongState."""
    kept = state.read_state(root, name)
    stopped = state.status(root, kept) == "stopped"
    if stopped and not (all_of_it and kept.get("shared")):
        raise WrongState(f"container {name}: it is stopped, and nothing is left to send a signal to")
    if all_of_it:
        from contain_lab.container import processes

        processes.send(kept, number, stopped)
    else:
        _signal(kept, number)
    if number == SIGKILL:
        thaw(kept)


def thaw(kept: "dict[str, Any]") -> None:
    """Let a container that was paused go on, for on v1 what is frozen does not die."""
    if "freezer" in kept:
        from contain_lab.container import pausing

        pausing.thaw(kept)


def _signal(kept: "dict[str, Any]", number: int) -> None:
    from _signal import pidfd_send_signal

    pidfd = os.pidfd_open(kept["pid"])
    try:
        if state.start_time(kept["pid"]) == kept["started"]:  # a pidfd stays with its process, a pid does not
            pidfd_send_signal(pidfd, number)
    finally:
        os.close(pidfd)


def delete(root: str, name: str, force: bool = False) -> "list[str]":
    """Remove what is left of a container; what went wrong with its last hooks, a line each.

    force: end it first; and one that does not exist is no error.
    """
    if state.check_id(name) in sweep(root, only=name)[0]:
        return []
    try:
        kept = state.read_state(root, name)
    except NotFound:
        if not force:
            raise
        return []
    if kept.get("attended"):
        delete_attended(root, kept, force)
        return []
    if state.status(root, kept) != "stopped":
        if not force and state.status(root, kept) != "created":
            raise WrongState(f"container {name}: it is {state.status(root, kept)}", "kill it first, or delete --force")
        end(kept)
    if kept.get("shared"):  # else all ended with the first
        from contain_lab.container import processes

        processes.send(kept, SIGKILL, stopped=True)
    undo(name, rows_of(kept["undo"]))
    return run_late(kept, "poststop", "stopped")


def delete_attended(root: str, kept: "dict[str, Any]", force: bool) -> None:
    """End a container in the foreground, and wait until its `run` has cleared up."""
    name = kept["id"]
    if not force and state.status(root, kept) != "stopped":
        raise WrongState(f"container {name}: it is running in the foreground", "kill it, and its `run` removes it")
    end(kept)
    for _ in range(500):
        if not os.path.exists(f"{root}/{name}") or sweep(root, only=name)[0]:
            return
        time.sleep(0.02)
    raise ContainLabError(f"container {name}: its `run` does not clear up", "it may be stopped: let it go on")


def end(kept: "dict[str, Any]") -> None:
    """Kill a container's process, and wait until it is gone (a zombie is gone: its parent will see to it)."""
    import select

    if state.start_time(kept["pid"]) != kept["started"]:
        return
    try:
        pidfd = os.pidfd_open(kept["pid"])
        _signal(kept, SIGKILL)
        thaw(kept)
    except ProcessLookupError:
        return
    waiting = select.poll()
    waiting.register(pidfd, select.POLLIN)
    if not waiting.poll(10_000):
        raise ContainLabError(f"container {kept['id']}: process {kept['pid']} does not end though it was killed",
                              "it hangs in the kernel: see /proc/PID/stack")
    os.close(pidfd)


def rows_of(kept: "list[list[Any]]") -> "list[Row]":
    """Rows that undo something, as the directory of a container has them: [[room, step, arguments]]."""
    return [(__import__(room, fromlist=["_"]), step, tuple(args)) for room, step, args in kept]


def undo(name: str, rows: "list[Row]", tries: int = 100) -> None:
    """Undo rows, the last first; the state directory, which came first, goes last.

    Errors: what could not be undone; what a student's function did instead, unless another error is under way.
    """
    announce: Callable[[str, str], None] | None = None
    if steps.theirs:
        from contain_lab.container.launch import alarm

        announce = alarm
    for _ in range(tries):
        failed = steps.undo(rows[1:], announce)
        if not failed:
            steps.undo(rows[:1], announce)
            if steps.misdone and not sys.exception():
                raise next(iter(steps.misdone.values()))
            return
        time.sleep(0.02)  # a group may take a moment to be empty
    raise ContainLabError(f"container {name}: {failed[0]}", "something still uses it: try again, or contain-lab clean")


# ---- run: create, start, wait and delete in one

def run(plan: "Plan", serve: "Callable[[Loop, Child], int]", terminal: int = -1, loop: "Loop | None" = None) -> int:
    """Run a container in the foreground, and leave nothing of it; its exit code, 128 and the signal where one ended it.

    serve: lets the child `go_on`, turns the loop until it has ended, and returns its wait status; it passes signals
    and terminal on. Its state is kept as long as it runs, so that the other verbs find it. What went wrong with its
    last hooks is added to plan.warnings.
    """
    from contain_lab.container.launch import Loop, launch, release

    done: list[Row] = []
    loop = loop or Loop()
    try:
        child = launch(plan, done, loop, terminal)
        try:
            root, name = os.path.split(plan.folder)
            kept = describe(name, child.pid, plan.config, plan.bundle or plan.folder, done)
            if os.path.isdir(plan.folder):  # a missing step may have taken the file system away
                state.write_state(plan.folder, {**kept, "attended": True})
            if plan.waits:
                release(child, loop)
                begin(root, kept)
                plan.warnings += run_late(kept, "poststart", "running")
            status = serve(loop, child)
            count_oom_kills(plan, done)
        except BaseException:
            child.kill()
            raise
        return child.exit_code(status)
    finally:
        plan.warnings += clear_up(plan, done + undo_since(plan.folder))


def undo_since(folder: str) -> "list[Row]":
    """The rows that undo what a container got after its start: a freezer."""
    kept = files.read_json(f"{folder}/state.json") if os.path.exists(f"{folder}/state.json") else {}
    return rows_of([row for row in kept.get("undo", ()) if row[1] == "remove_group" and row[2][1] == ["freezer"]])


def count_oom_kills(plan: "Plan", done: "list[Row]") -> None:
    """Note in a plan how many processes the kernel has killed at the limit of memory, while there is its group."""
    from contain_lab import spec

    asked = spec.part(plan.config, "linux.resources.memory")
    if not asked:
        return
    from contain_lab.container import resources

    plan.oom_kills = resources.count_oom_kills(done)
    if plan.oom_kills:
        plan.warnings.append(resources.describe_oom_kills(plan.oom_kills, asked.get("limit") or 0))


def sweep(root: str, only: str = "", tries: int = 100) -> tuple[list[str], list[str]]:
    """Remove what killed commands left below a root: (names, what could not be removed, and why).

    only: this name alone. What one has left stops no other's removal; whoever uses a directory keeps it.
    """
    removed, failed = [], []
    for name in state.stale(root):
        lock = state.seize(root, name) if only in ("", name) else None
        if lock is None:
            continue
        try:
            kept = state.read_state(root, name) if os.path.exists(f"{root}/{name}/state.json") else {}
            if kept:
                end(kept)
            undo(name, rows_of(state.planned(f"{root}/{name}")) + undo_since(f"{root}/{name}"), tries)
            run_late(kept, "poststop", "stopped")
            removed.append(name)
        except (ContainLabError, OSError) as error:
            failed.append(explain(error)[0])
        finally:
            os.close(lock)
    return removed, failed
