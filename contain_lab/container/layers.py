"""The writable layer of a container whose root is an ordinary user: made by that user, and removed as its root.

What other ids of the container have written belongs to subordinate ids, over which the user has no power outside a
user namespace; and overlay's own folder in there opens for root alone. man: user_namespaces(7).
"""

import os

from contain_lab import files, rootfs, steps
from contain_lab.errors import ContainLabError
from contain_lab.namespaces import mount, user


def make_user_layer(layer: str, image: str) -> None:
    """Make the writable layer of an ordinary user's container; where the kernel refuses one, copy the image."""
    rootfs.make_layer(layer)
    try:
        user.run_mapped(lambda: try_overlay(layer, image))
    except ContainLabError:
        copy_image(layer, image)


def try_overlay(layer: str, image: str) -> None:
    """Mount the layer in a mount namespace that ends with this process. Errors: OSError where the kernel refuses."""
    mount.unshare_mount()
    rootfs.mount_user_overlay(f"{layer}/root", image, f"{layer}/upper", f"{layer}/work")


def copy_image(layer: str, image: str) -> None:
    """Copy an image into the root of a layer, and remove its other folders, by which `mount_user_overlay` knows it."""
    import shutil  # 6 ms, and copying costs more

    for name in ("upper", "work"):
        remove_user_layer(f"{layer}/{name}")
    shutil.copytree(image, f"{layer}/root", symlinks=True, dirs_exist_ok=True)


def remove_user_layer(folder: str) -> None:
    """Remove a folder and all in it, as root of a user namespace with all of this user's ids."""
    remove = steps.ours.get("rootfs.remove_layer", rootfs.remove_layer)  # a student's may never come back
    if files.is_machines_root():
        remove(folder)
    elif os.path.isdir(folder):
        user.run_mapped(lambda: remove(folder))
