"""`contain-lab run [OPTIONS] IMAGE [COMMAND ...]`: run a container, and look at its steps or change them."""

import argparse
import os
import sys

from contain_lab import cli, engine, files, trace
from contain_lab.errors import ContainLabError


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("-i", "--interactive", action="store_true", help="give it this command's input")
    parser.add_argument("-t", "--tty", action="store_true", help="give it a terminal")
    parser.add_argument("-it", "-ti", action="store_true", dest="both", help="both of these")
    parser.add_argument("--rm", action="store_true", help="remove it when it ends (what is always done so far)")
    parser.add_argument("--hostname", default="", metavar="NAME", help="its host name")
    parser.add_argument("--rootfs", action="store_true",
                        help="IMAGE is the path of a root file system of your own; no layer is laid above it")
    parser.add_argument("--sysctl", action="append", default=[], metavar="NAME=VALUE",
                        help="a kernel parameter of its namespaces: kernel.msgmax=9000")
    parser.add_argument("--netns", default="", metavar="PATH",
                        help="name its network namespace by a new file while it runs, /run/netns/NAME for `ip -n NAME`")
    parser.add_argument("--rootless", action="store_true",
                        help="without privileges: an ordinary user is its root, in a user namespace")
    parser.add_argument("--init", action="store_true",
                        help="let an init be its process 1: it reaps who ends, and passes signals to the command")
    look = parser.add_argument_group("its steps")
    look.add_argument("--explain", action="store_true", help="print the steps that would run, and do nothing")
    look.add_argument("--trace", nargs="?", const="", metavar="FILE",
                      help="print each step and its system calls as they happen; --trace=FILE: as JSON lines")
    look.add_argument("--break", dest="broken", default="", metavar="STEP",
                      help="a shell in the half-built container after this step; its end ends the run")
    look.add_argument("--skip", action="append", default=[], metavar="STEP", help="leave this step out")
    look.add_argument("--fail", action="append", default=[], metavar="STEP=ERRNO", help="let this step fail")
    look.add_argument("--with", dest="package", default="", metavar="FOLDER",
                      help="put the steps of this folder (my_runtime) in the place of ours")
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="default: the image's")


def main(options: argparse.Namespace) -> int:
    """Run it: the container's exit code; 125 for errors of ours, 126 and 127 as shells have them."""
    terminal = options.tty or options.both
    interactive = options.interactive or options.both or bool(options.broken)
    try:
        plan = engine.prepare(options.image, options.command, options.hostname, terminal, options.rootfs,
                              tuple(options.sysctl), options.netns, options.rootless,
                              options.init)
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
        return engine.run_apart(plan, interactive, report) if changed else engine.run(plan, interactive)
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
