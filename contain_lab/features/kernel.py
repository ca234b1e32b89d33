"""The kernel, the kind of machine it runs on, and its mechanisms that are neither namespaces nor cgroups."""

import os
import re

from contain_lab import files
from contain_lab.features import trial
from contain_lab.features.feature import Feature

OLDEST = (5, 12)
"""mount_setattr(2) came with 5.12, the last of the calls that the kit cannot do without."""

NO_UPPER = ("overlay", "nfs", "nfs4", "vfat", "9p", "virtiofs", "fuseblk", "fuse.sshfs", "vboxsf", "drvfs")
"""File systems on which overlay takes no upper directory, or a poor one."""

CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")
"""Files that Docker, Podman and systemd leave in what they start."""


def machine() -> list[Feature]:
    """Features "kernel" and "machine"."""
    release = os.uname().release
    return [read_release(release, os.uname().machine), read_machine(release)]


def mechanisms() -> list[Feature]:
    """Features "overlay", "seccomp" and "nft"."""
    return [_overlay(), _seccomp(), _nft()]


def read_release(release: str, architecture: str) -> Feature:
    """Whether a kernel of this release (uname(2)) is new enough."""
    major, minor = map(int, re.findall(r"\d+", release)[:2])
    reason, needed = f"Linux {release} on {architecture}", ".".join(map(str, OLDEST))
    if (major, minor) >= OLDEST:
        return Feature("kernel", True, reason)
    return Feature("kernel", False, reason, f"boot Linux {needed} or newer, as in Debian 12 and Ubuntu 24.04")


def read_machine(release: str) -> Feature:
    """What we run on: WSL, a virtual machine, a container; by the marks that each leaves."""
    marks = {
        "WSL": "microsoft" in release.lower(),
        "a virtual machine": _is_virtual(),
        "a container": any(map(os.path.exists, CONTAINER_MARKS)),
    }
    seen = [name for name, holds in marks.items() if holds]
    if marks["WSL"] and release.endswith("-Microsoft"):
        return Feature("machine", False, "WSL 1 has no Linux kernel", "wsl --set-version DISTRIBUTION 2")
    return Feature("machine", True, f"marks of {' and '.join(seen)}" if seen else "the machine itself")


def _is_virtual() -> bool:
    """Whether the processor, or the device tree of arm64, tells of a hypervisor."""
    flags = re.search(r"^flags\s*:.*\bhypervisor\b", files.get("/proc/cpuinfo"), re.MULTILINE)
    return flags is not None or os.path.exists("/proc/device-tree/hypervisor")


def _overlay() -> Feature:
    """Whether overlay works, and takes an upper directory where our data are."""
    if reason := trial.results()["overlay"]:
        hint = "modprobe overlay" if "ENODEV" in reason else "run as root, on the machine itself"
        return Feature("overlay", False, reason, hint)
    place, kind = filesystem_of(files.data_dir(), files.get("/proc/self/mountinfo"))
    if kind in NO_UPPER:
        hint = "let CONTAIN_LAB_DATA name a folder on ext4, xfs, btrfs or tmpfs"
        return Feature("overlay", False, f"{files.data_dir()} is on {kind} ({place})", hint)
    return Feature("overlay", True, f"with upper directories on {kind} ({place})")


def filesystem_of(path: str, mountinfo: str) -> tuple[str, str]:
    """The mount point that a path is below, and the kind of its file system, from proc_pid_mountinfo(5)."""
    full = os.path.realpath(path)
    kinds = {line.split()[4]: line.partition(" - ")[2].split()[0] for line in mountinfo.splitlines()}
    point = max((point for point in kinds if f"{full}/".startswith(f"{point.rstrip('/')}/")), key=len)
    return point, kinds[point]  # of mounts on one point, the last covers the others


def _seccomp() -> Feature:
    """Whether seccomp(2) filters can be installed; a filter that is already there holds for all we start."""
    listed = "/proc/sys/kernel/seccomp/actions_avail"
    if not os.path.exists(listed):
        hint = "boot a kernel with CONFIG_SECCOMP_FILTER"
        return Feature("seccomp", False, "this kernel has no seccomp filters", hint)
    filtered = "\nSeccomp:\t2" in files.get("/proc/self/status")
    already = "; a filter already holds here" if filtered else ""
    return Feature("seccomp", True, f"actions {files.get(listed).strip()}{already}")


def _nft() -> Feature:
    """Whether nft(8) can make a table."""
    if reason := trial.results()["nft"]:
        hint = "apt-get install nftables" if "ENOENT" in reason else "run as root"
        return Feature("nft", False, reason, hint)
    return Feature("nft", True, "a table can be made")
