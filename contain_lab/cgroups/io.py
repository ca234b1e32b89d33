"""Block devices: how fast a group reads and writes. admin-guide/cgroup-v2.rst, "IO"; v1 calls it blkio.

A limit is one of a device, "8:0" (major and minor number of the whole disk). On v1 only what goes past the page
cache is limited when it is written; reads are in any case.
"""

import os

from contain_lab import cgroups

OLD_FILES = {"rbps": "read_bps", "wbps": "write_bps", "riops": "read_iops", "wiops": "write_iops"}


def set_io_limit(name: str, device: str, kind: str, rate: int) -> None:
    """Limit a group at a device: "rbps" and "wbps" are bytes, "riops" and "wiops" operations, read or written a second.

    device: "MAJOR:MINOR"; a rate of 0 is no limit.
    """
    cgroups.put("io", name, ("io.max", f"{device} {kind}={rate or 'max'}"),
                (f"blkio.throttle.{OLD_FILES[kind]}_device", f"{device} {rate}"))


def set_io_weight(name: str, device: str, weight: int) -> None:
    """Weigh a group against its neighbours at a device, or by "default": 10 to 1000, 100 is the usual."""
    path, alone = cgroups.group_path("io", name), device == "default"
    bfq = os.path.exists(f"{path}/io.bfq.weight")
    second = weight if bfq else 1 + (weight - 10) * 9999 // 990
    first = "blkio.bfq.weight" if os.path.exists(f"{path}/blkio.bfq.weight") else "blkio.weight"
    cgroups.put("io", name, ("io.bfq.weight" if bfq else "io.weight", f"{device} {second}"),
                (first if alone else f"{first}_device", weight if alone else f"{device} {weight}"))
