"""Capabilities: the parts that root's power is made of. man: capabilities(7), prctl(2), capset(2).

A process has five sets. *Bounding* is what it can ever have; *permitted* what it may use; *effective* what it uses
now; *inheritable* and *ambient* what a program that it executes is given. For uid 0 execve(2) computes permitted
and effective anew, from the bounding set: so the bounding set is the one that counts for a container's root.
Inheritable stays empty unless the spec asks for it (CVE-2022-24769 and its kin).
"""

import os

from contain_lab import files, syscalls
from contain_lab.errors import InvalidConfig
from contain_lab.syscalls import (
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAP_AMBIENT_RAISE,
    PR_CAPBSET_DROP,
    PR_SET_KEEPCAPS,
    PR_SET_NO_NEW_PRIVS,
)

BITS = {f"CAP_{name}": number for number, name in enumerate(syscalls.CAPABILITIES)}

# What Docker leaves to a container's root.
DEFAULT = tuple(f"CAP_{name}" for name in (
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
    "AUDIT_WRITE").split())


def mask(names: tuple[str, ...]) -> int:
    """A set of capabilities as a bit mask: mask(("CAP_CHOWN",)) -> 1. Errors: InvalidConfig names an unknown one."""
    for name in names:
        if name not in BITS:
            raise InvalidConfig(f"process.capabilities: {name}: no such capability", "capabilities(7) lists them")
    return sum(1 << BITS[name] for name in set(names))


def last_capability() -> int:
    """The highest capability that this kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        return int(file.read())


def own() -> tuple[str, ...]:
    """The names of the capabilities that this process may use, and so can give. man: proc_pid_status(5), CapPrm."""
    held = next(int(line.split()[1], 16) for line in files.get("/proc/self/status").splitlines() if "CapPrm" in line)
    return tuple(name for name, number in BITS.items() if held >> number & 1)


def drop_bounding_set(keep: tuple[str, ...], last: int) -> None:
    """Give up for ever all capabilities but these."""
    kept = mask(keep)
    for number in range(last + 1):
        if not kept >> number & 1:
            syscalls.prctl(PR_CAPBSET_DROP, number)


def become_user(uid: int, gid: int, groups: tuple[int, ...]) -> None:
    """Become another user; the permitted capabilities are kept, for the next step to choose from."""
    syscalls.prctl(PR_SET_KEEPCAPS, 1)
    try:
        os.setgroups(groups)
    except PermissionError:  # in a user namespace of one id it is forbidden for good, and what there is stays
        if groups:
            raise
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def set_capabilities(effective: tuple[str, ...], permitted: tuple[str, ...], inheritable: tuple[str, ...],
                     ambient: tuple[str, ...]) -> None:
    """Set the four other sets: effective, permitted, inheritable, ambient."""
    syscalls.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    syscalls.capset(mask(effective), mask(permitted), mask(inheritable))
    for name in ambient:
        syscalls.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, BITS[name])


def set_no_new_privs() -> None:
    """Never gain privileges again by executing a file."""
    syscalls.prctl(PR_SET_NO_NEW_PRIVS, 1)
