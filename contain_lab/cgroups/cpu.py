"""CPU: a group's part of the processors. admin-guide/cgroup-v2.rst, "CPU"; scheduler/sched-bwc.rst.

A weight counts only where others want the processors, too; a quota is a limit even on an idle machine: who has used
it up is throttled until the period is over.
"""

from contain_lab import cgroups

PERIOD = 100_000  # microseconds, the kernel's default


def set_cpu_weight(name: str, shares: int) -> None:
    """Weigh a group against its neighbours: 1024 is the usual, from 2 to 262144; v2 has 1 to 10000 for these."""
    cgroups.put("cpu", name, ("cpu.weight", weight_of(shares)), ("cpu.shares", shares))


def weight_of(shares: int) -> int:
    """The weight of v2 for the shares of v1: both ends meet. runtime-spec, config-linux.md."""
    return 1 + (min(max(shares, 2), 262144) - 2) * 9999 // 262142


def set_cpu_quota(name: str, quota: int, period: int) -> None:
    """Limit a group to so many microseconds of CPU time in each period of so many; a quota of -1 is no limit."""
    limit = f"{quota if quota >= 0 else 'max'} {period}"
    cgroups.put("cpu", name, ("cpu.max", limit), ("cpu.cfs_period_us", period))
    cgroups.put("cpu", name, ("cpu.max", limit), ("cpu.cfs_quota_us", quota))


def set_cpu_burst(name: str, burst: int) -> None:
    """Let a group save up so many microseconds of its quota for later periods."""
    cgroups.put("cpu", name, ("cpu.max.burst", burst), ("cpu.cfs_burst_us", burst))


def set_cpu_idle(name: str, idle: int) -> None:
    """Let a group run only when the processors have nothing else to do: 1, or 0 for the usual."""
    cgroups.put("cpu", name, ("cpu.idle", idle), ("cpu.idle", idle))


def count_throttled(name: str) -> int:
    """In how many periods a group has used up its quota, and was made to wait."""
    return cgroups.number_in(cgroups.get("cpu", name, "cpu.stat", "cpu.stat"), "nr_throttled")
