"""From an image and what a person asks for to the plan of a container. Nothing is done here."""

import os

from contain_lab import capabilities, cgroups, files, image, seccomp, spec
from contain_lab.container.plan import Plan
from contain_lab.engine.rootless import check_privileges, make_rootless
from contain_lab.errors import NotFound, UsageError


def runs_root() -> str:
    """The state directory of containers that `run` started."""
    return f"{files.state_dir()}/run"


def prepare(image_name: str, command: list[str], hostname: str = "", terminal: bool = False,
            is_folder: bool = False, sysctls: tuple[str, ...] = (), netns: str = "",
            rootless: bool = False, init: bool = False) -> Plan:
    """The plan of a container: an image, a layer of its own above it, the default spec. Nothing is done yet.

    command: program and arguments; [] for the image's own; is_folder: image_name is the path of a root file system,
    which the container writes into itself; sysctls: "NAME=VALUE", kernel parameters of its namespaces; netns: a
    new file, by which its network namespace is named; rootless: for an ordinary user; init: whether an init is its
    process 1. Errors: NotFound for the image, UsageError, InvalidConfig for a parameter that would be the host's.
    """
    check_privileges(rootless)
    found = own_folder(image_name) if is_folder else image.find(image_name)
    settings = found.config.get("config") or {}
    args = command or [*(settings.get("Entrypoint") or []), *(settings.get("Cmd") or ["sh"])]
    name = f"cl-{os.urandom(6).hex()}"
    env = [*(settings.get("Env") or []), "HOME=/root"]
    env += [f"TERM={os.environ.get('TERM', 'xterm')}"] if terminal else []
    layer = f"{files.data_dir()}/containers/{name}"
    root = found.rootfs if is_folder else f"{layer}/root"
    controlled = cgroups.available("devices")
    kept = tuple(cap for cap in capabilities.DEFAULT if controlled or cap != "CAP_MKNOD")
    config = spec.default(args, root, hostname or name.removeprefix("cl-"), kept, tuple(env),
                          settings.get("WorkingDir") or "/", terminal)
    if controlled:
        config["linux"]["resources"]["devices"] = [{"allow": False, "access": "rwm"}]
    config["linux"]["seccomp"] = seccomp.default_profile(kept)
    if sysctls:
        config["linux"]["sysctl"] = dict(map(parameter, sysctls))
    if rootless:
        make_rootless(config)
    overlay = None if is_folder else (found.rootfs, layer)
    plan = Plan(config, root, f"{runs_root()}/{name}", overlay, waits=False, netns=name_of_network(netns),
                init=init)
    spec.validate(config)
    return plan


def name_of_network(path: str) -> str:
    """Where a network namespace gets its name, as a whole path. Errors: UsageError where no new file can be."""
    if path and os.path.lexists(path):
        raise UsageError(f"--netns {path}: it is there already", "take another name")
    if path and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise UsageError(f"--netns {path}: there is no such folder", f"mkdir -p {os.path.dirname(path)}")
    return path and os.path.abspath(path)


def own_folder(path: str) -> image.Image:
    """A person's own root file system, in the place of an image. Errors: NotFound."""
    if not os.path.isdir(path):
        raise NotFound(f"root file system {path!r}: no such directory", "--rootfs takes the path of one")
    return image.Image(path, os.path.realpath(path), {})


def parameter(text: str) -> tuple[str, str]:
    """A kernel parameter and its value: parameter("kernel.msgmax=9000"). Errors: UsageError."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--sysctl {text}: a name and a value are due", "--sysctl kernel.msgmax=9000")
    return name, value
