"""How an image gets into the store: made in a folder of another name, and renamed when it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from contain_lab import files
from contain_lab.errors import ContainLabError, describe
from contain_lab.image import store


@contextmanager
def store_locked() -> Iterator[None]:
    """Hold the store, waiting for whoever makes images now; what killed commands left is removed first."""
    try:
        os.makedirs(store.folder(), mode=0o700, exist_ok=True)
        handle = files.lock(store.lock_file(), wait=True)
    except OSError as error:
        raise ContainLabError(f"image store {store.folder()}: {describe(error)}",
                              "CONTAIN_LAB_DATA names another folder, one that you may write") from error
    assert handle is not None
    try:
        store.remove_temporary()
        yield
    finally:
        os.close(handle)


@contextmanager
def new_image(name: str, fingerprint: str, config: dict[str, Any]) -> Iterator[str]:
    """An empty folder with `rootfs/` in it, to be filled. At the end it takes the image's place, or goes.

    The caller holds the store, so the process's id makes the name unique.
    """
    folder = store.place(f"{store.TEMPORARY}{name}-{os.getpid()}")
    os.mkdir(folder, 0o700)
    try:
        os.mkdir(os.path.join(folder, "rootfs"))
        os.chmod(os.path.join(folder, "rootfs"), 0o755)
        yield folder
        files.write(os.path.join(folder, "config.json"), files.dump_json(config) + "\n")
        files.write(os.path.join(folder, "recipe"), fingerprint)
        _put_in_place(folder, name)
    finally:
        if os.path.isdir(folder):
            store.remove(folder)


def is_current(name: str, fingerprint: str) -> bool:
    """Whether the store has this image, whole, made by the recipe with this fingerprint."""
    try:
        store.find(name)
        return files.get(os.path.join(store.place(name), "recipe")) == fingerprint
    except (ContainLabError, FileNotFoundError):
        return False


def _put_in_place(folder: str, name: str) -> None:
    """Rename to the image's name; rename(2) replaces no full folder, so an older image steps aside first."""
    aside = store.place(f"{store.TEMPORARY}old-{name}-{os.getpid()}")
    if os.path.isdir(store.place(name)):
        os.rename(store.place(name), aside)
    os.rename(folder, store.place(name))
    if os.path.isdir(aside):
        store.remove(aside)
