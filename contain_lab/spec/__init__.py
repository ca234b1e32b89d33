"""The runtime specification's config.json as data: what is allowed, what we do of it, and a default.

https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md and config-linux.md. Plain dicts, for the OCI
command line is on its way to execve. A config is checked before anything is done: a wrong type is InvalidConfig,
what the specification allows and this runtime does not do is Unsupported, and nothing that it asks for is passed
over in silence. `shape` has the types.
"""

import os

from contain_lab.errors import InvalidConfig, Unsupported
from contain_lab.spec import shape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Config = dict[str, Any]

VERSION = "1.2.0"
NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup", "user", "time")
DEFAULT_NAMESPACES = NAMESPACES[:6]

# What may stand in a config, and is refused unless it is empty.
REFUSED = (
    "process.apparmorProfile", "process.selinuxLabel", "process.ioPriority", "process.scheduler",
    "process.execCPUAffinity", "linux.mountLabel", "linux.intelRdt", "linux.personality", "linux.netDevices",
    "linux.memoryPolicy",
    "linux.resources.network", "linux.resources.memory.kernel", "linux.resources.memory.kernelTCP",
    "linux.resources.cpu.realtimeRuntime", "linux.resources.cpu.realtimePeriod", "linux.resources.blockIO.leafWeight",
)
SYSCTLS = {"net.": "network", "fs.mqueue.": "ipc", "kernel.msg": "ipc", "kernel.shm": "ipc", "kernel.sem": "ipc",
           "kernel.domainname": "uts"}


def part(config: "Config", path: str) -> "Any":
    """What stands at a dotted path of a config, None where nothing does: part(config, "process.user.uid")."""
    value: Any = config
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


# ---- validation

def validate(config: "Config") -> "Config":
    """Check a config, and return it. Errors: InvalidConfig and Unsupported, with the path of what is wrong."""
    shape.check(config, shape.TYPES)
    version = config.get("ociVersion") or ""
    if not version.startswith("1."):
        raise InvalidConfig(f"ociVersion: {version!r}: only versions 1.x of the specification are known")
    _refuse(config, "leave it out of config.json")
    _check_process(config)
    if not part(config, "root.path"):
        raise InvalidConfig("root.path: missing", "it names the root file system, relative to the bundle")
    _check_limits(config)
    _check_devices(config)
    _check_group(config)
    check_resources(part(config, "linux.resources") or {})
    _check_mounts(config)
    _check_namespaces(config)
    _check_hooks(config.get("hooks") or {})
    return config


def validate_process(process: "Config") -> "Config":
    """Check a process alone, as `exec` takes it, and return it. Errors: InvalidConfig and Unsupported."""
    config = {"process": process}
    shape.check(config, shape.TYPES)
    _refuse(config, "leave it out")
    _check_process(config)
    _check_limits(config)
    return process


def validate_resources(resources: "Config") -> "Config":
    """Check linux.resources alone, as `update` takes it, and return it. Errors: InvalidConfig and Unsupported."""
    config = {"linux": {"resources": resources}}
    shape.check(config, shape.TYPES)
    _refuse(config, "leave it out")
    check_resources(resources)
    return resources


def _refuse(config: "Config", hint: str) -> None:
    for path in REFUSED:
        if part(config, path):
            raise Unsupported(f"{path}: this runtime does not do it", hint)


def _check_process(config: "Config") -> None:
    process = config.get("process")
    if not process:
        raise InvalidConfig("process: missing", "a container needs process.args and process.cwd")
    if not process.get("args"):
        raise InvalidConfig("process.args: empty or missing", "name a program to run")
    if not (process.get("cwd") or "").startswith("/"):
        raise InvalidConfig(f"process.cwd: {process.get('cwd') or ''!r} is not an absolute path")
    user = process.get("user") or {}
    for name, number in [(key, user.get(key) or 0) for key in ("uid", "gid")] + [
            ("additionalGids", each) for each in user.get("additionalGids") or []]:
        if not 0 <= number < 1 << 31:
            raise InvalidConfig(f"process.user.{name}: {number} is not between 0 and 2^31-1")


def not_granted(config: "Config") -> list[str]:
    """The ambient capabilities that the kernel gives nobody: who is to pass one on has to have it inheritable, too.

    "Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be granted" (config.md);
    that they are left out has to be said. man: capabilities(7).
    """
    asked = part(config, "process.capabilities") or {}
    passed = {*(asked.get("inheritable") or [])} & {*(asked.get("permitted") or [])}
    return [name for name in asked.get("ambient") or [] if name not in passed]


def warnings(config: "Config") -> list[str]:
    """What a config asks for and does not get, a line each."""
    names = ", ".join(not_granted(config))
    return [f"process.capabilities.ambient: {names}: not inheritable and permitted, so not granted"] if names else []


def _check_limits(config: "Config") -> None:
    for number, limit in enumerate(part(config, "process.rlimits") or []):
        where = f"process.rlimits[{number}]"
        _check_complete(limit, ("type", "soft", "hard"), where)
        for name in ("soft", "hard"):
            if not 0 <= limit[name] < 1 << 64:
                raise InvalidConfig(f"{where}.{name}: {limit[name]} is not between 0 and 2^64-1")


def _check_group(config: "Config") -> None:
    path = part(config, "linux.cgroupsPath") or ""
    if ".." in path.split("/"):
        raise InvalidConfig(f"linux.cgroupsPath: {shape.shown(path)} leads out of the hierarchy")


def check_resources(resources: "Config") -> None:
    """Check what of linux.resources becomes the name of a file, or has to be complete. Errors: InvalidConfig."""
    for key, limits in (resources.get("blockIO") or {}).items():
        due = ("major", "minor", "weight" if key == "weightDevice" else "rate")
        for number, limit in enumerate(limits if isinstance(limits, list) else []):
            _check_complete(limit, due, f"linux.resources.blockIO.{key}[{number}]")
    for number, limit in enumerate(resources.get("hugepageLimits") or []):
        where = f"linux.resources.hugepageLimits[{number}]"
        _check_complete(limit, ("pageSize", "limit"), where)
        if not limit["pageSize"].isalnum():
            raise InvalidConfig(f"{where}.pageSize: {shape.shown(limit['pageSize'])} is no size like 2MB")
    for name in resources.get("unified") or {}:
        controller, dot, rest = name.partition(".")
        plain = name.replace(".", "").replace("_", "")
        if not (controller and dot and rest) or controller == "cgroup" or not (plain.isascii() and plain.isalnum()):
            raise InvalidConfig(f"linux.resources.unified: {shape.shown(name)} is no file of a controller like "
                                "memory.high")


def _check_devices(config: "Config") -> None:
    for number, device in enumerate(part(config, "linux.devices") or []):
        where = f"linux.devices[{number}]"
        _check_complete(device, ("path", "type"), where)
        if device["type"] not in ("c", "u", "b", "p"):
            raise InvalidConfig(f"{where}.type: {device['type']!r} is none of c, u, b and p")


def _check_hooks(hooks: "Config") -> None:
    for place in shape.HOOKS:
        for number, hook in enumerate(hooks.get(place) or []):
            where = f"hooks.{place}[{number}]"
            if not (hook.get("path") or "").startswith("/"):
                raise InvalidConfig(f"{where}.path: {hook.get('path') or ''!r} is not an absolute path")
            if hook.get("timeout") is not None and hook["timeout"] <= 0:
                raise InvalidConfig(f"{where}.timeout: {hook['timeout']} is not more than 0 seconds")


def _check_complete(entry: "Config", names: "tuple[str, ...]", where: str) -> None:
    for name in names:
        if entry.get(name) is None:
            raise InvalidConfig(f"{where}.{name}: missing")


def _check_mounts(config: "Config") -> None:
    for number, mount in enumerate(config.get("mounts") or []):
        where = f"mounts[{number}]"
        if not mount.get("destination"):
            raise InvalidConfig(f"{where}.destination: missing")
        if is_bind(mount) and not mount.get("source"):
            raise InvalidConfig(f"{where}.source: missing, and a bind mount needs one")
        if not is_bind(mount) and not mount.get("type"):
            raise InvalidConfig(f"{where}.type: missing")
        if is_mapped(mount):
            _check_mapped(config, mount, where)


def is_mapped(mount: "Config") -> bool:
    """Whether the ids of a mount are mapped: by mappings of its own, or by those of the container."""
    return bool(mount.get("uidMappings") or mount.get("gidMappings")
                or {"idmap", "ridmap"} & set(mount.get("options") or []))


def _check_mapped(config: "Config", mount: "Config", where: str) -> None:
    if not is_bind(mount):
        raise Unsupported(f"{where}: this runtime maps the ids of bind mounts alone", "leave the mappings out")
    for name in ("uidMappings", "gidMappings"):
        if not mount.get(name) and (mount.get("uidMappings") or mount.get("gidMappings")
                                    or not part(config, f"linux.{name}")):
            raise InvalidConfig(f"{where}.{name}: missing, and its ids cannot be mapped without")
        for number, mapping in enumerate(mount.get(name) or []):
            check_mapping(mapping, f"{where}.{name}[{number}]")


def is_bind(mount: "Config") -> bool:
    """Whether an entry of `mounts` is a bind mount: by its type, or by its options, as runtimes take it."""
    return mount.get("type") == "bind" or bool({"bind", "rbind"} & set(mount.get("options") or []))


def _check_namespaces(config: "Config") -> None:
    seen: dict[str, str] = {}
    for entry in part(config, "linux.namespaces") or []:
        kind = entry.get("type") or ""
        if kind in seen:
            raise InvalidConfig(f"linux.namespaces: {kind} stands there twice")
        if kind not in NAMESPACES:
            raise InvalidConfig(f"linux.namespaces: {kind!r} is no kind of namespace")
        seen[kind] = entry.get("path") or ""
    if seen.get("mount") or "mount" not in seen:
        raise Unsupported("linux.namespaces: a mount namespace of the container's own is needed",
                          'add {"type": "mount"} without a path')
    for name, kind in (("hostname", "uts"), ("domainname", "uts"), ("linux.timeOffsets", "time"),
                       ("linux.uidMappings", "user"), ("linux.gidMappings", "user")):
        if part(config, name) and kind not in seen:
            raise InvalidConfig(f"{name}: it would be the host's, for there is no {kind} namespace")
    _check_mappings(config, seen)
    _check_offsets(config, seen)
    for name in part(config, "linux.sysctl") or {}:
        kind = next((kind for start, kind in SYSCTLS.items() if name.replace("/", ".").startswith(start)), "")
        if kind not in seen:
            raise InvalidConfig(f"linux.sysctl: {name} would be the host's",
                                f"it needs a {kind} namespace" if kind else "only parameters of a namespace can be set")


def _check_mappings(config: "Config", kinds: dict[str, str]) -> None:
    for path in ("linux.uidMappings", "linux.gidMappings"):
        if kinds.get("user") == "" and not part(config, path):
            raise InvalidConfig(f"{path}: missing, and a new user namespace needs it")
        for number, mapping in enumerate(part(config, path) or []):
            check_mapping(mapping, f"{path}[{number}]")


def check_mapping(mapping: "Config", where: str) -> None:
    """Check one entry of uidMappings or gidMappings. Errors: InvalidConfig."""
    _check_complete(mapping, ("containerID", "hostID", "size"), where)
    for name in ("containerID", "hostID"):
        if not 0 <= mapping[name] <= mapping[name] + mapping["size"] < 1 << 32 or mapping["size"] < 1:
            raise InvalidConfig(f"{where}: {mapping['size']} ids from {name} {mapping[name]} are no range of ids")


def _check_offsets(config: "Config", kinds: dict[str, str]) -> None:
    offsets = part(config, "linux.timeOffsets") or {}
    if offsets and kinds["time"]:
        raise InvalidConfig("linux.timeOffsets: the time namespace that is joined has its own already")
    for clock, offset in offsets.items():
        if clock not in ("boottime", "monotonic"):
            raise InvalidConfig(f"linux.timeOffsets.{clock}: only boottime and monotonic can be moved")
        if not 0 <= (offset.get("nanosecs") or 0) < 10**9:
            raise InvalidConfig(f"linux.timeOffsets.{clock}.nanosecs: {offset['nanosecs']} is not below 10^9")


# ---- a default

MASKED = ("/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats "
          "/proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap").split()
READONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split()
MOUNTS = (
    ("/proc", "proc", "proc", "nosuid noexec nodev"),
    ("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
    ("/dev/pts", "devpts", "devpts", "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5"),
    ("/dev/shm", "tmpfs", "shm", "nosuid noexec nodev mode=1777 size=65536k"),
    ("/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"),
    ("/sys", "sysfs", "sysfs", "nosuid noexec nodev ro"),
)


def default(args: "list[str]", rootfs: str, hostname: str, capabilities: "tuple[str, ...]",
            env: "tuple[str, ...]" = (), cwd: str = "/", terminal: bool = False) -> "Config":
    """A config for a program in a root file system, as closed as Docker's default, without a network.

    args, env, cwd: as in process; capabilities: names of the bounding, effective and permitted sets.
    """
    kept = list(capabilities)
    return {
        "ociVersion": VERSION,
        "process": {"terminal": terminal, "args": args, "env": list(env), "cwd": cwd, "user": {"uid": 0, "gid": 0},
                    "capabilities": {"bounding": kept, "effective": kept, "permitted": kept},
                    "noNewPrivileges": True},
        "root": {"path": rootfs, "readonly": False},
        "hostname": hostname,
        "mounts": [{"destination": place, "type": kind, "source": source, "options": options.split()}
                   for place, kind, source, options in MOUNTS],
        "linux": {"namespaces": [{"type": kind} for kind in DEFAULT_NAMESPACES], "maskedPaths": list(MASKED),
                  "readonlyPaths": list(READONLY), "resources": {}},
    }


def root_path(config: "Config", bundle: str) -> str:
    """The absolute path of the root file system; a relative one is relative to the bundle. Errors: InvalidConfig."""
    path = os.path.realpath(os.path.join(bundle, config["root"]["path"]))
    if not os.path.isdir(path):
        raise InvalidConfig(f"root.path: {config['root']['path']}: no such directory", f"looked for {path}")
    return path
