"""`contain-lab run [OPTIONS] IMAGE [COMMAND ...]`: run a container, and look at its steps or change them."""

import argparse
import os
import signal
import sys

from contain_lab import engine, files, syscalls, trace
from contain_lab.container.plan import Plan
from contain_lab.errors import ContainLabError, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("-i", "--interactive", action="store_true", help="give it this command's input")
    parser.add_argument("-t", "--tty", action="store_true", help="give it a terminal")
    parser.add_argument("-it", "-ti", action="store_true", dest="both", help="both of these")
    parser.add_argument("--rm", action="store_true", help="remove it when it ends (what is always done so far)")
    parser.add_argument("--hostname", default="", metavar="NAME", help="its host name")
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
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run; default: the image's")


def main(options: argparse.Namespace) -> int:
    """Run it: the container's exit code; 125 for errors of ours, 126 and 127 as shells have them."""
    terminal = options.tty or options.both
    interactive = options.interactive or options.both or bool(options.broken)
    try:
        plan = engine.prepare(options.image, options.command, options.hostname, terminal)
        changed = options.package or options.skip or options.fail or options.broken
        if changed:
            tell(options, engine.change(plan, options.package.rstrip("/"), tuple(options.skip), tuple(options.fail),
                                        options.broken))
        if options.explain:
            print(engine.explain(plan))
            return 0
        if options.trace is not None:
            engine.record(plan, sink(options.trace))
        return guarded(plan, interactive) if options.package else engine.run(plan, interactive)
    except UsageError as error:
        raise UsageError(error.message, error.hint, 125) from error
    except ContainLabError as error:
        if error.code == 1:
            error.code = 125
        raise


def tell(options: argparse.Namespace, theirs: list[str]) -> None:
    """Say what is not as usual."""
    if options.package:
        print(f"steps of {options.package}: {', '.join(theirs) or 'none'}", file=sys.stderr)


def sink(path: str) -> "trace.Sink":
    """Where the trace goes: JSON lines into a file, or lines for people on stderr."""
    if not path:
        return trace.Text(os.dup(2))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
    return trace.JsonLines(handle, files.dump_json)


def guarded(plan: Plan, interactive: bool) -> int:
    """Run in a process of its own: a student's step may end it without a word, and what it made is undone all the same."""
    hear, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
        os._exit(report_to(say, plan, interactive))
    os.close(say)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process gets it too, and passes it on
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    signal.signal(signal.SIGINT, before)
    if os.read(hear, 1) == b"d":
        return status
    engine.clean()
    raise ContainLabError("the runtime went away in the middle of a step of yours that runs on the parent's side",
                          "a step must return: it may not exit or execute a program")


def report_to(say: int, plan: Plan, interactive: bool) -> int:
    """Run, print errors here, and leave a byte that says that the end was reached."""
    from contain_lab import cli

    try:
        code = engine.run(plan, interactive)
    except (ContainLabError, OSError) as error:
        if isinstance(error, ContainLabError) and error.code == 1:
            error.code = 125
        code = cli.report(error)
    except KeyboardInterrupt:
        code = 130
    os.write(say, b"d")
    return code
