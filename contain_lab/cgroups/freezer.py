"""Freezing: the processes of a group stand still, and do not know of it. admin-guide/cgroup-v2.rst, "cgroup.freeze".

Every group of v2 has it; on v1 it is a controller, and a frozen process there does not even die before it is thawed.
"""

import time

from contain_lab import cgroups
from contain_lab.errors import ContainLabError

PATIENCE = 5.0  # seconds in which every process of a group is to stand still


def freeze_group(name: str) -> None:
    """Let the processes of a group stand still, and wait until all of them do."""
    until = time.monotonic() + PATIENCE
    while not stands_still(name):
        if time.monotonic() > until:
            thaw_group(name)
            raise ContainLabError(f"group {name}: some process of it does not stand still",
                                  "it hangs in the kernel: see /proc/PID/stack")
        cgroups.put("freezer", name, ("cgroup.freeze", 1), ("freezer.state", "FROZEN"))
        time.sleep(0.001)


def thaw_group(name: str) -> None:
    """Let the processes of a group go on."""
    cgroups.put("freezer", name, ("cgroup.freeze", 0), ("freezer.state", "THAWED"))


def stands_still(name: str) -> bool:
    """Whether all processes of a group stand still; on v1 a group may be on its way there, FREEZING."""
    said = cgroups.get("freezer", name, "cgroup.events", "freezer.state")
    return said.strip() == "FROZEN" or cgroups.number_in(said, "frozen") == 1
