"""Devices: which device nodes a group may make, read and write. admin-guide/cgroup-v1/devices.rst.

On v2 BPF programs do this in the place of a controller; here it is v1's.
"""

from contain_lab import cgroups, files

# What every container may use, whatever else is denied: make any node, open the harmless ones and terminals.
HARMLESS = tuple((True, rule) for rule in (
    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:1 rwm",
    "c 5:2 rwm", "c 136:* rwm"))


def allow_devices(name: str, rules: "tuple[tuple[bool, str], ...]") -> None:
    """Allow and deny devices, one rule after the other: (allow, "c 1:3 rwm")."""
    path = cgroups.group_path("devices", name)
    for allow, rule in rules:
        files.put(f"{path}/devices.{'allow' if allow else 'deny'}", rule)
