"""What is in the image of a machine, and the fingerprint that names it."""

import hashlib
import os
import subprocess
import tomllib

from contain_lab import files
from contain_lab.errors import ContainLabError

FORMAT = 1        # counts the changes of `image` that make another image of the same recipe
SUITE = "trixie"  # Debian 13
PYTHON = "3.13"   # which that has
KERNEL = "linux-image-cloud-amd64"
PACKAGES = (
    "busybox-static", "ca-certificates", "conntrack", "crun", "curl", "dbus", "dnsutils", "e2fsprogs", "ethtool",
    "git", "iperf3", "iproute2", "iptables", "iputils-ping", "kmod", "less", "libcap2-bin", "make", "nftables",
    "procps", "psmisc", "python3", "python3-venv", "runc", "strace", "uidmap", "util-linux-extra",
    "xz-utils",
)
TEST_PACKAGES = ("hypothesis>=6.100", "jsonschema>=4.20")
"""What the kernel tests need beside the extra `lab`."""

PLATFORMS = ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
MODULES = ("virtio_blk", "erofs", "overlay")
"""What the initramfs loads before it finds the root file system; the cloud kernel has the rest built in."""


def fingerprint() -> str:
    """Names the image: 16 hexadecimal digits of this file, and of what the labs need."""
    return hashlib.sha256("\n".join([files.get(__file__), *python_packages()]).encode()).hexdigest()[:16]


def repository() -> str:
    """The folder that holds the package, and with it what is brought into a machine."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def python_packages() -> list[str]:
    """What pip brings: JupyterLab and the rest of the extra `lab`, and what tests need."""
    try:
        project = tomllib.loads(files.get(os.path.join(repository(), "pyproject.toml")))["project"]
    except FileNotFoundError:
        raise ContainLabError(f"vm: no pyproject.toml in {repository()}", "a machine is made from a clone of the "
                              "repository") from None
    return [*project["optional-dependencies"]["lab"], *TEST_PACKAGES]


def mirror() -> list[str]:
    """The mirror of Debian: $CONTAIN_LAB_MIRROR, or the one that apt has here; none lets mmdebstrap choose."""
    if named := os.environ.get("CONTAIN_LAB_MIRROR"):
        return [named]
    said = subprocess.run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)",
                           "Created-By: Packages"], capture_output=True, text=True, check=False).stdout
    rows = [line.split(" ", 2) for line in said.splitlines()]
    return [row[2] for row in rows if len(row) == 3 and row[0] == "Debian" and "-" not in row[1]][:1]
