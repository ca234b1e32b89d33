"""The two command lines: usage, unknown words, exit codes, and errors as two lines."""

import argparse
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contain_lab import cli
from contain_lab.cli import oci
from contain_lab.errors import ContainLabError, StepFailed, UsageError

BUDGET = ("json re enum typing socket dataclasses contextlib subprocess argparse pathlib signal tempfile shutil "
          "logging collections functools inspect").split()


@pytest.fixture
def command(monkeypatch):
    """A command of the table that raises or returns what the test wants."""
    class Command:
        raised: BaseException | None = None

        @staticmethod
        def configure(parser: argparse.ArgumentParser) -> None:
            parser.add_argument("--trace", nargs="?", const="")
            parser.add_argument("--name", default="")
            parser.add_argument("image")

        def main(self, options: argparse.Namespace) -> int:
            self.options = options
            if self.raised:
                raise self.raised
            return 7

    made = Command()
    monkeypatch.setitem(sys.modules, "contain_lab.cli.run", made)
    monkeypatch.setattr(cli, "run", made, raising=False)
    return made


# ---- contain-lab

def test_without_a_command_usage_is_printed_on_stderr(capsys):
    assert cli.main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("usage: contain-lab COMMAND")


@pytest.mark.parametrize("word", ["-h", "--help", "help"])
def test_help_lists_every_command(capsys, word):
    assert cli.main([word]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == list(cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_its_file_and_its_help(capsys, name):
    with pytest.raises(SystemExit) as caught:
        cli.main([name, "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: contain-lab {name}")


def test_an_unknown_command_is_refused_with_the_nearest(capsys):
    assert cli.main(["runn"]) == 2
    assert capsys.readouterr().err == ("contain-lab: runn: no such command, did you mean run?\n"
                                       "hint: contain-lab --help lists them\n")
    assert cli.main(["zzzzzz"]) == 2
    assert capsys.readouterr().err.startswith("contain-lab: zzzzzz: no such command\n")


def test_the_exit_code_is_the_commands(command):
    assert cli.main(["run", "busybox"]) == 7


def test_a_wrong_argument_is_two_lines_and_125_from_run(capsys, command):
    assert cli.main(["run", "--nam=x", "busybox"]) == 125
    assert capsys.readouterr().err.startswith("contain-lab: run: unrecognized arguments: --nam=x\n")
    assert cli.main(["run"]) == 125
    assert capsys.readouterr().err == ("contain-lab: run: the following arguments are required: image\n"
                                       "hint: contain-lab run --help\n")


@pytest.mark.parametrize(("error", "code", "said"), [
    (ContainLabError("no image"), 1, "contain-lab: no image\n"),
    (UsageError("what", "say it"), 2, "contain-lab: what\nhint: say it\n"),
    (ContainLabError("no", "", 127), 127, "contain-lab: no\n"),
    (PermissionError(errno.EPERM, "Operation not permitted", "/x"), 1,
     "contain-lab: /x: operation not permitted (EPERM)\n"
     "hint: namespaces and mounts need privileges: run as root, or with --rootless\n"),
    (StepFailed("uts.x()", "bad", frames=(("/m/my_runtime/namespaces.py", 3, "x"),)), 1,
     "contain-lab: uts.x(): bad\nhint: /m/my_runtime/namespaces.py, line 3, in x\n"),
    (KeyboardInterrupt(), 130, "contain-lab: interrupted\n"),
])
def test_an_error_is_told_on_stderr_and_gives_the_exit_code(capsys, command, error, code, said):
    command.raised = error
    assert cli.main(["run", "busybox"]) == code
    assert capsys.readouterr().err == said


def test_a_bug_of_ours_is_not_hidden(command):
    command.raised = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        cli.main(["run", "busybox"])


@pytest.mark.parametrize(("words", "trace", "name", "image"), [
    (["--trace", "busybox"], "", "", "busybox"), (["--trace=out", "busybox"], "out", "", "busybox"),
    (["--name", "a", "--trace", "busybox"], "", "a", "busybox"), (["--name=a", "busybox"], None, "a", "busybox"),
])
def test_trace_takes_a_file_only_after_an_equals_sign(command, words, trace, name, image):
    assert cli.main(["run", *words]) == 7
    assert (command.options.trace, command.options.name, command.options.image) == (trace, name, image)


def test_a_reader_that_goes_away_is_no_traceback():
    script = "import sys; from contain_lab import cli; sys.exit(cli.main(['--help']))"
    hear, say = os.pipe()
    os.close(hear)
    done = subprocess.run([sys.executable, "-c", script], stdout=say, stderr=subprocess.PIPE, text=True)
    os.close(say)
    assert done.stderr == ""
    assert done.returncode == 141


# ---- contain-lab-runtime

@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], ["create", "--help"]])
def test_the_oci_door_has_help(capsys, words):
    assert oci.main(words) == 0
    assert capsys.readouterr().out.startswith("usage: contain-lab-runtime")


def test_the_oci_door_says_its_versions(capsys):
    assert oci.main(["--version"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "spec: 1.2.0"


@pytest.mark.parametrize(("words", "message"), [
    ([], "a command is due"), (["fly"], "fly: no such command"), (["--root"], "--root: a value is due"),
    (["create"], "create: 0 arguments, where 1 are due"), (["state", "a", "b"], "state: 2 arguments, where 1 are due"),
    (["kill", "a", "TERM", "b"], "kill: 3 arguments, where 1 to 2 are due"),
    (["create", "--fly", "a"], "--fly: no such option"),
    (["--systemd-cgroup", "state", "a"], "--systemd-cgroup: this runtime talks to no systemd"),
])
def test_wrong_words_are_refused(capsys, words, message):
    assert oci.main(words) != 0
    assert capsys.readouterr().err.splitlines()[0] == f"contain-lab-runtime: {message}"


@pytest.mark.parametrize("name", ["", "a/b", "..", ".x", "a b", "a\0b", "x" * 201, "ä"])
def test_an_id_that_is_no_name_is_refused(capsys, tmp_path, name):
    for words in (["state", name], ["kill", name], ["delete", "--force", name], ["start", name]):
        assert oci.main(["--root", str(tmp_path), *words]) == 1
        assert "letters, digits and _ + - ." in capsys.readouterr().err


@pytest.mark.parametrize(("word", "number"), [
    ("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("64", 64), ("RTMIN", 34)])
def test_a_signal_has_a_number_or_a_name(word, number):
    assert oci.signal_number(word) == number


@pytest.mark.parametrize("word", ["0", "65", "-1", "NOPE", "", "_DFL", "SIG_DFL", "²"])
def test_what_is_no_signal_is_refused(word):
    with pytest.raises(UsageError, match="no such signal"):
        oci.signal_number(word)


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_is_told_in_the_log_as_the_caller_wants_it(capsys, tmp_path, form):
    log = tmp_path / "log"
    assert oci.main(["--log", str(log), "--log-format", form, "--root", str(tmp_path), "state", "nobody"]) == 1
    line, = log.read_text().splitlines()
    if form == "json":
        assert json.loads(line)["msg"] == "container nobody: it does not exist"
        assert json.loads(line)["level"] == "error"
    else:
        assert line.endswith('level=error msg="container nobody: it does not exist"')
    assert capsys.readouterr().err.startswith("contain-lab-runtime: container nobody: it does not exist\n")


# ---- what the way to execve may cost

ROOT = str(Path(cli.__file__).parents[2])
ON_THE_WAY = f"""
import sys
sys.path.insert(0, {ROOT!r})
before = set(sys.modules)
from contain_lab.cli import oci
from contain_lab import files, spec
from contain_lab.container import verbs
from contain_lab.container.launch import launch
from contain_lab.container.plan import Plan
config = spec.validate(files.parse_json(files.dump_json(spec.default(["true"], "rootfs", "x", ())), "x"))
Plan(config, "/root", "/state/x")
print(*sorted(set(sys.modules) - before))
"""


def test_the_oci_door_keeps_the_import_budget():
    said = subprocess.run(["/usr/bin/python3", "-IS", "-c", ON_THE_WAY], capture_output=True, text=True)
    assert said.stderr == ""
    loaded = set(said.stdout.split())
    assert "contain_lab.container.launch" in loaded
    assert loaded & set(BUDGET) == set()


def test_verbs_that_mount_nothing_do_not_load_ctypes(tmp_path):
    script = (f"import sys; sys.path.insert(0, {ROOT!r}); from contain_lab.cli import oci; "
              f"oci.main(['--root', {str(tmp_path)!r}, 'delete', '--force', 'x']); print('ctypes' in sys.modules)")
    assert subprocess.run(["/usr/bin/python3", "-IS", "-c", script], capture_output=True, text=True).stdout == "False\n"
