"""What a person asks of a container, as `contain-lab run` has it, and how it is read. Nothing is done here."""

import os

from contain_lab import capabilities, files
from contain_lab.errors import NotFound, Unsupported, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


class Asked:
    """The wishes of a person; what is left out is the image's, or our default. Names as the options of `run`."""

    name = ""  # one is made up where there is none
    hostname = ""
    tty = False
    entrypoint = ""  # a program in the place of the image's entrypoint and command
    init = False  # whether an init is its process 1
    env: "Sequence[str]" = ()  # "KEY=VALUE", or "KEY" for our own value of it
    env_file: "Sequence[str]" = ()  # files with such lines
    workdir = ""
    user = ""  # "USER[:GROUP]", names or numbers
    volume: "Sequence[str]" = ()  # "HOST:CONTAINER[:OPTIONS]"
    read_only = False
    cap_add: "Sequence[str]" = ()
    cap_drop: "Sequence[str]" = ()
    privileged = False
    network = "none"
    netns = ""  # a new file, by which its network namespace is named
    memory = ""  # bytes, with a unit: "64m"
    memory_swap = ""  # memory and swap together; "-1": no limit
    memory_reservation = ""
    cpus = ""  # "0.5"
    cpu_shares = ""
    cpuset_cpus = ""  # "0-2,4"
    cpuset_mems = ""
    pids_limit = ""
    blkio_weight = ""
    device_read_bps: "Sequence[str]" = ()  # "DEVICE:RATE", a second; so are the next three
    device_write_bps: "Sequence[str]" = ()
    device_read_iops: "Sequence[str]" = ()
    device_write_iops: "Sequence[str]" = ()
    sysctl: "Sequence[str]" = ()  # "NAME=VALUE", kernel parameters of its namespaces
    seccomp = ""  # a profile's path, "unconfined", or "" for our own
    rootless = False  # for an ordinary user, its root in a user namespace; $CONTAIN_LAB_ROOTLESS asks for it, too
    rootfs = False  # the image's name is the path of a root file system, which the container writes into itself

    def __init__(self, **given: "Any") -> None:
        for name, value in given.items():
            getattr(self, name)  # an unknown one is an error
            setattr(self, name, value)
        self.rootless = self.rootless or bool(os.environ.get("CONTAIN_LAB_ROOTLESS"))


def asked_of(options: object) -> Asked:
    """The wishes among the options of a command line, by their names."""
    return Asked(**{name: value for name, value in vars(options).items() if hasattr(Asked, name)})


# ---- environment

def environment(image: "Iterable[str]", own: dict[str, str], asked: Asked) -> list[str]:
    """The environment of a process: ours, the image's, that of files, that of options; of two, the later one counts.

    Errors: UsageError for a variable without a name, OSError for a file that cannot be read.
    """
    found = dict(entry.partition("=")[::2] for entry in image)
    found = {**own, **found}
    for path in asked.env_file:
        lines = [line.strip() for line in files.get(path).splitlines()]
        set_variables(found, [line for line in lines if line and line[0] != "#"], f"--env-file {path}")
    set_variables(found, asked.env, "--env")
    return [f"{key}={value}" for key, value in found.items()]


def set_variables(found: dict[str, str], entries: "Iterable[str]", where: str) -> None:
    """Set variables: "KEY=VALUE", and "KEY" to the value that it has here, if it has one. Errors: UsageError."""
    for entry in entries:
        key, equals, value = entry.partition("=")
        if not key or " " in key:
            raise UsageError(f"{where}: {entry!r} names no variable", "--env KEY=VALUE, or KEY for its value here")
        if equals or key in os.environ:
            found[key] = value if equals else os.environ[key]


# ---- volumes

PROPAGATIONS = frozenset("private rprivate shared rshared slave rslave".split())
OPTIONS = {"ro": "rro", "rw": "rw", "z": "", "Z": ""}  # ro: with all below it; the last two are for SELinux


def volumes(asked: Asked) -> "list[dict[str, Any]]":
    """The bind mounts of --volume, as `mounts` of a config has them; a place above another comes before it.

    Errors: UsageError, and OSError for a source that is not there.
    """
    found = [volume(text) for text in asked.volume]
    places = [entry["destination"] for entry in found]
    for place in places:
        if places.count(place) > 1:
            raise UsageError(f"volume {place}: two are asked for at one place", "leave one of them out")
    return sorted(found, key=lambda entry: str(entry["destination"]).count("/"))


def volume(text: str) -> "dict[str, Any]":
    """One of them: volume("/srv:/data:ro")."""
    source, *rest = text.split(":")
    if not rest or not source or len(rest) > 2:
        raise UsageError(f"volume {text!r}: a path on this machine and one in the container are due",
                         "--volume HOST:CONTAINER[:ro]")
    if source[0] not in "/.":
        raise UsageError(f"volume {text!r}: {source!r} is no path on this machine", f"./{source} is one in this folder")
    place = os.path.normpath(rest[0])
    if rest[0][:1] != "/" or place.strip("/") == "":
        raise UsageError(f"volume {text!r}: {rest[0]!r} is no place in the container",
                         "an absolute path is due, and not / itself")
    source = os.path.abspath(source)
    see_source(source)
    options = rest[1].split(",") if rest[1:] else []
    for option in options:
        if option not in OPTIONS and option not in PROPAGATIONS:
            raise UsageError(f"volume {text!r}: there is no option {option!r}",
                             f"ro, rw, {', '.join(sorted(PROPAGATIONS))}")
    spread = [option for option in options if option in PROPAGATIONS] or ["rprivate"]
    kept = [OPTIONS[option] for option in options if OPTIONS.get(option)]
    return {"destination": place, "type": "bind", "source": source, "options": ["rbind", *spread, *kept]}


def see_source(path: str) -> None:
    """See that there is something to mount. Errors: OSError that says so."""
    try:
        os.stat(path)
    except OSError as error:
        error.filename = f"volume {path}"
        error.hint = f"mkdir -p {path}"  # type: ignore[attr-defined]  # what `errors` hangs on it
        raise


# ---- power

def kept_capabilities(asked: Asked, default: "Iterable[str]", own: "Sequence[str]") -> list[str]:
    """The names of the capabilities that a container gets. Errors: UsageError.

    default: what one has unasked; own: what we can give. What is dropped is taken from the default, then what is added
    comes to it; "ALL" is all that we can give.
    """
    if asked.privileged:
        return [*own]
    added, dropped = named(asked.cap_add), named(asked.cap_drop)
    for name in added - {"CAP_ALL", *own}:
        raise UsageError(f"capability {name}: this process has it not, and cannot give it", "run as root")
    kept = ({*default} - dropped | added) if "CAP_ALL" not in dropped else added
    return [*own] if "CAP_ALL" in kept else [name for name in capabilities.BITS if name in kept]


def named(words: "Iterable[str]") -> set[str]:
    """The full names of capabilities: named(["chown", "CAP_KILL"]) -> {"CAP_CHOWN", "CAP_KILL"}. Errors: UsageError."""
    found = {f"CAP_{word.upper().removeprefix('CAP_')}": word for word in words}
    for name, word in found.items():
        if name != "CAP_ALL" and name not in capabilities.BITS:
            raise UsageError(f"capability {word}: no such capability", "capabilities(7) lists them")
    return set(found)


def profile(asked: Asked, ours: "dict[str, Any]") -> "dict[str, Any] | None":
    """The seccomp profile of a container; None for none. Errors: those of read_profile."""
    if asked.seccomp == "unconfined" or (asked.privileged and not asked.seccomp):
        return None
    return read_profile(asked.seccomp) if asked.seccomp else ours


def read_profile(path: str) -> "dict[str, Any]":
    """A person's profile. Errors: InvalidConfig, OSError, and Unsupported for the form of other engines.

    That form has conditions, which the specification ignores: it would allow more than its author meant.
    """
    found = files.read_json(path)
    entries = [entry for entry in found.get("syscalls") or [] if isinstance(entry, dict)]
    if "archMap" in found or any(entry.get("includes") or entry.get("excludes") for entry in entries):
        raise Unsupported(f"{path}: a profile of Docker's or Podman's own form, with conditions",
                          "give one as linux.seccomp of the runtime specification has it")
    return found


# ---- the rest

def check_network(name: str, netns: str = "") -> None:
    """See that a network is one that there is, and may be given the name netns. Errors: NotFound, UsageError."""
    if name not in ("none", "host"):
        raise NotFound(f"network {name}: no such network", "--network none, or host for the machine's own")
    if name == "host" and netns:
        raise UsageError(f"--netns {netns}: with --network host it has no network namespace of its own",
                         "leave one of the two out")


def new_file(path: str) -> str:
    """Where a network namespace gets its name, as a whole path. Errors: UsageError where no new file can be."""
    if path and os.path.lexists(path):
        raise UsageError(f"--netns {path}: it is there already", "take another name")
    if path and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise UsageError(f"--netns {path}: there is no such folder", f"mkdir -p {os.path.dirname(path)}")
    return path and os.path.abspath(path)


def parameter(text: str) -> tuple[str, str]:
    """A kernel parameter and its value: parameter("kernel.msgmax=9000"). Errors: UsageError."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--sysctl {text}: a name and a value are due", "--sysctl kernel.msgmax=9000")
    return name, value
