"""contain-lab: the command for people. A command is a file here, imported when it is called.

This is the only place that prints errors and ends the process. A command's file has `configure(parser)`, which adds
its arguments, and `main(options)`, which returns its exit code.
"""

import os
import sys

from contain_lab.errors import ContainLabError, UsageError, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any, NoReturn

GROUPS = {
    "containers": {
        "run": "run a container from an image; trace, explain, break, skip, fail or replace its steps",
        "exec": "run a command in a container that runs",
        "ps": "list the containers that run, or all of them",
        "inspect": "all that is known of a container, as JSON",
        "kill": "send a signal to containers",
        "pause": "let containers stand still",
        "unpause": "let paused containers go on",
        "rm": "remove containers that have ended",
        "seccomp": "which rule of a container's filter a system call meets",
        "image": "make the images busybox and debian from this machine's packages; list them",
    },
    "labs": {
        "doctor": "what this machine offers, which labs can run here, why not, and the way out",
        "intruder": "a program that attacks: what it can do plain, and what a container still lets it do",
        "check": "look at your steps from outside, as the labs' checks do: which are right, and what is wrong",
        "progress": "which steps are yours, which checks have passed, where you stopped",
        "export": "make an OCI runtime of your steps, which Podman takes",
        "labs": "make the notebooks from their sources",
        "grade": "grade a folder of submissions",
        "vm": "a virtual machine with pure cgroup v2: build up run ssh lab status snapshot restore down destroy",
        "bench": "measure the start of a container beside other runtimes",
    },
    "this machine": {
        "completion": "print a script that completes commands and names in your shell",
        "clean": "remove what killed commands left behind",
    },
}
COMMANDS = {name: says for group in GROUPS.values() for name, says in group.items()}


def usage() -> str:
    """What `contain-lab --help` prints."""
    lines = ["usage: contain-lab COMMAND ..."]
    for group, commands in GROUPS.items():
        lines += ["", f"{group}:", *(f"  {name:<11}{says}" for name, says in commands.items())]
    return "\n".join([*lines, "", "contain-lab COMMAND --help says more."])


def main(words: list[str] | None = None) -> int:
    """Run one command; its exit code. Errors: a line on stderr, and a hint where there is a way out."""
    words = sys.argv[1:] if words is None else words
    try:
        return dispatch(words)
    except (ContainLabError, OSError) as error:
        return report(error)
    except KeyboardInterrupt:
        print("contain-lab: interrupted", file=sys.stderr)
        return 130


def report(error: Exception) -> int:
    """Say an error on stderr; the exit code that it asks for."""
    if isinstance(error, BrokenPipeError):  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    message, hint = explain(error)
    print(f"contain-lab: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    for file, line, function in getattr(error, "frames", ()):
        print(f"hint: {file}, line {line}, in {function}", file=sys.stderr)
    return error.code if isinstance(error, ContainLabError) else 1


def each(words: list[str], act: "Callable[[str], object]") -> int:
    """Do something with each of several, and print those with which it went well: 1 where one did not, else 0."""
    code = 0
    for word in words:
        try:
            act(word)
            print(word)
        except (ContainLabError, OSError) as error:
            code = report(error) and 1
    return code


def dispatch(words: list[str]) -> int:
    """Find the command, read its arguments and call it."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage(), file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    if words[0] == "--version":
        print("contain-lab 0.1.0")
        return 0
    if words[0] not in COMMANDS:
        raise UsageError(f"{words[0]}: no such command{nearest(words[0])}", "contain-lab --help lists them")
    command = load(words[0])
    parser = make_parser(words[0])
    command.configure(parser)
    return int(command.main(parser.parse_args(only_after_equals(parser, words[1:]))))


def load(command: str) -> "Any":
    """The file of a command."""
    return __import__(f"contain_lab.cli.{command}", fromlist=["_"])


def only_after_equals(parser: "argparse.ArgumentParser", words: list[str]) -> list[str]:
    """Let an option whose value may be left out take one only after "=": `--trace IMAGE` names no file."""
    words, at = list(words), 0
    actions = {option: action for action in parser._actions for option in action.option_strings}
    while at < len(words) and words[at].startswith("-"):
        action = actions.get(words[at])
        if action is not None and action.nargs == "?":
            words[at] += "="
        at += 2 if action is not None and action.nargs is None else 1
    return words


def nearest(word: str) -> str:
    """A command of nearly that name, as the end of a sentence."""
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, 1)
    return f", did you mean {near[0]}?" if near else ""


def make_parser(command: str) -> "argparse.ArgumentParser":
    """A parser whose errors are ours: one line, and a hint."""
    import argparse

    class Formatter(argparse.HelpFormatter):
        def __init__(self, prog: str) -> None:
            super().__init__(prog, width=columns())  # argparse itself would ask shutil: 1.5 ms at each start

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> "NoReturn":
            code = 125 if command in ("run", "exec") else 2
            raise UsageError(f"{command}: {message[:1].lower()}{message[1:]}", f"contain-lab {command} --help", code)

    return Parser(prog=f"contain-lab {command}", description=f"{COMMANDS[command][:1].upper()}{COMMANDS[command][1:]}.",
                  allow_abbrev=False, formatter_class=Formatter)


def columns() -> int:
    """How wide help may be: as the terminal, if there is one."""
    try:
        return max(os.get_terminal_size(1).columns - 2, 40)
    except (OSError, ValueError):
        return 98
