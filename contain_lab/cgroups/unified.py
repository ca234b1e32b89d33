"""Any file of a cgroup v2 group, as `unified` of the runtime specification names it: {"memory.high": "100M"}."""

from contain_lab import cgroups


def set_unified(name: str, file: str, value: str) -> None:
    """Write a file of a group, which has to be one of cgroup v2."""
    controller = file.split(".")[0]
    cgroups.put(controller, name, (file, value), ("", f"{file} is a file of v2, and this machine has it in v1"))
