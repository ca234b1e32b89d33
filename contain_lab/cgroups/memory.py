"""Memory: how much a group may use, and what becomes of it beyond that. admin-guide/cgroup-v2.rst, "Memory".

At the limit the kernel takes back what it can (caches, and swaps out where it may); then it kills a process of the
group. v1 counts memory and swap together where v2 has a limit for swap alone. Amounts are bytes; -1 is no limit.
"""

from contain_lab import cgroups


def set_memory_limit(name: str, limit: int) -> None:
    """Limit the memory of a group, in bytes; -1 is no limit."""
    cgroups.put("memory", name, ("memory.max", _amount(limit)), ("memory.limit_in_bytes", limit))


def set_swap_limit(name: str, limit: int, together: int) -> None:
    """Limit what a group may swap out: limit is that of its memory, together that of memory and swap, in bytes.

    -1 is no limit. On v1 the limit of the memory has to be set before, and to be no higher.
    """
    swap = -1 if together < 0 else max(together - max(limit, 0), 0)
    cgroups.put("memory", name, ("memory.swap.max", _amount(swap)), ("memory.memsw.limit_in_bytes", together))


def set_memory_protection(name: str, amount: int) -> None:
    """Keep an amount of memory, in bytes, from being taken back as long as others have some."""
    cgroups.put("memory", name, ("memory.low", _amount(amount)), ("memory.soft_limit_in_bytes", amount))


def set_swappiness(name: str, percent: int) -> None:
    """Choose how readily a group's memory is swapped out, 0 to 100."""
    cgroups.put("memory", name, ("", "v2 has no swappiness of a group"), ("memory.swappiness", percent))


def disable_oom_killer(name: str) -> None:
    """Let a group's processes wait at the limit, in the place of being killed."""
    cgroups.put("memory", name, ("", "v2 has no way to disable the OOM killer"), ("memory.oom_control", 1))


def count_oom_kills(name: str) -> int:
    """How many processes of a group the kernel has killed for want of memory."""
    return cgroups.number_in(cgroups.get("memory", name, "memory.events", "memory.oom_control"), "oom_kill")


def read_memory(name: str) -> int:
    """How much memory a group uses, in bytes, what is cached for it included."""
    return int(cgroups.get("memory", name, "memory.current", "memory.usage_in_bytes"))


def read_limit(name: str) -> int:
    """The limit of a group's memory, in bytes; -1 where it has none."""
    said = cgroups.get("memory", name, "memory.max", "memory.limit_in_bytes").strip()
    return -1 if said == "max" else int(said)


def _amount(limit: int) -> int | str:
    return "max" if limit < 0 else limit
