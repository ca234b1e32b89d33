"""`contain-lab vm VERB`: a virtual machine for the labs, with pure cgroup v2."""

import argparse
import os
import sys
import time

from contain_lab.errors import UsageError
from contain_lab.vm import fresh, image, lab, machine, repository

VERBS = {
    "build": "make the machines' image of Debian's packages, where its recipe has changed",
    "up": "bring a machine up, as it was when it went down, or new",
    "down": "stop a machine, and keep what it is doing",
    "ssh": "a shell in a machine",
    "lab": "JupyterLab in a machine, its address on 127.0.0.1; what was worked on comes back",
    "run": "run a command in a machine: its input, output and exit code are the command's",
    "status": "the machines, with processor, memory, port and snapshots",
    "snapshot": "keep a machine as it is now",
    "restore": "make a machine what it was at a snapshot",
    "destroy": "end a machine, and remove all that is kept of it",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `contain-lab vm`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    made = {verb: verbs.add_parser(verb, help=says, allow_abbrev=False) for verb, says in VERBS.items()}
    for verb, each in made.items():
        if verb != "build":
            each.add_argument("--name", default="" if verb == "status" else machine.DEFAULT,
                              help="which machine" if verb == "status" else f"default: {machine.DEFAULT}")
    for verb in ("up", "restore"):
        made[verb].add_argument("--timeout", type=float, default=machine.TIMEOUT, metavar="SECONDS",
                                help=f"for it to come up; default: {machine.TIMEOUT:.0f}")
    made["up"].add_argument("--memory", type=int, default=1024, metavar="MIB", help="of a new machine; default: 1024")
    made["up"].add_argument("--cpus", type=int, default=0, metavar="N", help="of a new machine; default: 2")
    made["up"].add_argument("--port", type=int, default=0, help="of 127.0.0.1, for JupyterLab; default: a free one")
    made["run"].add_argument("--fresh", action="store_true", help="in a machine of its own, which is gone afterwards")
    made["run"].add_argument("--bring", metavar="PATH", action="append", default=[],
                             help="bring a file or folder from inside into this folder, when the command has ended")
    made["run"].add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND ...", help="and its arguments")
    for verb in ("snapshot", "restore"):
        made[verb].add_argument("title", metavar="SNAPSHOT", help="its name")


def main(options: argparse.Namespace) -> int:
    """Run one verb; its exit code."""
    return int(globals()[f"do_{options.verb}"](options) or 0)


def report(line: str) -> None:
    """Print a line of progress to stderr."""
    print(line, file=sys.stderr, flush=True)


def do_build(_options: argparse.Namespace) -> None:
    """Make the image, or say that it is there."""
    report(f"image: {image.build(report)}")


def do_up(options: argparse.Namespace) -> None:
    """Bring a machine up."""
    machine.up(options.name, report, options.memory, options.cpus, options.port, options.timeout)


def do_down(options: argparse.Namespace) -> None:
    """Stop a machine."""
    machine.down(options.name)


def do_destroy(options: argparse.Namespace) -> None:
    """Remove a machine."""
    machine.destroy(options.name)


def do_snapshot(options: argparse.Namespace) -> None:
    """Keep a machine as it is."""
    machine.snapshot(options.name, options.title)


def do_restore(options: argparse.Namespace) -> None:
    """Go back to a snapshot."""
    machine.restore(options.name, options.title, report, options.timeout)


def do_run(options: argparse.Namespace) -> int:
    """Run a command; its exit code."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise UsageError("vm run: no command", "contain-lab vm run --help")
    with fresh.session() if options.fresh else machine.session(options.name) as session:
        code = session.run(command)
        for path in options.bring:
            repository.fetch(session, path, ".")
        return code


def do_ssh(options: argparse.Namespace) -> int:
    """A shell, with this terminal if there is one."""
    with machine.session(options.name) as session:
        return session.run(["bash", "-l"], terminal=os.isatty(0))


def do_lab(options: argparse.Namespace) -> None:
    """JupyterLab, until Ctrl-C."""
    lab.open_lab(options.name, report, lambda address: print(address, flush=True))


def do_status(options: argparse.Namespace) -> None:
    """Print a line for each machine, or for one."""
    if options.name:
        machine.check_there(options.name)
    print(f"{'NAME':<16} {'STATE':<8} {'BY':<4} {'MEMORY':>8} {'CPUS':>4}  {'JUPYTERLAB':<16} SINCE, SNAPSHOTS")
    for name in [options.name] if options.name else machine.names():
        kept = ", ".join(machine.snapshots(name))
        if not machine.is_running(name):
            print(f"{name:<16} {'down':<8} {'-':<4} {'-':>8} {'-':>4}  {'-':<16} {kept or '-'}")
            continue
        each = machine.look(name)
        since = time.strftime("%H:%M", time.localtime(each.since))
        print(f"{name:<16} {'running':<8} {each.shape.accelerator.upper():<4} {each.shape.memory:>4} MiB "
              f"{each.shape.cpus:>4}  127.0.0.1:{each.port:<6} {since}{', ' if kept else ''}{kept}")
