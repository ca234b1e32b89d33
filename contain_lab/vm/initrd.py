"""The initramfs: busybox, modules, and the programs of ours that run inside. Linux: initramfs-buffer-format."""

import hashlib
import os
import stat

from contain_lab.image import busybox

OURS = {"init": "initramfs.sh", "init.sh": "init.sh", "command_server.py": "command_server.py"}
"""Where they are in it, and our files; they come anew with each change, without a new image."""


def make(image: str, target: str) -> None:
    """Write the initramfs for an image."""
    entries = [("bin", stat.S_IFDIR | 0o755, b""), ("modules", stat.S_IFDIR | 0o755, b"")]
    entries += [(name, stat.S_IFDIR | 0o755, b"") for name in ("dev", "proc", "sys", "memory")]
    entries += [(name, stat.S_IFREG | 0o755, _read(path)) for name, path in _sources(image).items()]
    with open(target, "wb") as file:
        for number, (name, mode, data) in enumerate(entries, 1):
            file.write(_entry(number, name, mode, data))
        file.write(_entry(0, "TRAILER!!!", 0, b""))


def fingerprint(image: str) -> str:
    """Names what `make` would write: hexadecimal digits."""
    digest = hashlib.sha256()
    for name, path in _sources(image).items():
        digest.update(name.encode() + hashlib.sha256(_read(path)).digest())
    return digest.hexdigest()[:16]


def _sources(image: str) -> dict[str, str]:
    here = os.path.dirname(__file__)
    modules = {f"modules/{name}": f"{image}/modules/{name}" for name in sorted(os.listdir(f"{image}/modules"))}
    return {"bin/busybox": busybox.static_busybox(), **modules,
            **{name: os.path.join(here, file) for name, file in OURS.items()}}


def _entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    """An entry of a cpio archive in the format newc: a head of hexadecimal digits, name and data in fours."""
    words = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(words), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + words
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
