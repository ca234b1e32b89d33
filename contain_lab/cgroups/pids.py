"""Processes: how many there may be in a group, threads counted. admin-guide/cgroup-v2.rst, "PID".

At the limit fork(2) fails with EAGAIN. Who is moved in is counted, but never refused.
"""

from contain_lab import cgroups


def set_pids_limit(name: str, limit: int) -> None:
    """Limit how many processes the group may have; 0 or less is no limit."""
    setting = ("pids.max", limit if limit > 0 else "max")
    cgroups.put("pids", name, setting, setting)
