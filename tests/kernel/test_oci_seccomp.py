"""The profile of a config.json, as the container's program meets it. Black box: it holds for other runtimes, too."""

import errno
import os
from pathlib import Path

import pytest
from bundles import Bundle

pytestmark = [pytest.mark.blackbox, pytest.mark.needs("root", "pid namespace", "mount namespace")]
PROGRAM = "grep ^Seccomp: /proc/self/status; mkdir /tmp/d; kill -USR1 $$"
# What a static program needs to say a word, and what the runtimes need behind their filter (runc: futex and the like).
FEW = ("execve write read close exit exit_group brk mmap munmap mprotect arch_prctl set_tid_address set_robust_list "
       "rseq prlimit64 getrandom readlink readlinkat newfstatat fstat stat lstat access faccessat faccessat2 fcntl dup "
       "dup2 dup3 rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack futex prctl getuid geteuid getgid getegid "
       "getpid getppid gettid tgkill nanosleep openat openat2 open lseek epoll_ctl epoll_pwait fstatfs statfs uname "
       "ioctl poll ppoll capget capset setgroups setresuid setresgid setuid setgid chdir getcwd close_range "
       "fchown madvise getdents64 statx unlinkat waitid wait4 sched_yield").split()


def refusing(**more: object) -> dict[str, object]:
    """A profile that lets all calls through but two: mkdir, and kill with one signal."""
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat", "a_call_of_tomorrow"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSPC},
        {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]}],
        **more}


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_a_call_fails_as_the_profile_says(bundle: Bundle, no_new_privileges: bool):
    bundle.process["noNewPrivileges"] = no_new_privileges
    bundle.linux["seccomp"] = refusing(architectures=[f"SCMP_ARCH_{os.uname().machine.upper()}"])
    done = bundle.lived(PROGRAM)
    assert done.out == "Seccomp:\t2\n"
    assert "No space left" in done.err
    assert "not permitted" in done.err


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_a_list_of_few_calls_is_enough_for_a_program_that_needs_few(bundle: Bundle, no_new_privileges: bool):
    bundle.process.update(noNewPrivileges=no_new_privileges, args=["echo", "here"])
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ERRNO",
                               "syscalls": [{"names": FEW, "action": "SCMP_ACT_ALLOW"}]}
    done = bundle.lived()
    assert (done.code, done.out) == (0, "here\n"), done


def test_a_killing_action_kills(bundle: Bundle):
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}]}
    assert bundle.says("(mkdir /tmp/d); echo $?").splitlines()[-1] == "159"


def test_what_is_wrong_with_a_profile_is_named_and_nothing_is_left(bundle: Bundle):
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_WISH"}
    done = bundle.try_create()
    assert done.code != 0
    assert "SCMP_ACT_WISH" in done.err
    assert not list(Path(bundle.folder, "state").glob("*"))


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_a_process_that_enters_has_the_filter_too(bundle: Bundle, no_new_privileges: bool):
    bundle.process["noNewPrivileges"] = no_new_privileges
    bundle.linux["seccomp"] = refusing()
    bundle.up()
    done = bundle.run_command("exec", bundle.id, "sh", "-c", "grep ^Seccomp: /proc/self/status; mkdir /tmp/d")
    assert done.out == "Seccomp:\t2\n"
    assert "No space left" in done.err
