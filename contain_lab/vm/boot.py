"""Boots that are waited for: limits at the kernel's first line, at init, at the command server. And: is KVM any use?

A kernel can hang on a /dev/kvm that is there, so it is tried by booting. What a machine says is in its `console`.
"""

import os
import shutil
import subprocess
import tempfile
import time

from contain_lab import files
from contain_lab.errors import ContainLabError
from contain_lab.vm import initrd, qemu
from contain_lab.vm.command_server import READY
from contain_lab.vm.qemu import Shape

STAGES = (("no line of the kernel", "Linux version", 0.25), ("no init", "contain_lab: init", 0.6),
          ("no command server", READY, 1.0))
"""What a boot that hangs has not reached, the words of the console that show it, and their share of the time."""

PROBE = 10.0  # seconds in which a kernel under KVM comes to init, which takes one


def wait(name: str, folder: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a boot has come to the command server. Errors: ContainLabError that says how far it came."""
    began = time.monotonic()
    for lacking, words, share in STAGES:
        while words not in said(folder):
            if process.poll() is not None:
                raise ContainLabError(f"machine '{name}': QEMU ended while it booted: {why(folder)}")
            if time.monotonic() - began > seconds * share:
                raise ContainLabError(f"machine '{name}': did not boot: {lacking} in {seconds * share:.0f} s",
                                      f"its console is kept in {keep_console(name, folder)}")
            time.sleep(0.05)


def said(folder: str) -> str:
    """What is on a machine's console."""
    try:
        with open(os.path.join(folder, "console"), encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:  # QEMU is about to make it
        return ""


def why(folder: str) -> str:
    """The last thing that QEMU said of itself, or the machine's console."""
    lines = [line for line in files.get(os.path.join(folder, "qemu")).splitlines() if line.strip()]
    lines = lines or [line for line in said(folder).splitlines() if line.strip()] or ["it said nothing"]
    return lines[-1].partition("qemu-system-x86_64: ")[2] or lines[-1]


def keep_console(name: str, folder: str) -> str:
    """Keep the console of a machine that did not come up; where it is then. `destroy` and `clean` remove it."""
    kept = f"{files.state_dir()}/vm/{name}.console"
    shutil.copyfile(os.path.join(folder, "console"), kept)
    return kept


def accelerator(image: str) -> tuple[str, str]:
    """"kvm" where a kernel comes up with it, else "tcg"; and why. Asked once for each boot of this machine."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg", "/dev/kvm is not there, or not for you"
    kept = f"{files.state_dir()}/vm/accelerator"
    os.makedirs(os.path.dirname(kept), 0o700, exist_ok=True)
    if not os.path.exists(kept):
        files.write(kept, "kvm" if _comes_up_with_kvm(image) else "tcg")
    if files.get(kept) == "kvm":
        return "kvm", "a kernel boots with it"
    return "tcg", f"/dev/kvm is there, but a kernel does not come up with it in {PROBE:.0f} s"


def _comes_up_with_kvm(image: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="cl-probe-", dir=f"{files.state_dir()}/vm") as folder:
        initrd.make(image, f"{folder}/initrd")
        words = [qemu.program(), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-kernel",
                 f"{image}/vmlinux", "-initrd", f"{folder}/initrd", "-append", f"{qemu.KERNEL_WORDS} contain_lab.probe",
                 "-serial", "file:console", *Shape(256, 1, "kvm").words()[2:], "-M", "q35"]
        process = qemu.start(folder, words)
        try:
            end = time.monotonic() + PROBE
            while time.monotonic() < end and process.poll() is None and STAGES[1][1] not in said(folder):
                time.sleep(0.05)
            return STAGES[1][1] in said(folder)
        finally:
            process.kill()
            process.wait()
