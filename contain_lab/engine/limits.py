"""Limits as a person asks for them, `--memory 64m --cpus 0.5`, and as `resources` of a config has them."""

import os
import stat

from contain_lab.errors import Unsupported, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.engine.asked import Asked

UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
PERIOD = 100_000  # microseconds in which a quota of CPU time is given out
RATES = {"device_read_bps": "throttleReadBpsDevice", "device_write_bps": "throttleWriteBpsDevice",
         "device_read_iops": "throttleReadIOPSDevice", "device_write_iops": "throttleWriteIOPSDevice"}


def resources(asked: "Asked") -> "dict[str, Any]":
    """The limits that are asked for, as linux.resources has them. Errors: UsageError, Unsupported."""
    found = {"memory": memory(asked), "cpu": cpu(asked), "blockIO": block_io(asked)}
    if asked.pids_limit:
        found["pids"] = {"limit": whole("--pids-limit", asked.pids_limit, "100, or -1 for no limit")}
    found = {part: limits for part, limits in found.items() if limits}
    if found and asked.rootless:
        raise Unsupported(f"limits of {', '.join(found)}: a rootless container has no cgroup of its own",
                          "run as root, or leave them out")
    return found


def memory(asked: "Asked") -> dict[str, int]:
    """--memory, --memory-swap, --memory-reservation."""
    limit = amount("--memory", asked.memory)
    swap = -1 if asked.memory_swap == "-1" else amount("--memory-swap", asked.memory_swap)
    if swap and not limit:
        raise UsageError(f"--memory-swap {asked.memory_swap}: without --memory there is nothing to add it to",
                         "it is the limit of memory and swap together")
    if 0 < swap < limit:
        raise UsageError(f"--memory-swap {asked.memory_swap}: it is less than --memory {asked.memory}",
                         "it is the limit of memory and swap together")
    found = {"limit": limit, "swap": swap, "reservation": amount("--memory-reservation", asked.memory_reservation)}
    return {name: value for name, value in found.items() if value}


def cpu(asked: "Asked") -> "dict[str, Any]":
    """--cpus, --cpu-shares, --cpuset-cpus, --cpuset-mems."""
    found: dict[str, Any] = {"cpus": asked.cpuset_cpus, "mems": asked.cpuset_mems}
    if asked.cpus:
        found.update(quota=round(processors(asked.cpus) * PERIOD), period=PERIOD)
    if asked.cpu_shares:
        found["shares"] = whole("--cpu-shares", asked.cpu_shares, "1024 is the usual weight")
    return {name: value for name, value in found.items() if value}


def block_io(asked: "Asked") -> "dict[str, Any]":
    """--blkio-weight, and the rates of devices."""
    found: dict[str, Any] = {}
    if asked.blkio_weight:
        found["weight"] = whole("--blkio-weight", asked.blkio_weight, "10 to 1000, 100 is the usual weight")
    for option, key in RATES.items():
        limits = [rate(f"--{option.replace('_', '-')}", text) for text in getattr(asked, option)]
        found.update({key: limits} if limits else {})
    return found


# ---- how each is read

def amount(option: str, text: str) -> int:
    """Bytes: amount("--memory", "64m") -> 67108864; 0 for "". Errors: UsageError."""
    number = text.lower().removesuffix("ib" if text.lower().endswith("ib") else "b")
    digits, unit = (number[:-1], number[-1:]) if number[-1:] in UNITS else (number, "")
    try:
        size = float(digits) * UNITS[unit] if text else 0
        if size < 0 or (text and not 1 <= size < 1 << 63):
            raise ValueError
        return int(size)
    except ValueError:
        raise UsageError(f"{option} {text}: it is no amount of bytes", f"{option} 64m; or k, g, t") from None


def processors(text: str) -> float:
    """How many processors' time: processors("0.5"). Errors: UsageError."""
    try:
        number = float(text)
        if not 0.01 <= number < 1e6:
            raise ValueError
        return number
    except ValueError:
        raise UsageError(f"--cpus {text}: it is no number of processors", "--cpus 0.5 is half of one's time; "
                         "the least is 0.01") from None


def whole(option: str, text: str, hint: str) -> int:
    """A whole number. Errors: UsageError."""
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{option} {text}: it is no whole number", f"{option} {hint}") from None


def rate(option: str, text: str) -> dict[str, int]:
    """A device and what it may do in a second: rate("--device-read-bps", "/dev/vda:1m").

    Errors: UsageError, and OSError for a device that is not there.
    """
    path, _, number = text.rpartition(":")
    if not path or not number:
        raise UsageError(f"{option} {text}: a device and a rate are due", f"{option} /dev/vda:1m")
    what = os.stat(path)
    if not stat.S_ISBLK(what.st_mode):
        raise UsageError(f"{option} {text}: {path} is no block device", "lsblk lists those of this machine")
    major, minor = os.major(what.st_rdev), os.minor(what.st_rdev)
    if os.path.exists(f"/sys/dev/block/{major}:{minor}/partition"):
        raise UsageError(f"{option} {text}: {path} is a partition, and only whole disks have limits",
                         "lsblk says which disk it is of")
    return {"major": major, "minor": minor, "rate": amount(option, number)}
