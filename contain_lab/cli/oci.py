"""contain-lab-runtime: the command line of an OCI runtime, as Podman, containerd and Kubernetes call it.

https://github.com/opencontainers/runtime-tools/blob/master/docs/command-line-interface.md, and what runc and crun
take. It is on its way to execve: nothing is imported that costs time (argparse, json, re), so options are read here.
"""

import os
import sys

from contain_lab.errors import ContainLabError, UsageError, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from contain_lab.container.launch import Child, Loop

NAME = "contain-lab-runtime"
DEFAULT_ROOT = "/run/contain_lab/oci"
USAGE = f"""usage: {NAME} [--root DIR] [--log FILE] [--log-format text|json] COMMAND

  create [--bundle DIR] [--pid-file FILE] [--console-socket PATH] ID   make a container, up to the user's program
  run [--detach] ...        the options of create: create, start, wait and delete in one
  start ID                  let the user's program begin
  state ID                  the state, as JSON
  kill [--all] ID [SIGNAL]  send a signal (TERM)
  delete [--force] ID       remove what is left of it
  --version                 versions of this runtime and of the specification
"""
# command: (options with a value, options without, how many arguments at least and at most)
COMMANDS = {
    "create": (("--bundle", "--pid-file", "--console-socket", "--preserve-fds"),
               ("--no-pivot", "--no-new-keyring"), 1, 1),
    "run": (("--bundle", "--pid-file", "--console-socket", "--preserve-fds"),
            ("--no-pivot", "--no-new-keyring", "--detach"), 1, 1),
    "start": ((), (), 1, 1),
    "state": ((), (), 1, 1),
    "kill": ((), ("--all",), 1, 2),
    "delete": ((), ("--force",), 1, 1),
}
GLOBAL = (("--root", "--log", "--log-format", "--criu", "--rootless", "--cgroup-manager"),
          ("--debug", "--systemd-cgroup"))
SHORT = {"-d": "--detach", "-b": "--bundle", "-f": "--force", "-a": "--all", "-v": "--version", "-h": "--help"}


def read_options(words: list[str], valued: tuple[str, ...], flags: tuple[str, ...]) -> dict[str, str]:
    """Take the options at the beginning of words away: {name: value}, flags with "yes". Errors: UsageError."""
    found: dict[str, str] = {}
    while words and words[0].startswith("-") and words[0] != "-":
        word, equals, value = words.pop(0).partition("=")
        if word == "--":
            break
        word = SHORT.get(word, word)
        if word in ("--help", "--version"):
            found[word] = "yes"
        elif word in valued:
            if not equals and not words:
                raise UsageError(f"{word}: a value is due", f"{NAME} --help")
            found[word] = value if equals else words.pop(0)
        elif word in flags:
            found[word] = value or "yes"
        else:
            raise UsageError(f"{word}: no such option", f"{NAME} --help")
    return found


def main(words: list[str] | None = None) -> int:
    """Run one command; its exit code. Errors are one line on stderr, and one in the --log file."""
    options: dict[str, str] = {}
    words = sys.argv[1:] if words is None else words
    try:
        options = read_options(words, *GLOBAL)
        return dispatch(options, words)
    except (ContainLabError, OSError) as error:
        report(error, options)
        return error.code or 1 if isinstance(error, ContainLabError) else 1


def command(main: "Callable[[], int]" = main) -> "NoReturn":
    """What the script calls: one command, and out, for taking an interpreter down costs a millisecond."""
    code = main()
    try:
        sys.stdout.flush()
    except OSError as error:  # whoever reads it has gone, or the disk is full
        report(error, {})
        code = 1
    os._exit(code)


def dispatch(options: dict[str, str], words: list[str]) -> int:
    """Find the command and call it."""
    if "--version" in options:
        from contain_lab import spec

        print(f"{NAME} version 0.1.0\nspec: {spec.VERSION}")
        return 0
    if "--help" in options or words[:1] == ["help"]:
        print(USAGE, end="")
        return 0
    if not words:
        raise UsageError("a command is due", f"{NAME} --help")
    command = words.pop(0)
    if command not in COMMANDS:
        raise UsageError(f"{command}: no such command", f"{NAME} --help")
    valued, flags, least, most = COMMANDS[command]
    given = read_options(words, valued, flags)
    while len(words) > 1 and words[-1].startswith("--"):  # options after the id, as some callers have them
        given.update(read_options([words.pop()], valued, flags))
    if "--help" in given:
        print(USAGE, end="")
        return 0
    if not least <= len(words) <= most:
        raise UsageError(f"{command}: {len(words)} arguments, where {least if least == most else f'{least} to {most}'}"
                         " are due", f"{NAME} --help")
    if "--systemd-cgroup" in options:
        raise ContainLabError("--systemd-cgroup: this runtime talks to no systemd", "use the cgroupfs manager")
    os.umask(0o022)
    code = globals()[f"do_{command}"](options.get("--root") or DEFAULT_ROOT, given, *words)
    return code or 0


# ---- the commands

def do_create(root: str, given: dict[str, str], name: str) -> None:
    """create: make a container, up to the user's program."""
    from contain_lab.container import verbs

    if given.get("--preserve-fds", "0") != "0":
        raise ContainLabError("--preserve-fds: no descriptors are passed on", "leave it out")
    bundle = os.path.abspath(given.get("--bundle") or ".")
    config = verbs.load(bundle)
    verbs.create(root, name, config, bundle, given.get("--pid-file", ""), given.get("--console-socket", ""))


def do_run(root: str, given: dict[str, str], name: str) -> int:
    """run: create, start, wait and delete; --detach: create and start."""
    from contain_lab import files, spec
    from contain_lab.container import attach, state, verbs
    from contain_lab.container.plan import Plan

    if "--detach" in given or "--console-socket" in given:
        do_create(root, given, name)
        verbs.start(root, name)
        return 0
    bundle = os.path.abspath(given.get("--bundle") or ".")
    config = verbs.load(bundle)
    plan = Plan(config, spec.root_path(config, bundle), f"{root}/{state.check_id(name)}", waits=False)
    front = attach.Foreground(bool(config["process"].get("terminal")))

    def serve(loop: "Loop", child: "Child") -> int:
        if given.get("--pid-file"):
            files.write(given["--pid-file"], str(child.pid), 0o644)
        return front.serve(loop, child)

    return verbs.run(plan, serve, front.socket, front.loop)


def do_start(root: str, given: dict[str, str], name: str) -> None:
    """start: let the user's program begin."""
    from contain_lab.container import verbs

    verbs.start(root, name)


def do_state(root: str, given: dict[str, str], name: str) -> None:
    """state: print it as JSON."""
    from contain_lab import files
    from contain_lab.container import verbs

    print(files.dump_json(verbs.get_state(root, name)))


def do_kill(root: str, given: dict[str, str], name: str, signal: str = "TERM") -> None:
    """kill: send a signal."""
    from contain_lab.container import verbs

    verbs.kill(root, name, signal_number(signal))


def do_delete(root: str, given: dict[str, str], name: str) -> None:
    """delete: remove what is left of it."""
    from contain_lab.container import verbs

    verbs.delete(root, name, "--force" in given)


def signal_number(word: str) -> int:
    """A signal by its number or name, with or without SIG: signal_number("SIGKILL") -> 9. Errors: UsageError."""
    import _signal  # signal itself imports enum

    if word.isdecimal() and word.isascii() and 0 < int(word) <= 64:
        return int(word)
    name = word.upper().removeprefix("SIG")
    number = getattr(_signal, f"SIG{name}", None)
    if not isinstance(number, int) or name.startswith("_"):
        raise UsageError(f"signal {word}: no such signal", "kill -l lists them")
    return number


# ---- errors

def report(error: BaseException, options: dict[str, str]) -> None:
    """Say an error on stderr, and in the file of --log as the caller wants it."""
    message, hint = explain(error)
    print(f"{NAME}: {message}" + (f"\nhint: {hint}" if hint else ""), file=sys.stderr)
    if options.get("--log"):
        from contain_lab import files

        line = {"level": "error", "msg": message, "time": _time()}
        said = files.dump_json(line) if options.get("--log-format") == "json" else (
            f'time="{line["time"]}" level=error msg="{message}"')
        with open(options["--log"], "a", encoding="utf-8") as log:
            log.write(f"{said}\n")


def _time() -> str:
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


if __name__ == "__main__":
    sys.exit(main())
