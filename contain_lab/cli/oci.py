"""contain-lab-runtime: the command line of an OCI runtime, as Podman, containerd and Kubernetes call it.

https://github.com/opencontainers/runtime-tools/blob/master/docs/command-line-interface.md, and what runc and crun
take. It is on its way to execve: nothing is imported that costs time (argparse, json, re), so options are read here.
"""

import os
import sys

from contain_lab import files
from contain_lab.errors import ContainLabError, UsageError, explain, in_one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from contain_lab.container.launch import Child, Loop

    Given = dict[str, list[str]]  # the options of a command line: {"--env": ["A=1", "B=2"]}, flags with "yes"

NAME = "contain-lab-runtime"
DEFAULT_ROOT = files.oci_dir()
USAGE = f"""usage: {NAME} [--root DIR] [--log FILE] [--log-format text|json] COMMAND

  create [--bundle DIR] [--pid-file FILE] [--console-socket PATH] ID   make a container, up to the user's program
  run [--detach] ...        the options of create: create, start, wait and delete in one
  start ID                  let the user's program begin
  state ID                  the state, as JSON
  kill [--all] ID [SIGNAL]  send a signal (TERM)
  delete [--force] ID       remove what is left of it
  exec [OPTIONS] ID COMMAND ...   run one more process in it: --tty --detach --user UID[:GID] --cwd DIR
                            --env NAME=VALUE --cap NAME --additional-gids GID --no-new-privs --pid-file FILE
                            --console-socket PATH; --process FILE in the place of COMMAND: a process as in config.json
  update ID                 other limits: --resources FILE (as in config.json; -: from its input), or --memory
                            --memory-swap --memory-reservation --cpu-shares --cpu-quota --cpu-period --cpuset-cpus
                            --cpuset-mems --pids-limit --blkio-weight
  pause ID, resume ID       let all its processes stand still, and go on
  list [--quiet] [--format table|json]   all containers
  ps [--format table|json] ID [OPTIONS OF ps]   the processes of one
  spec [--bundle DIR]       write a config.json to begin with
  features                  what this runtime can do, as JSON
  --version                 versions of this runtime and of the specification
"""
# command: (options with a value, options without, how many arguments at least and at most)
MANY = 1_000_000
MAKING = "--bundle/-b --pid-file --console-socket --preserve-fds"
COMMANDS = {
    "create": (MAKING, "--no-pivot --no-new-keyring", 1, 1),
    "run": (MAKING, "--no-pivot --no-new-keyring --detach/-d", 1, 1),
    "start": ("", "", 1, 1),
    "state": ("", "", 1, 1),
    "kill": ("", "--all/-a", 1, 2),
    "delete": ("", "--force/-f", 1, 1),
    "exec": ("--user/-u --cwd --env/-e --cap/-c --additional-gids/-g --process/-p --pid-file --console-socket "
             "--preserve-fds", "--tty/-t --detach/-d --no-new-privs", 1, MANY),
    "update": ("--resources/-r --memory --memory-swap --memory-reservation --cpu-shares --cpu-share --cpu-quota "
               "--cpu-period --cpuset-cpus --cpuset-mems --pids-limit --blkio-weight", "", 1, 1),
    "pause": ("", "", 1, 1),
    "resume": ("", "", 1, 1),
    "list": ("--format/-f", "--quiet/-q", 0, 0),
    "ps": ("--format/-f", "", 1, MANY),
    "spec": ("--bundle/-b", "", 0, 0),
    "features": ("", "", 0, 0),
}
GLOBAL = ("--root --log --log-format --criu --rootless --cgroup-manager", "--debug --systemd-cgroup")
ASKED = "config.json of the bundle asks for it; config.md of the runtime specification says what may stand there"
ELSEWHERE = {"exec": "oci_exec", "update": "oci_update", "pause": "oci_pause", "resume": "oci_pause",
             "list": "oci_asked", "ps": "oci_asked",
             "spec": "oci_asked", "features": "oci_asked"}


def read_options(words: list[str], valued: str, flags: str) -> "Given":
    """Take the options at the beginning of words away: {name: values}. Errors: UsageError."""
    found: Given = {}
    with_value, without = spellings(valued), spellings(f"{flags} --help/-h --version/-v")
    while words and words[0].startswith("-") and words[0] != "-":
        word, equals, value = words.pop(0).partition("=")
        if word == "--":
            break
        if word in without:
            value = value or "yes"
        elif word not in with_value:
            raise UsageError(f"{word}: no such option", f"{NAME} --help")
        elif not equals:
            if not words:
                raise UsageError(f"{word}: a value is due", f"{NAME} --help")
            value = words.pop(0)
        found.setdefault(with_value.get(word) or without[word], []).append(value)
    return found


def spellings(options: str) -> dict[str, str]:
    """Each way to write an option, and its name: spellings("--env/-e") -> {"--env": "--env", "-e": "--env"}."""
    return {each: group.split("/")[0] for group in options.split() for each in group.split("/")}


def last(given: "Given", name: str, default: str = "") -> str:
    """The value of an option, the last one where it was given more than once."""
    return given.get(name, [default])[-1] or default


def main(words: list[str] | None = None) -> int:
    """Run one command; its exit code. Errors are one line on stderr, and one in the --log file."""
    options: Given = {}
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


def dispatch(options: "Given", words: list[str]) -> int:
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
    while most != MANY and len(words) > 1 and words[-1].startswith("--"):  # some callers have them after the id
        given.update(read_options([words.pop()], valued, flags))
    if "--help" in given:
        print(USAGE, end="")
        return 0
    if not least <= len(words) <= most:
        raise UsageError(f"{command}: {len(words)} arguments, where {least if least == most else f'{least} to {most}'}"
                         " are due", f"{NAME} --help")
    if "--systemd-cgroup" in options:
        raise ContainLabError("--systemd-cgroup: this runtime talks to no systemd", "use the cgroupfs manager")
    given.update({name: options[name] for name in ("--log", "--log-format") if name in options})
    os.umask(0o022)
    place = __import__(f"contain_lab.cli.{ELSEWHERE[command]}", fromlist=["_"]) if command in ELSEWHERE else None
    function = getattr(place, f"do_{command}") if place else globals()[f"do_{command}"]
    try:
        return function(last(options, "--root", DEFAULT_ROOT), given, *words) or 0
    except (ContainLabError, OSError) as error:
        if command in ("create", "run") and not explain(error)[1]:
            error.hint = ASKED  # type: ignore[union-attr]  # an OSError takes one, too
        raise


# ---- the commands

def do_create(root: str, given: "Given", name: str) -> None:
    """create: make a container, up to the user's program."""
    from contain_lab import spec
    from contain_lab.container import verbs

    refuse_descriptors(given)
    bundle = os.path.abspath(last(given, "--bundle", "."))
    config = verbs.load(bundle)
    warn(spec.warnings(config), given)
    verbs.create(root, name, config, bundle, last(given, "--pid-file"), last(given, "--console-socket"))


def refuse_descriptors(given: "Given") -> None:
    """No descriptor of the caller's reaches a container."""
    if last(given, "--preserve-fds", "0") != "0":
        raise ContainLabError("--preserve-fds: no descriptors are passed on", "leave it out")


def do_run(root: str, given: "Given", name: str) -> int:
    """run: create, start, wait and delete; --detach: create and start."""
    from contain_lab import files, spec
    from contain_lab.container import attach, state, verbs
    from contain_lab.container.plan import Plan

    if "--detach" in given or "--console-socket" in given:
        do_create(root, given, name)
        do_start(root, given, name)
        return 0
    refuse_descriptors(given)
    bundle = os.path.abspath(last(given, "--bundle", "."))
    config = verbs.load(bundle)
    plan = Plan(config, spec.root_path(config, bundle), f"{root}/{state.check_id(name)}", waits=False)
    plan.bundle = bundle
    warn(spec.warnings(config), given)
    front = attach.Foreground(bool(config["process"].get("terminal")))

    def serve(loop: "Loop", child: "Child") -> int:
        if last(given, "--pid-file"):
            files.write(last(given, "--pid-file"), str(child.pid), 0o644)
        return front.serve(loop, child)

    try:
        return verbs.run(plan, serve, front.socket, front.loop)
    finally:
        warn(plan.warnings, given)


def do_start(root: str, given: "Given", name: str) -> None:
    """start: let the user's program begin."""
    from contain_lab.container import verbs

    warn(verbs.start(root, name), given)


def do_state(root: str, given: "Given", name: str) -> None:
    """state: print it as JSON."""
    from contain_lab import files
    from contain_lab.container import verbs

    print(files.dump_json(verbs.get_state(root, name)))


def do_kill(root: str, given: "Given", name: str, signal: str = "TERM") -> None:
    """kill: send a signal."""
    from contain_lab.container import verbs

    verbs.kill(root, name, signal_number(signal), "--all" in given)


def do_delete(root: str, given: "Given", name: str) -> None:
    """delete: remove what is left of it."""
    from contain_lab.container import verbs

    warn(verbs.delete(root, name, "--force" in given), given)


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

def report(error: BaseException, options: "Given") -> None:
    """Say an error on stderr, and in the file of --log as the caller wants it."""
    message, hint = explain(error)
    print(f"{NAME}: {message}" + (f"\nhint: {hint}" if hint else ""), file=sys.stderr)
    write_log("error", message, options)


def warn(lines: list[str], options: "Given") -> None:
    """Say what went wrong and changes nothing, in the same places."""
    for line in map(in_one_line, lines):
        print(f"{NAME}: warning: {line}", file=sys.stderr)
        write_log("warning", line, options)


def write_log(level: str, message: str, options: "Given") -> None:
    """A line in the file of --log, where one was asked for."""
    if last(options, "--log"):
        from contain_lab import files

        line = {"level": level, "msg": message, "time": _time()}
        said = files.dump_json(line) if last(options, "--log-format") == "json" else (
            f'time="{line["time"]}" level={level} msg="{message}"')
        with open(last(options, "--log"), "a", encoding="utf-8") as log:
            log.write(f"{said}\n")


def _time() -> str:
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


if __name__ == "__main__":
    sys.exit(main())
