"""Seccomp: a program of the kernel's smallest machine judges every system call, by its number and arguments.

man: seccomp(2), prctl(2); https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config-linux.md#seccomp.
A filter stays for ever: execve and fork keep it, another one can only be severer. Loading one needs CAP_SYS_ADMIN in
the own user namespace or no_new_privs, for else it could blind a set-user-ID program. A filter sees what is in
registers, and never what a pointer leads to.

rules          what a profile says, by number       profile   a profile of our own, by capabilities
compiler       rules become a program               cache     programs are kept
numbers        of calls, by architecture            explaining   which rule a call meets

Nothing but the step is loaded before it is needed: a container that has no filter pays nothing for this room.
"""

import os

from contain_lab import syscalls
from contain_lab.errors import InvalidConfig, Unsupported
from contain_lab.syscalls import SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_SET_MODE_FILTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    Profile = dict[str, Any]

# TSYNC gives a filter to all threads, and there is only one.
FLAGS = {"SECCOMP_FILTER_FLAG_TSYNC": 0, "SECCOMP_FILTER_FLAG_LOG": SECCOMP_FILTER_FLAG_LOG,
         "SECCOMP_FILTER_FLAG_SPEC_ALLOW": SECCOMP_FILTER_FLAG_SPEC_ALLOW}


def load_seccomp_filter(program: bytes, flags: int) -> None:
    """Have every system call from here on judged by a program, in this process and all that come from it."""
    syscalls.seccomp(SECCOMP_SET_MODE_FILTER, flags, program)


class Program(bytes):
    """A filter, an array of struct sock_filter, which says its length where people would see its bytes."""

    def __repr__(self) -> str:
        return f"<{len(self) // 8} instructions>"


def filter_flags(profile: "Profile") -> int:
    """The flags of a profile for seccomp(2). Errors: InvalidConfig, Unsupported."""
    found = 0
    for name in profile.get("flags") or []:
        if name == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV":
            raise Unsupported(f"linux.seccomp.flags: {name}: this runtime has no listener that it could be about",
                              "leave it out of config.json")
        if name not in FLAGS:
            raise InvalidConfig(f"linux.seccomp.flags: {name!r} is no flag", f"they are {', '.join(FLAGS)}")
        found |= FLAGS[name]
    return found


def compile(profile: "Profile", machine: str = "") -> Program:
    """The program of a profile (linux.seccomp of a config). machine: as uname(2) has it; "" for this one.

    Errors: InvalidConfig and Unsupported, with the path of what is wrong in config.json.
    """
    from contain_lab.seccomp import compiler

    return Program(compiler.compile_profile(profile, machine or os.uname().machine))


def cached(profile: "Profile", folder: str, machine: str = "") -> Program:
    """As `compile`, from a folder of programs where it is there. Errors: ContainLabError too, if others may write."""
    from contain_lab.seccomp import cache

    return Program(cache.cached_program(profile, folder, machine or os.uname().machine))


def explain(profile: "Profile", number: int, args: "Sequence[int]" = (), architecture: str = "",
            machine: str = "") -> str:
    """What comes of a call, and which rule says so: "kill: ERRNO(EPERM), as syscalls[1] (kill) says".

    number, args: of the call; architecture: the calling program's ("i386"), "" for the machine's own.
    """
    from contain_lab.seccomp import explaining

    machine = machine or os.uname().machine
    return explaining.explain_call(profile, number, args, architecture or machine, machine)


def default_profile(capabilities: "Iterable[str]") -> "Profile":
    """What a container gets whose spec is ours: the calls that it may make with these capabilities ("CAP_CHOWN")."""
    from contain_lab.seccomp import profile

    return profile.make_profile(frozenset(capabilities))
