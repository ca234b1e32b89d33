"""QEMU: its command line, its process, and what is asked of it (QMP).

A machine's devices, memory and processors stand in its command line, and a restore takes only what was saved under the
same: `shape` names them. man: qemu-system(1); QEMU's Documentation, interop/qmp-spec, devel/migration.
"""

import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from typing import Any

from contain_lab import syscalls
from contain_lab.errors import ContainLabError
from contain_lab.vm import command_server, image

PORTS = 8  # virtio-serial ports: so many commands at the same time
LAB_PORT = 8888  # where JupyterLab listens inside
KERNEL_WORDS = "console=ttyS0 panic=-1 loglevel=6"


@dataclass(frozen=True)
class Shape:
    """What a saved machine fits into: MiB of memory, processors, "kvm" or "tcg"."""

    memory: int = 1024
    cpus: int = 2
    accelerator: str = "tcg"

    def words(self) -> list[str]:
        """The options that say so."""
        accelerator = "kvm" if self.accelerator == "kvm" else "tcg,thread=multi"
        return ["-M", "q35,memory-backend=ram", "-accel", accelerator, "-cpu", "max", "-smp", str(self.cpus), "-m",
                f"{self.memory}M"]


def program() -> str:
    """The path of QEMU. Errors: ContainLabError that names the package."""
    name = f"qemu-system-{os.uname().machine}"
    if path := shutil.which(name, path=image.search_path()):
        return path
    raise ContainLabError(f"vm: {name} is not on this machine", "apt-get install qemu-system-x86")


def version() -> str:
    """What QEMU says of its version: a restore needs the one that saved."""
    said = subprocess.run([program(), "-version"], capture_output=True, text=True, check=False)
    return said.stdout.partition("\n")[0].removeprefix("QEMU emulator version ") or "unknown"


def command(name: str, shape: Shape, disk: str, initrd: str, memory: str, port: int) -> list[str]:
    """The whole command line; its sockets and its console are in the folder where it is started.

    memory: the object of the memory, "memory-backend-…,…"; port: of 127.0.0.1, led to JupyterLab's inside; 0: none.
    """
    forward = f",hostfwd=tcp:127.0.0.1:{port}-:{LAB_PORT}" if port else ""
    words = [program(), "-name", name, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
             *shape.words(), "-object", f"{memory},id=ram,size={shape.memory}M",
             "-kernel", f"{disk}/vmlinux", "-initrd", initrd, "-append", KERNEL_WORDS,
             "-chardev", "file,id=console,path=console", "-serial", "chardev:console",
             "-drive", f"if=none,id=root,format=raw,readonly=on,file={disk}/root.erofs",
             "-device", "virtio-blk-pci,drive=root", "-device", "virtio-rng-pci",
             "-netdev", f"user,id=net{forward}", "-device", "virtio-net-pci,netdev=net,romfile=",
             "-qmp", "unix:qmp,server=on,wait=off", "-device", "virtio-serial-pci"]
    for number in range(PORTS):
        words += ["-chardev", f"socket,id=port{number},path=port{number},server=on,wait=off", "-device",
                  f"virtserialport,chardev=port{number},name={command_server.PREFIX}{number}"]
    return words


def start(folder: str, words: list[str]) -> subprocess.Popen[bytes]:
    """Start it in a folder; it dies with this thread. What it says of itself is in the file `qemu`."""
    parent = os.getpid()

    def tie() -> None:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
        if os.getppid() != parent:
            os._exit(1)

    with open(os.path.join(folder, "qemu"), "wb") as said:
        return subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                start_new_session=True, preexec_fn=tie)  # noqa: PLW1509  # one thread


def connect(folder: str, name: str) -> socket.socket:
    """A connection to a socket in a folder, however long the folder's name is. Errors: OSError."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(f"/proc/self/fd/{handle}/{name}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(handle)
    return connection


class Qmp:
    """What is asked of a QEMU: `with Qmp(folder) as qmp: qmp.ask("stop")`. Errors: ContainLabError, OSError."""

    def __init__(self, folder: str) -> None:
        self.connection = connect(folder, "qmp")
        self.connection.settimeout(60)
        self.file = self.connection.makefile("rw", encoding="utf-8")

    def __enter__(self) -> "Qmp":
        self.file.readline()
        self.ask("qmp_capabilities")
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()
        self.connection.close()

    def ask(self, what: str, **arguments: Any) -> Any:
        """Ask one thing; what it returns."""
        self.file.write(json.dumps({"execute": what, "arguments": arguments}) + "\n")
        self.file.flush()
        for line in self.file:
            said = json.loads(line)
            if "error" in said:
                raise ContainLabError(f"vm: QEMU: {what}: {said['error']['desc']}".rstrip("."))
            if "return" in said:
                return said["return"]
        raise ContainLabError(f"vm: QEMU: {what}: it ended")
