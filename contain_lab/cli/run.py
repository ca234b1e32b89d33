"""`contain-lab run [OPTIONS] IMAGE [COMMAND ...]`: run a container, and look at its steps or change them."""

import argparse
import os
import sys

from contain_lab import cli, engine, files, trace
from contain_lab.errors import ContainLabError, UsageError

LIMITS = (
    ("--memory", "SIZE", "memory: 64m; who wants more is killed"),
    ("--memory-swap", "SIZE", "memory and swap together; -1: as much swap as there is"),
    ("--memory-reservation", "SIZE", "memory that is not taken from it as long as others have some"),
    ("--cpus", "NUMBER", "processors' time: 0.5 is half of one's"),
    ("--cpu-shares", "NUMBER", "its weight where others want the processors, too: 1024 is the usual"),
    ("--cpuset-cpus", "LIST", "the processors that it runs on: 0-2,4"),
    ("--cpuset-mems", "LIST", "the memory nodes that it has memory of"),
    ("--pids-limit", "NUMBER", "processes and threads; -1: no limit"),
    ("--blkio-weight", "NUMBER", "its weight at block devices: 10 to 1000"),
)
RATES = (
    ("--device-read-bps", "bytes that it reads from a disk in a second: /dev/vda:1m"),
    ("--device-write-bps", "bytes that it writes"),
    ("--device-read-iops", "how often it reads"),
    ("--device-write-iops", "how often it writes"),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("-i", "--interactive", action="store_true", help="give it this command's input")
    parser.add_argument("-t", "--tty", action="store_true", help="give it a terminal")
    parser.add_argument("-d", "--detach", action="store_true", help="print its id, and let it run on")
    parser.add_argument("--rm", action="store_true", help="remove it when it ends")
    parser.add_argument("--name", default="", help="its name; without one it gets a name of its own")
    parser.add_argument("--init", action="store_true",
                        help="let an init be its process 1: it reaps who ends, and passes signals to the command")
    parser.add_argument("--entrypoint", default="", metavar="PROGRAM",
                        help="run this, with COMMAND for its arguments, in the place of the image's")
    configure_process(parser)
    configure_machine(parser.add_argument_group("what it sees of this machine"))
    configure_power(parser.add_argument_group("what it may do"))
    configure_limits(parser.add_argument_group("how much it may use"))
    configure_steps(parser.add_argument_group("its steps"))
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="default: the image's")


def configure_process(parser: "argparse._ActionsContainer") -> None:
    """Options of a process, which `exec` has too."""
    parser.add_argument("-e", "--env", action="append", default=[], metavar="KEY[=VALUE]",
                        help="set a variable; KEY alone takes its value here")
    parser.add_argument("--env-file", action="append", default=[], metavar="FILE", help="a file with such lines")
    parser.add_argument("-w", "--workdir", default="", metavar="FOLDER", help="where it starts")
    parser.add_argument("-u", "--user", default="", metavar="USER[:GROUP]",
                        help="who runs it: numbers, or names that the container's /etc/passwd and /etc/group have")


def configure_machine(parser: "argparse._ActionsContainer") -> None:
    """Options of namespaces and mounts."""
    parser.add_argument("--hostname", default="", metavar="NAME", help="its host name")
    parser.add_argument("-v", "--volume", action="append", default=[], metavar="HOST:CONTAINER[:ro]",
                        help="show it a file or folder of this machine")
    parser.add_argument("--network", default="none", help="none (but a loopback), or host, this machine's own")
    parser.add_argument("--netns", default="", metavar="FILE",
                        help="name its network namespace by a new file while it runs, /run/netns/NAME for `ip -n NAME`")
    parser.add_argument("--rootless", action="store_true",
                        help="without privileges: an ordinary user is its root, in a user namespace")
    parser.add_argument("--rootfs", action="store_true",
                        help="IMAGE is the path of a root file system of your own; no layer is laid above it")


def configure_power(parser: "argparse._ActionsContainer") -> None:
    """Options of privileges."""
    parser.add_argument("--read-only", action="store_true", help="its root file system cannot be written to")
    parser.add_argument("--cap-add", action="append", default=[], metavar="CAP", help="give it a capability, or ALL")
    parser.add_argument("--cap-drop", action="append", default=[], metavar="CAP", help="take one from it, or ALL")
    parser.add_argument("--privileged", action="store_true", help="keep nothing of this machine's power from it")
    parser.add_argument("--seccomp", default="", metavar="FILE",
                        help="a profile of the runtime specification in the place of ours; or: unconfined")
    parser.add_argument("--sysctl", action="append", default=[], metavar="NAME=VALUE",
                        help="a kernel parameter of its namespaces: kernel.msgmax=9000")


def configure_limits(parser: "argparse._ActionsContainer") -> None:
    """Options of cgroups."""
    for option, value, says in LIMITS:
        parser.add_argument(option, default="", metavar=value, help=says)
    for option, says in RATES:
        parser.add_argument(option, action="append", default=[], metavar="DEVICE:RATE", help=says)


def configure_steps(parser: "argparse._ActionsContainer") -> None:
    """Options of those who look at the steps of a start."""
    parser.add_argument("--explain", action="store_true", help="print the steps that would run, and do nothing")
    parser.add_argument("--trace", nargs="?", const="", metavar="FILE",
                        help="print each step and its system calls as they happen; --trace=FILE: as JSON lines")
    parser.add_argument("--break", dest="broken", default="", metavar="STEP",
                        help="a shell in the half-built container after this step; its end ends the run")
    parser.add_argument("--skip", action="append", default=[], metavar="STEP", help="leave this step out")
    parser.add_argument("--fail", action="append", default=[], metavar="STEP=ERRNO", help="let this step fail")
    parser.add_argument("--with", dest="package", default="", metavar="FOLDER",
                        help="put the steps of this folder (my_runtime) in the place of ours")


def main(options: argparse.Namespace) -> int:
    """Run it: the container's exit code; 125 for errors of ours, 126 and 127 as shells have them."""
    interactive = options.interactive or bool(options.broken)
    try:
        plan = engine.prepare(options.image, options.command, engine.asked_of(options))
        theirs = engine.change(plan, options.package.rstrip("/"), tuple(options.skip), tuple(options.fail),
                               options.broken)
        if options.package:
            print(f"steps of {options.package}: {', '.join(theirs) or 'none'}", file=sys.stderr)
        if options.explain:
            print(engine.explain(plan))
            return 0
        if options.trace is not None:
            engine.record(plan, sink(options.trace))
        changed = options.package or options.skip or options.fail or options.broken
        if options.detach and (changed or options.trace is not None):
            raise UsageError("run --detach: who looks at the steps of a start stays with it", "leave --detach out")
        if changed:
            return engine.run_apart(plan, interactive, report, options.name, options.rm)
        if options.detach:
            print(engine.run_detached(plan, options.name, options.rm))
            return 0
        code = engine.run(plan, interactive, options.name, options.rm)
        for warning in plan.warnings:
            report(ContainLabError(warning))
        return code
    except (ContainLabError, OSError) as error:
        return report(error)


def report(error: Exception) -> int:
    """Say an error; its exit code, 125 where that would be 1 or 2: these are the container's."""
    code = cli.report(error)
    return 125 if code in (1, 2) else code


def sink(path: str) -> "trace.Sink":
    """Where the trace goes: JSON lines into a file, or lines for people on stderr."""
    if not path:
        return trace.Text(os.dup(2))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
    return trace.JsonLines(handle, files.dump_json)
