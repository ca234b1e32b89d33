"""Who this process is, and which capabilities it lacks (capabilities(7))."""

import os

from contain_lab import files, syscalls
from contain_lab.features import trial
from contain_lab.features.feature import Feature

CONSEQUENCES = {
    "SYS_RESOURCE": "hard resource limits cannot be raised, and oom_score_adj not lowered",
    "SYS_ADMIN": "no namespace but the user's, and no mount, can be made",
    "NET_ADMIN": "no link can be made or set",
    "MKNOD": "no device can be made",
    "SYS_TIME": "the clock cannot be set, which no lab does",
}


def privileges() -> list[Feature]:
    """Features "root", "privileges" (root, or what stands for it) and "capabilities"."""
    return [_root(), read_privileges(os.geteuid(), trial.results()["rootless"]),
            read_capabilities(files.get("/proc/self/status"), os.geteuid())]


def _root() -> Feature:
    user = os.geteuid()
    if user == 0:
        return Feature("root", True, "user 0" if files.is_machines_root() else "user 0, of a user namespace")
    return Feature("root", False, f"an ordinary user ({user})", "run as root")


def read_privileges(user: int, failure: str) -> Feature:
    """Whether this user can make containers at all; failure: why no user namespace can be made, "" where one can."""
    if user == 0:
        return Feature("privileges", True, "user 0")
    if not failure:
        return Feature("privileges", True, f"user {user}, as root of user namespaces of their own")
    return Feature("privileges", False, f"an ordinary user ({user}), and no user namespace: {failure}",
                   "run as root; the feature rootless says what denies it")


def read_capabilities(status: str, user: int) -> Feature:
    """Which of the kernel's capabilities are not in CapEff (proc_pid_status(5)), and what follows."""
    mask = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), 16)
    known = min(_last() + 1, len(syscalls.CAPABILITIES))
    absent = [name for bit, name in enumerate(syscalls.CAPABILITIES[:known]) if not mask >> bit & 1]
    if not absent:
        return Feature("capabilities", True, f"all {known}")
    if mask == 0:
        return Feature("capabilities", False, "none, as an ordinary user", "run as root" if user else "")
    follows = "; ".join(CONSEQUENCES[name] for name in absent if name in CONSEQUENCES)
    hint = f"{follows or 'some labs may need them'}: run where root has all capabilities"
    return Feature("capabilities", False, f"without {', '.join(f'CAP_{name}' for name in absent)}", hint)


def _last() -> int:
    """The number of the last capability that this kernel knows."""
    return int(files.get("/proc/sys/kernel/cap_last_cap"))
