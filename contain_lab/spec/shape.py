"""The types of what is read of a config.json, and the check of a config against them.

A wrong type is said with the path of what is wrong. What the specification does not know is ignored, as it demands.
"""

import os

from contain_lab.errors import InvalidConfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")

# The types of what is read: a type, [of all], {name: of it}, or (str, of all values of a map).
NAMED_CAPABILITIES = {name: [str] for name in ("bounding", "effective", "permitted", "inheritable", "ambient")}
MAPPING = {"containerID": int, "hostID": int, "size": int}
DEVICE = {"major": int, "minor": int}
RESOURCES: "dict[str, Any]" = {
    "pids": {"limit": int},
    "devices": [{"allow": bool, "type": str, **DEVICE, "access": str}],
    "memory": {"limit": int, "reservation": int, "swap": int, "swappiness": int, "disableOOMKiller": bool,
               "useHierarchy": bool, "checkBeforeUpdate": bool},
    "cpu": {"shares": int, "quota": int, "burst": int, "period": int, "cpus": str, "mems": str, "idle": int},
    "blockIO": {"weight": int, "weightDevice": [{**DEVICE, "weight": int}],
                **{f"throttle{kind}Device": [{**DEVICE, "rate": int}]
                   for kind in ("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS")}},
    "hugepageLimits": [{"pageSize": str, "limit": int}],
    "rdma": (str, {"hcaHandles": int, "hcaObjects": int}),
    "unified": (str, str),
}
TYPES: "dict[str, Any]" = {
    "ociVersion": str, "hostname": str, "domainname": str, "annotations": (str, str),
    "root": {"path": str, "readonly": bool},
    "process": {
        "terminal": bool, "args": [str], "env": [str], "cwd": str, "noNewPrivileges": bool, "oomScoreAdj": int,
        "consoleSize": {"height": int, "width": int},
        "user": {"uid": int, "gid": int, "umask": int, "additionalGids": [int]},
        "capabilities": NAMED_CAPABILITIES,
        "rlimits": [{"type": str, "soft": int, "hard": int}],
    },
    "mounts": [{"destination": str, "type": str, "source": str, "options": [str],
                "uidMappings": [MAPPING], "gidMappings": [MAPPING]}],
    "hooks": {place: [{"path": str, "args": [str], "env": [str], "timeout": int}] for place in HOOKS},
    "linux": {
        "namespaces": [{"type": str, "path": str}], "cgroupsPath": str, "sysctl": (str, str),
        "devices": [{"path": str, "type": str, "major": int, "minor": int, "fileMode": int, "uid": int, "gid": int}],
        "uidMappings": [MAPPING], "gidMappings": [MAPPING], "timeOffsets": (str, {"secs": int, "nanosecs": int}),
        "maskedPaths": [str], "readonlyPaths": [str], "rootfsPropagation": str,
        "seccomp": {
            "defaultAction": str, "defaultErrnoRet": int, "architectures": [str], "flags": [str],
            "listenerPath": str, "listenerMetadata": str,
            "syscalls": [{"names": [str], "action": str, "errnoRet": int,
                          "args": [{"index": int, "value": int, "valueTwo": int, "op": str}]}],
        },
        "resources": RESOURCES,
    },
}


def check(value: object, wanted: "Any", path: str = "") -> None:
    """Check a value against a type as TYPES has it; path: where it stands. Errors: InvalidConfig."""
    if value is None:
        return
    if isinstance(wanted, type):
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise InvalidConfig(f"{path}: {shown(value)} where {WORDS[wanted]} is due")
        if isinstance(value, str):
            _check_text(value, path)
    elif isinstance(wanted, list):
        for number, inner in enumerate(_expect(value, list, path)):
            check(_present(inner, f"{path}[{number}]"), wanted[0], f"{path}[{number}]")
    elif isinstance(wanted, tuple):
        for name, inner in _expect(value, dict, path).items():
            check(_present(inner, f"{path}.{name}"), wanted[1], f"{path}.{name}")
    else:
        for name, inner in _expect(value, dict, path).items():
            if name in wanted:
                check(inner, wanted[name], f"{path}.{name}" if path else name)


WORDS = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


def _expect(value: object, kind: type, path: str) -> "Any":
    if not isinstance(value, kind):
        raise InvalidConfig(f"{path or 'config.json'}: {shown(value)} where {WORDS[kind]} is due")
    return value


def _check_text(value: str, path: str) -> None:
    try:
        if b"\0" in os.fsencode(value):
            raise InvalidConfig(f"{path}: {shown(value)} holds a zero byte")
    except UnicodeEncodeError:
        raise InvalidConfig(f"{path}: {shown(value)} holds half a character") from None


def _present(value: object, path: str) -> object:
    """null stands for what is left out; in a list, or in a map of any names, nothing can be left out."""
    if value is None:
        raise InvalidConfig(f"{path}: null where a value is due")
    return value


def shown(value: object) -> str:
    """A value as an error names it, cut where it is long."""
    said = repr(value)
    return said if len(said) <= 40 else f"{said[:37]}..."
