"""Make the images that the kit brings: which there are, which need making, and what is said meanwhile."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from contain_lab.errors import ContainLabError, NotFound, explain
from contain_lab.image import busybox, debian, making, store

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""The kernel's names of machines (uname(2)), and GOARCH's, which image-spec takes."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """How an image is made.

    sources: files that decide what it is; build(folder, report): fills `folder/rootfs`; command: its default.
    """

    sources: Callable[[], list[str]]
    build: Callable[[str, Report], None]
    command: str


RECIPES = {
    "busybox": Recipe(busybox.sources, busybox.build, "sh"),
    "debian": Recipe(debian.sources, debian.build, "bash"),
}


def print_nothing(_line: str) -> None:
    """The report of a caller who wants none."""


def bootstrap(names: Iterable[str] = (), report: Report = print_nothing) -> list[str]:
    """Make these images (all, when none is named) where the store has not got them; the names of those made.

    `report` gets a line for each phase. Each image is tried, also after another one failed; then the
    failures are raised as one ContainLabError.
    """
    wanted = list(dict.fromkeys(names)) or list(RECIPES)
    if unknown := [name for name in wanted if name not in RECIPES]:
        raise ContainLabError(f"image '{unknown[0]}': no recipe makes it", f"there are: {', '.join(RECIPES)}")
    made, failures = [], []
    with making.store_locked():
        for name in wanted:
            try:
                made += [name] if _make(name, report) else []
            except ContainLabError as error:
                failures.append(error)
    if failures:
        raise _together(failures)
    return made


def ensure(name: str) -> None:
    """See that the store has an image: one that the kit brings is made where it is missing. Errors: ContainLabError."""
    try:
        store.find(name)
    except NotFound:
        if name not in RECIPES:
            raise
        bootstrap([name])


def _make(name: str, report: Report) -> bool:
    """Make one image; False where it is there as its recipe would make it."""
    recipe = RECIPES[name]

    def say(line: str) -> None:
        report(f"image {name}: {line}")

    try:
        fingerprint = _fingerprint(recipe)
        if making.is_current(name, fingerprint):
            say("up to date")
            return False
        start = time.monotonic()
        with making.new_image(name, fingerprint, _config(recipe.command)) as folder:
            recipe.build(folder, say)
    except OSError as error:
        message, hint = explain(error)
        raise ContainLabError(f"image '{name}': {message}", hint) from error
    say(f"made in {time.monotonic() - start:.1f} s")
    return True


def _fingerprint(recipe: Recipe) -> str:
    """SHA-256 of what the recipe reads, and of this file for its configuration; hexadecimal."""
    digest = hashlib.sha256()
    for path in (*recipe.sources(), __file__):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def _config(command: str) -> dict[str, Any]:
    """The image-spec configuration: no layers, for the root file system is a folder and not a tar."""
    machine = os.uname().machine
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {"Env": [PATH], "Cmd": [command], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": []},
    }


def _together(failures: list[ContainLabError]) -> ContainLabError:
    hints = dict.fromkeys(error.hint for error in failures if error.hint)
    return ContainLabError("; ".join(str(error) for error in failures), "; ".join(hints))
