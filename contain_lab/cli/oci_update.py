"""`contain-lab-runtime update`: other limits for a container that runs, by options or as `resources` of a config."""

from contain_lab import files, spec
from contain_lab.cli.oci import NAME, last
from contain_lab.container import updating
from contain_lab.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.cli.oci import Given

OPTIONS = {
    "--memory": ("memory", "limit"), "--memory-swap": ("memory", "swap"), "--memory-reservation": (
        "memory", "reservation"), "--cpu-shares": ("cpu", "shares"), "--cpu-share": ("cpu", "shares"),
    "--cpu-quota": ("cpu", "quota"), "--cpu-period": ("cpu", "period"), "--cpuset-cpus": ("cpu", "cpus"),
    "--cpuset-mems": ("cpu", "mems"), "--pids-limit": ("pids", "limit"), "--blkio-weight": ("blockIO", "weight"),
}
WORDS = ("cpus", "mems")  # what is no number


def do_update(root: str, given: "Given", name: str) -> None:
    """update: set them."""
    path = last(given, "--resources")
    if path and OPTIONS.keys() & given:
        raise UsageError("update: --resources and other limits exclude each other", f"{NAME} --help")
    asked = files.read_json("/dev/stdin" if path == "-" else path) if path else resources(given)
    updating.update(root, name, spec.validate_resources(asked))


def resources(given: "Given") -> "dict[str, Any]":
    """What the options ask for, as linux.resources has it. Errors: UsageError."""
    found: dict[str, Any] = {}
    for option in OPTIONS.keys() & given:
        part, key = OPTIONS[option]
        value = last(given, option)
        if key not in WORDS and not value.removeprefix("-").isdecimal():
            raise UsageError(f"update: {option} {value}: it is no whole number", "bytes, microseconds and the like")
        found.setdefault(part, {})[key] = value if key in WORDS else int(value)
    return found
