"""contain-lab-runtime exec: one more process in a container. runc-exec(8), crun(1)."""

import os

from contain_lab import files, spec
from contain_lab.cli.oci import last, refuse_descriptors
from contain_lab.container import attach, console, entering
from contain_lab.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.cli.oci import Given
    from contain_lab.container.launch import Child, Loop
    from contain_lab.spec import Config

SETS = ("bounding", "effective", "permitted")  # never inheritable: CVE-2022-29162


def do_exec(root: str, given: "Given", name: str, *command: str) -> int:
    """exec: its exit code; with --detach 0 as soon as the program has begun."""
    refuse_descriptors(given)
    kept = entering.check_runs(root, name)
    config = config_of(kept["bundle"])
    config["process"] = spec.validate_process(asked_process(config.get("process") or {}, given, list(command)))
    terminal, detached = bool(config["process"].get("terminal")), "--detach" in given
    path, pid_file = last(given, "--console-socket"), last(given, "--pid-file")
    if bool(path) > terminal or (terminal and detached and not path):
        raise UsageError("exec: --console-socket goes with a terminal, and a detached terminal needs it",
                         "give both, or neither")
    socket = console.connect(path) if path else -1
    if detached:
        entering.run_detached(root, name, config, pid_file, socket)
        return 0
    front = attach.Foreground(terminal and not path)

    def serve(loop: "Loop", child: "Child") -> int:
        if pid_file:
            files.write(pid_file, str(child.pid), 0o644)
        return front.serve(loop, child)

    try:
        return entering.run_inside(root, name, config, serve, socket if path else front.socket, front.loop)
    finally:
        front.restore()


def config_of(bundle: str) -> "Config":
    """The container's config as its bundle has it, {} where there is none any more."""
    path = f"{bundle}/config.json"
    return files.read_json(path) if os.path.isfile(path) else {}


def asked_process(own: "Config", given: "Given", command: list[str]) -> "Config":
    """The process that is to run: of --process, or the container's own with what was asked. Errors: UsageError."""
    command = command[1:] if command[:1] == ["--"] else command
    if bool(command) == ("--process" in given):
        raise UsageError("exec: a command, or --process FILE, is due", "exec ID COMMAND ...")
    if not command:
        asked = files.read_json(last(given, "--process"))
        return {**asked, "terminal": asked.get("terminal") or "--tty" in given}
    process: dict[str, Any] = {**own, "args": command, "terminal": "--tty" in given}
    process["cwd"] = last(given, "--cwd") or own.get("cwd") or "/"
    process["env"] = [*(own.get("env") or []), *given.get("--env", [])]
    process["user"] = asked_user(own.get("user") or {}, given)
    sets = own.get("capabilities") or {}
    process["capabilities"] = {**sets, **{kind: [*(sets.get(kind) or []), *given.get("--cap", [])] for kind in SETS}}
    if "--no-new-privs" in given:
        process["noNewPrivileges"] = True
    return process


def asked_user(own: "Config", given: "Given") -> "Config":
    """The user that is to run it: numbers alone, as process.user has them. Errors: UsageError."""
    uid, colon, gid = last(given, "--user").partition(":")
    more = [number(word, "--additional-gids") for word in given.get("--additional-gids", [])]
    user = {**own, "additionalGids": [*(own.get("additionalGids") or []), *more]}
    if uid or colon:
        user["uid"] = number(uid, "--user")
    if colon:
        user["gid"] = number(gid, "--user")
    return user


def number(word: str, option: str) -> int:
    """An id as a number (CVE-2026-30892: what is no number is refused, never taken for 0). Errors: UsageError."""
    if not (word.isdecimal() and word.isascii()):
        raise UsageError(f"{option}: {word!r} is no number", "--user UID[:GID]; names are the engine's to look up")
    return int(word)
