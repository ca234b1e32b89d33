"""What this kernel and this machine offer, each with a reason, and the way out where something is missing.

Probing changes nothing: files are read, and what only a trial can tell is tried by children of a fresh
process (`trial`), in namespaces that end with them. `contain-lab doctor` prints all features; labs and tests
name those that they need.

man: cgroups(7), namespaces(7), user_namespaces(7), capabilities(7).
"""

import functools
from collections.abc import Callable, Iterable

from contain_lab.features import cgroup, kernel, namespaces, privileges, tools
from contain_lab.features.feature import Feature

__all__ = ["GROUPS", "Feature", "find", "missing", "probe", "probe_groups"]

GROUPS: dict[str, Callable[[], list[Feature]]] = {
    "machine": kernel.machine,
    "privileges": privileges.privileges,
    "namespaces": namespaces.namespaces,
    "cgroups": cgroup.cgroups,
    "kernel": kernel.mechanisms,
    "images": tools.images,
    "tools": tools.tools,
}
"""The groups that `doctor` prints, and who probes them."""


@functools.cache
def probe_groups() -> dict[str, tuple[Feature, ...]]:
    """All features by group; probed once a process (about 0.1 s)."""
    return {group: tuple(probe_group()) for group, probe_group in GROUPS.items()}


def probe() -> list[Feature]:
    """All features."""
    return [feature for features in probe_groups().values() for feature in features]


def find(name: str) -> Feature:
    """The feature of this name; one that is not ok where no probe knows the name."""
    known = {feature.name: feature for feature in probe()}
    return known.get(name) or Feature(name, False, "no feature has this name")


def missing(needs: Iterable[str]) -> list[Feature]:
    """Those of the named features that this machine does not offer."""
    return [feature for feature in map(find, needs) if not feature.ok]
