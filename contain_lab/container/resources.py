"""`linux.resources` of a config, turned into rows: the groups, their limits, the joining. config-linux.md.

A group is made only in the hierarchies of the controllers that something is asked of: on v1, joining one takes
milliseconds. As other runtimes have it, 0 asks for nothing.
"""

import os

from contain_lab import cgroups, spec
from contain_lab.cgroups import cpu, cpuset, devices, hugetlb, io, memory, pids, rdma, unified
from contain_lab.steps import PID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain_lab.spec import Config
    from contain_lab.steps import Row

    Limit = tuple[str, Row]  # a controller, and the step that sets a limit of it

THROTTLES = {"throttleReadBpsDevice": "rbps", "throttleWriteBpsDevice": "wbps",
             "throttleReadIOPSDevice": "riops", "throttleWriteIOPSDevice": "wiops"}


def group_rows(config: "Config", folder: str, bound: bool = False) -> "Iterator[Row]":
    """The groups that the resources ask for, made, limited, and joined.

    bound: without the rules about devices, for in a user namespace none can be made that would have to be denied.
    """
    name = (spec.part(config, "linux.cgroupsPath") or f"cl-{folder.rpartition('/')[2].removeprefix('cl-')}").strip("/")
    asked = spec.part(config, "linux.resources") or {}
    limits = list(limits_of({**asked, "devices": []} if bound else asked, name))
    controllers = tuple(dict.fromkeys(controller for controller, _ in limits))
    if controllers:
        yield cgroups, "create_group", (name, controllers), (cgroups, "remove_group", (name, controllers))
        yield from (row for _, row in limits)
        yield cgroups, "add_process", (name, PID, controllers)


def limits_of(asked: "dict[str, Any]", name: str) -> "Iterator[Limit]":
    """What resources ask for, limit by limit, each with its controller."""
    if asked.get("devices"):
        rules = tuple(map(device_rule, asked["devices"]))
        yield "devices", (devices, "allow_devices", (name, rules + devices.HARMLESS))
    yield from memory_limits(asked.get("memory") or {}, name)
    yield from cpu_limits(asked.get("cpu") or {}, name)
    yield from io_limits(asked.get("blockIO") or {}, name)
    if (asked.get("pids") or {}).get("limit") is not None:
        yield "pids", (pids, "set_pids_limit", (name, asked["pids"]["limit"]))
    for each in asked.get("hugepageLimits") or []:
        yield "hugetlb", (hugetlb, "set_hugepage_limit", (name, each["pageSize"], each["limit"]))
    for device, each in (asked.get("rdma") or {}).items():
        most = [-1 if each.get(key) is None else each[key] for key in ("hcaHandles", "hcaObjects")]
        yield "rdma", (rdma, "set_rdma_limit", (name, device, *most))
    for file, value in (asked.get("unified") or {}).items():
        yield file.split(".")[0], (unified, "set_unified", (name, file, value))


def memory_limits(asked: "dict[str, Any]", name: str) -> "Iterator[Limit]":
    """Memory and swap; the memory comes first, for the two together may not be lower."""
    if asked.get("limit"):
        yield "memory", (memory, "set_memory_limit", (name, asked["limit"]))
    if asked.get("swap"):
        yield "memory", (memory, "set_swap_limit", (name, asked.get("limit") or 0, asked["swap"]))
    if asked.get("reservation"):
        yield "memory", (memory, "set_memory_protection", (name, asked["reservation"]))
    if asked.get("swappiness") is not None:
        yield "memory", (memory, "set_swappiness", (name, asked["swappiness"]))
    if asked.get("disableOOMKiller"):
        yield "memory", (memory, "disable_oom_killer", (name,))


def cpu_limits(asked: "dict[str, Any]", name: str) -> "Iterator[Limit]":
    """Weight, quota, and the processors themselves."""
    if asked.get("shares"):
        yield "cpu", (cpu, "set_cpu_weight", (name, asked["shares"]))
    if asked.get("quota") or asked.get("period"):
        yield "cpu", (cpu, "set_cpu_quota", (name, asked.get("quota") or -1, asked.get("period") or cpu.PERIOD))
    if asked.get("burst"):
        yield "cpu", (cpu, "set_cpu_burst", (name, asked["burst"]))
    if asked.get("idle"):
        yield "cpu", (cpu, "set_cpu_idle", (name, asked["idle"]))
    if asked.get("cpus") or asked.get("mems"):
        yield "cpuset", (cpuset, "set_cpuset", (name, asked.get("cpus") or "", asked.get("mems") or ""))


def io_limits(asked: "dict[str, Any]", name: str) -> "Iterator[Limit]":
    """Weights and rates of block devices."""
    if asked.get("weight"):
        yield "io", (io, "set_io_weight", (name, "default", asked["weight"]))
    for each in asked.get("weightDevice") or []:
        yield "io", (io, "set_io_weight", (name, f"{each['major']}:{each['minor']}", each["weight"]))
    for key, kind in THROTTLES.items():
        for each in asked.get(key) or []:
            yield "io", (io, "set_io_limit", (name, f"{each['major']}:{each['minor']}", kind, each["rate"]))


def device_rule(rule: "Config") -> tuple[bool, str]:
    """A rule about devices as the controller has it: (allow, "c 1:3 rwm")."""
    numbers = [("*" if rule.get(key) is None or rule[key] < 0 else str(rule[key])) for key in ("major", "minor")]
    return bool(rule.get("allow")), f"{rule.get('type') or 'a'} {':'.join(numbers)} {rule.get('access') or 'rwm'}"


# ---- what came of them

def count_oom_kills(undo: "list[Row]") -> int:
    """How many processes the kernel has killed in a container's group. undo: the rows that undo what was made."""
    return sum(memory.count_oom_kills(args[0]) for _, step, args in undo if step == "remove_group"
               and "memory" in args[1] and os.path.isdir(cgroups.group_path("memory", args[0])))


def describe_oom_kills(number: int, limit: int) -> str:
    """That there were some, in words."""
    who, size = "a process" if number == 1 else f"{number} processes", f", {limit / (1 << 20):.6g} MiB" if limit else ""
    return f"out of memory: the kernel killed {who} of the container at its limit of memory{size}"
