"""`contain-lab seccomp`: which rule a call meets."""

import json

import pytest

from contain_lab.cli import main


def test_ours_is_the_default(capsys):
    assert main(["seccomp", "unshare"]) == 0
    assert capsys.readouterr().out.startswith("unshare: ERRNO(EPERM), as syscalls[1] (")


def test_arguments_count_and_may_be_hexadecimal(capsys):
    assert main(["seccomp", "clone", "0x10000000"]) == main(["seccomp", "clone", "17"]) == 0
    refused, allowed = capsys.readouterr().out.splitlines()
    assert refused.startswith("clone: ERRNO(EPERM)")
    assert "args[0] & 0x10000000 == 0x10000000" in refused
    assert allowed.startswith("clone: ALLOW")


def test_a_profile_may_be_a_file(capsys, tmp_path):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
    (tmp_path / "profile").write_text(json.dumps(profile))
    assert main(["seccomp", "--profile", str(tmp_path / "profile"), "mkdirat"]) == 0
    assert capsys.readouterr().out == "mkdirat: ERRNO(ENOSPC), as syscalls[0] (mkdir, mkdirat) says\n"


@pytest.mark.parametrize(("words", "said"), [
    (["no_such_call"], "contain-lab: system call no_such_call: this machine has none of the name\nhint: syscalls(2)"),
    (["mkdir", "x"], "contain-lab: seccomp: argument ARGUMENT: invalid number value: 'x'\n"),
    (["--container", "no-such", "mkdir"], "contain-lab: container no-such: "),
])
def test_what_there_is_not_is_said(capsys, words, said):
    assert main(["seccomp", *words]) != 0
    assert capsys.readouterr().err.startswith(said)
