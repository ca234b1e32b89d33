"""From an image and what a person asks for to the plan of a container. Nothing is done here."""

import os
import stat

from contain_lab import capabilities, cgroups, files, image, seccomp, spec
from contain_lab.container.plan import DEFAULT_PATH, Plan
from contain_lab.engine import asked as asking
from contain_lab.engine import limits, users
from contain_lab.engine.asked import Asked
from contain_lab.engine.rootless import check_privileges, make_rootless
from contain_lab.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain_lab.engine.users import User
    from contain_lab.spec import Config

IMAGE = "contain_lab.image"  # annotations of a config: the image's name, and its signal to stop
STOP_SIGNAL = "org.opencontainers.image.stopSignal"  # image-spec, conversion.md


def runs_root() -> str:
    """The state directory of containers that `run` started."""
    return f"{files.state_dir()}/run"


def containers_root() -> str:
    """The folder of the containers that there are: each has its record and its layer in a folder below it."""
    return f"{files.data_dir()}/containers"


def prepare(image_name: str, command: list[str], asked: Asked | None = None) -> Plan:
    """The plan of a container: an image, a layer of its own above it, a spec of both and of what is asked for.

    command: what follows the image's entrypoint; [] for the image's own. The last part of the plan's folder is the
    container's id. Errors: NotFound for the image, a user or a network; UsageError and InvalidConfig for what cannot be
    asked for.
    """
    asked = asked or Asked()
    check_privileges(asked.rootless)
    found = own_folder(image_name) if asked.rootfs else image.find(image_name)
    ident = os.urandom(6).hex()
    layer = f"{containers_root()}/{ident}/layer"
    root = found.rootfs if asked.rootfs else f"{layer}/root"
    config = configure(found, command, asked, root, asked.hostname or ident)
    overlay = None if asked.rootfs else (found.rootfs, layer)
    return Plan(spec.validate(config), root, f"{runs_root()}/{ident}", overlay, waits=False,
                netns=asking.new_file(asked.netns), init=asked.init)


def own_folder(path: str) -> image.Image:
    """A person's own root file system, in the place of an image. Errors: NotFound."""
    if not os.path.isdir(path):
        raise NotFound(f"root file system {path!r}: no such directory", "--rootfs takes the path of one")
    return image.Image(path, os.path.realpath(path), {})


# ---- the spec

def configure(found: image.Image, command: list[str], asked: Asked, root: str, hostname: str) -> "Config":
    """The runtime-spec configuration of a container."""
    settings = found.config.get("config") or {}
    args = program_of(settings, command, asked)
    user = users.look_up(found.rootfs, asked.user or settings.get("User") or "")
    controlled = cgroups.available("devices")
    usual = [name for name in capabilities.DEFAULT if controlled or name != "CAP_MKNOD"]
    own = tuple(capabilities.BITS)[:capabilities.last_capability() + 1] if asked.rootless else capabilities.own()
    kept = tuple(asking.kept_capabilities(asked, usual, own))
    config = spec.default(args, root, hostname, kept, tuple(environment(settings, asked, user)),
                          asked.workdir or settings.get("WorkingDir") or "/", asked.tty)
    config["annotations"] = {IMAGE: found.name}
    if settings.get("StopSignal"):
        config["annotations"][STOP_SIGNAL] = settings["StopSignal"]
    config["process"]["user"] = {"uid": user.uid, "gid": user.gid, "additionalGids": user.groups}
    config["root"]["readonly"] = asked.read_only
    config["linux"]["seccomp"] = asking.profile(asked, seccomp.default_profile(kept))
    config["linux"]["sysctl"] = dict(map(asking.parameter, asked.sysctl))
    if controlled:
        config["linux"]["resources"]["devices"] = [{"allow": False, "access": "rwm"}]
    config["linux"]["resources"].update(limits.resources(asked))
    set_network(config, asked)
    set_mounts(config, image_volumes(settings, asked))
    set_mounts(config, asking.volumes(asked))
    if asked.privileged:
        open_up(config)
    if asked.rootless:
        make_rootless(config)
    return config


def program_of(settings: "dict[str, Any]", command: list[str], asked: Asked) -> list[str]:
    """The program and its arguments: what is asked for, before it the entrypoint, and the image's where nothing is."""
    if asked.entrypoint:
        return [asked.entrypoint, *command]
    entrypoint = settings.get("Entrypoint") or []
    return [*entrypoint, *(command or settings.get("Cmd") or ([] if entrypoint else ["sh"]))]


def environment(settings: "dict[str, Any]", asked: Asked, user: "User") -> list[str]:
    """The environment of a container: what every program expects, the image's, and what is asked for."""
    own = {"PATH": DEFAULT_PATH, "HOME": user.home}
    if asked.tty:
        own["TERM"] = os.environ.get("TERM", "xterm")
    return asking.environment(settings.get("Env") or [], own, asked)


def set_network(config: "Config", asked: Asked) -> None:
    """A network namespace of its own with nothing in it, or the host's, with what names its addresses."""
    asking.check_network(asked.network, asked.netns)
    if asked.network == "host":
        config["linux"]["namespaces"].remove({"type": "network"})
        set_mounts(config, [{"destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"]}
                            for path in ("/etc/hosts", "/etc/resolv.conf") if os.path.exists(path)])


def image_volumes(settings: "dict[str, Any]", asked: Asked) -> "list[Config]":
    """Where the image says that data goes. It goes into the container's layer, or into memory where none is written."""
    options = ["nosuid", "nodev", "tmpcopyup"]
    return [{"destination": os.path.normpath(path), "type": "tmpfs", "source": "tmpfs", "options": options}
            for path in settings.get("Volumes") or {} if asked.read_only and path.strip("/")]


def set_mounts(config: "Config", mounts: "list[Config]") -> None:
    """Add mounts to those that there are; one at the same place gives way."""
    places = {entry["destination"] for entry in mounts}
    config["mounts"] = [entry for entry in config["mounts"] if entry["destination"] not in places] + mounts


def open_up(config: "Config") -> None:
    """Take away what keeps a privileged container from the machine: masks, no_new_privs, limits of devices."""
    linux = config["linux"]
    linux.update(maskedPaths=[], readonlyPaths=[], devices=list(host_devices("/dev")))
    linux["resources"].pop("devices", None)
    config["process"]["noNewPrivileges"] = False
    for entry in config["mounts"]:
        if entry["type"] == "sysfs":
            entry["options"].remove("ro")


def host_devices(folder: str) -> "Iterator[Config]":
    """The devices of this machine, as `devices` of a config has them; terminals and memory are the container's own."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False) and entry.name not in ("pts", "shm", "mqueue", "fd"):
            yield from host_devices(entry.path)
        what = entry.stat(follow_symlinks=False)
        kind = "c" if stat.S_ISCHR(what.st_mode) else "b" if stat.S_ISBLK(what.st_mode) else ""
        if kind and entry.name not in ("console", "ptmx"):
            yield {"path": entry.path, "type": kind, "major": os.major(what.st_rdev), "minor": os.minor(what.st_rdev),
                   "fileMode": stat.S_IMODE(what.st_mode), "uid": what.st_uid, "gid": what.st_gid}
