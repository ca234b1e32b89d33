"""The images and programs that labs and tests use, where they are, and which package brings them."""

import os
import shutil

from contain_lab import image
from contain_lab.errors import ContainLabError, explain
from contain_lab.features.feature import Feature
from contain_lab.image import bootstrap, busybox

PACKAGES = {
    "runc": "runc",
    "crun": "crun",
    "podman": "podman",
    "newuidmap": "uidmap",
    "ip": "iproute2",
    "chromium": "chromium",
    "qemu": "qemu-system",
}
"""Programs, and the Debian packages that bring them."""


def images() -> list[Feature]:
    """The distribution's static busybox ("busybox"), and each image that the kit makes ("image debian")."""
    return [_busybox(), *map(_image, bootstrap.RECIPES)]


def tools() -> list[Feature]:
    """A feature for each program."""
    return [_tool(name, package) for name, package in PACKAGES.items()]


def _busybox() -> Feature:
    try:
        return Feature("busybox", True, f"static, {busybox.static_busybox()}")
    except ContainLabError as error:
        message, hint = explain(error)
        return Feature("busybox", False, message, hint)


def _image(name: str) -> Feature:
    try:
        return Feature(f"image {name}", True, image.find(name).rootfs)
    except ContainLabError as error:
        message, hint = explain(error)
        return Feature(f"image {name}", False, message, hint)


def _tool(name: str, package: str) -> Feature:
    """Where a program is; those of root are in folders that an ordinary user's PATH may lack."""
    program = f"qemu-system-{os.uname().machine}" if name == "qemu" else name
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path:
        return Feature(name, True, path)
    return Feature(name, False, f"{program} is not on this machine", f"apt-get install {package}")
