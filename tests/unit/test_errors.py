"""Errors: one tree, and two lines for any of them."""

import errno

import pytest

from contain_lab import errors
from contain_lab.errors import ContainLabError, StepFailed, explain


def failed(number: int, **more: object) -> OSError:
    error = OSError(number, __import__("os").strerror(number))
    for name, value in more.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize(("error", "message", "hint"), [
    (ContainLabError("image x: not found", "make it"), "image x: not found", "make it"),
    (failed(errno.EPERM, call="unshare(CLONE_NEWNS)"), "unshare(CLONE_NEWNS): operation not permitted (EPERM)",
     "namespaces and mounts need privileges: run as root, or with --rootless"),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", "/x"), "/x: no such file or directory (ENOENT)", ""),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", b"/\xff"),
     "/\N{REPLACEMENT CHARACTER}: no such file or directory (ENOENT)", ""),
    (failed(errno.ENOSPC, hint="own words"), "no space left on device (ENOSPC)", "own words"),
    (OSError("just words"), "just words", ""),
    (OSError(), "unknown error", ""),
    (failed(9999), "unknown error 9999 (9999)", ""),
    (ValueError("two\nlines"), "ValueError: two lines", ""),
    (ValueError(), "ValueError", ""),
    (SystemExit(3), "SystemExit: 3", ""),
])
def test_any_error_is_told_in_two_lines(error, message, hint):
    assert explain(error) == (message, hint)


@pytest.mark.parametrize(("kind", "code"), [
    (errors.ContainLabError, 1), (errors.UsageError, 2), (errors.InvalidConfig, 1), (errors.Unsupported, 1),
    (errors.NotFound, 1), (errors.WrongState, 1),
])
def test_each_kind_has_its_exit_code_and_takes_another(kind, code):
    assert kind("x").code == code
    assert kind("x", "", 127).code == 127
    assert isinstance(kind("x"), ContainLabError)


def test_a_failed_step_has_all_that_is_known():
    frames = (("f.py", 3, "g"),)
    error = StepFailed('uts.set_hostname("x")', "no", "do", 22, frames, 125)
    assert str(error) == error.message == 'uts.set_hostname("x"): no'
    assert (error.reason, error.hint, error.errno, error.frames, error.code) == ("no", "do", 22, frames, 125)


def test_a_number_is_named_as_the_kernel_names_it():
    assert errors.name_of(errno.ELOOP) == "ELOOP"
    assert errors.name_of(12345) == "12345"


@pytest.mark.parametrize(("said", "shown"), [
    ("one\nline", "one line"), ("\x1b[2Jclear", "\\x1b[2Jclear"), ("\ud800", "\\ud800"), ("ü", "ü"),
    ("x" * 5000, f"{'x' * 700} ... {'x' * 200}")])
def test_what_is_said_is_one_line_whatever_is_in_it(said, shown):
    assert errors.explain(errors.InvalidConfig(said, said)) == (shown, shown)
