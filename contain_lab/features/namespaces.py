"""Which kinds of namespace this process can make, and whether an ordinary user may."""

import os

from contain_lab.features import trial
from contain_lab.features.feature import Feature

POLICY = {
    "user.max_user_namespaces": ("0", "10000"),
    "kernel.unprivileged_userns_clone": ("0", "1"),
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0"),
}
"""The sysctls that deny user namespaces to ordinary users, the value that denies, one that allows. The second
is Debian's, the third Ubuntu's (24.04 and newer: a program needs an AppArmor profile)."""


def namespaces() -> list[Feature]:
    """A feature for each kind, named "uts namespace" and so on, and "rootless"."""
    return [*map(_kind, trial.KINDS), _rootless()]


def _kind(kind: str) -> Feature:
    name = f"{kind} namespace"
    if reason := trial.results()[name]:
        return Feature(name, False, reason, _way_out(kind, reason))
    return Feature(name, True, "can be made, in a user namespace" if os.geteuid() and kind != "user" else "can be made")


def _way_out(kind: str, reason: str) -> str:
    if "EINVAL" in reason:
        return f"this kernel was built without it: boot one with {kind} namespaces"
    if "ENOSPC" in reason:
        return f"sysctl -w user.max_{'mnt' if kind == 'mount' else kind}_namespaces=10000"
    return "run as root" if os.geteuid() else "run on the machine itself, or in a container with --privileged"


def _rootless() -> Feature:
    """Whether an ordinary user may make a user namespace: tried as nobody where we are root."""
    sysctls = {name: value for name in POLICY if (value := _sysctl(name))}
    return read_policy(trial.results()["rootless"], sysctls)


def read_policy(failure: str, sysctls: dict[str, str]) -> Feature:
    """The feature "rootless", from why the trial failed ("": it did not) and the sysctls that there are."""
    seen = ", ".join(f"{name} is {value}" for name, value in sysctls.items())
    if not failure:
        return Feature("rootless", True, f"an ordinary user may make a user namespace; {seen}")
    denying = [name for name, (value, _) in POLICY.items() if sysctls.get(name) == value]
    hints = [f"sysctl -w {name}={POLICY[name][1]}" for name in denying] or ["ask who runs this machine"]
    return Feature("rootless", False, f"{failure}; {seen}", hints[0])


def _sysctl(name: str) -> str:
    """The value of a sysctl(8), "" where this kernel has none of the name."""
    full = f"/proc/sys/{name.replace('.', '/')}"
    if not os.path.exists(full):
        return ""
    with open(full, encoding="ascii") as file:
        return file.read().strip()
