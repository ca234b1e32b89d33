"""The image `busybox`: the distribution's static busybox, links to it for its applets, and a few files."""

import os
import shutil
import struct
import subprocess
from collections.abc import Callable

from contain_lab.errors import ContainLabError

PLACES = ("/usr/bin/busybox", "/bin/busybox")
PT_INTERP = 3
"""elf(5): the segment that names the dynamic loader; a static program has none."""

FOLDERS = {
    "bin": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "sbin": 0o755,
    "sys": 0o555,
    "tmp": 0o1777,
    "usr": 0o755,
    "usr/bin": 0o755,
    "usr/sbin": 0o755,
    "var": 0o755,
    "var/log": 0o755,
    "var/tmp": 0o1777,
}
"""Where busybox's applets belong, and what a container mounts on; modes hold whatever the umask."""

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/resolv.conf": "",
    "etc/hostname": "",
}


def sources() -> list[str]:
    """The files that decide what the image is: this machine's busybox, and this recipe."""
    return [static_busybox(), __file__]


def build(folder: str, report: Callable[[str], None]) -> None:
    """Fill `folder/rootfs`; ContainLabError where this machine has no static busybox."""
    binary, root = static_busybox(), os.path.join(folder, "rootfs")
    said = subprocess.run([binary, "--list-full"], capture_output=True, text=True, check=True)
    applets = [path for path in said.stdout.split() if os.path.basename(path) != "busybox"]
    report(f"{binary} with {len(applets)} applets…")
    for path, mode in FOLDERS.items():
        os.makedirs(os.path.join(root, path), exist_ok=True)
        os.chmod(os.path.join(root, path), mode)
    for path, text in FILES.items():
        with open(os.path.join(root, path), "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
    shutil.copyfile(binary, os.path.join(root, "bin/busybox"))
    os.chmod(os.path.join(root, "bin/busybox"), 0o755)
    for path in applets:
        os.symlink(os.path.relpath("bin/busybox", os.path.dirname(path)), os.path.join(root, path))


def static_busybox() -> str:
    """The path of a busybox that needs no library; ContainLabError where there is none."""
    found = [path for path in PLACES if os.path.exists(path)]
    for path in found:
        if is_static(path):
            return path
    what = f"{found[0]} is dynamically linked" if found else "busybox is not on this machine"
    raise ContainLabError(f"image 'busybox': {what}", "apt-get install busybox-static")


def is_static(path: str) -> bool:
    """Whether a 64-bit ELF program asks for no dynamic loader.

    Reads e_phoff, e_phentsize, e_phnum and the p_type of each segment (man: elf(5)).
    """
    with open(path, "rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:5] != b"\x7fELF\x02":
            return False
        order = "<" if header[5] == 1 else ">"
        start, length, count = struct.unpack_from(f"{order}32xQ14xHH", header)
        file.seek(start)
        table = file.read(length * count)
    kinds = [struct.unpack_from(f"{order}I", table, length * row)[0] for row in range(count)]
    return PT_INTERP not in kinds
