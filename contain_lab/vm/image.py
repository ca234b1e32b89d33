"""Make the image: root file system, kernel, and what pip brings, side by side; then one read-only disk of them.

`data_dir()/vm/images/FINGERPRINT/` holds `vmlinux`, `root.erofs`, `modules/` and `packages`, the list of versions. It
is there when it is whole (`whole`). Every program runs in PID and mount namespaces of its own, and dies with us.
man: mmdebstrap(1), mkfs.erofs(1), unshare(1), depmod(8). Kernel: Documentation/arch/x86/boot.rst.
"""

import lzma
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

from contain_lab import files
from contain_lab.errors import ContainLabError
from contain_lab.vm import recipe, whole

Report = Callable[[str], None]
TOOLS = {"mmdebstrap": "mmdebstrap", "mkfs.erofs": "erofs-utils", "zstd": "zstd", "unshare": "util-linux",
         "setpriv": "util-linux", "tar": "tar", "apt-get": "apt"}
NEEDED = 2_000_000_000  # bytes on the disk while it is made; the image has a quarter of it
SPACE_HINT = "free some space, or let CONTAIN_LAB_DATA name a folder elsewhere"
MIRROR_HINT = "a package mirror (apt's, or that of CONTAIN_LAB_MIRROR) and Python's package index must be reachable"
ZSTD, ELF = b"\x28\xb5\x2f\xfd", b"\x7fELF"


def folder() -> str:
    """Where images are."""
    return os.path.join(files.data_dir(), "vm/images")


def find() -> str:
    """The folder of the image as its recipe is now. Errors: ContainLabError where it is not made."""
    path = os.path.join(folder(), recipe.fingerprint())
    if not os.path.isdir(path):
        raise ContainLabError("vm: the machines' image is not made", "contain-lab vm build")
    return path


def build(report: Report) -> str:
    """Make the image where it is not there; its folder. Errors: ContainLabError, with nothing left of it."""
    path = os.path.join(folder(), recipe.fingerprint())
    if os.path.isdir(path):
        return path
    check_tools()

    def fill(work: str) -> None:
        began = time.monotonic()
        _make(work, report)
        report(f"image made in {time.monotonic() - began:.0f} s: {disk_bytes(work) / 1e6:.0f} MB in {path}")

    whole.make(path, fill)
    return path


def check_tools() -> None:
    """Errors: ContainLabError that names the packages, where a program or room on the disk is missing."""
    if os.uname().machine != "x86_64":
        raise ContainLabError(f"vm: no recipe for a machine of {os.uname().machine}", "x86_64 has one")
    if missing := [tool for tool in TOOLS if not shutil.which(tool, path=search_path())]:
        packages = " ".join(dict.fromkeys(TOOLS[tool] for tool in missing))
        raise ContainLabError(f"vm build: {', '.join(missing)}: not on this machine", f"apt-get install {packages}")
    os.makedirs(folder(), 0o700, exist_ok=True)
    free = os.statvfs(folder())
    if free.f_bavail * free.f_frsize < NEEDED:
        raise ContainLabError(f"vm build: not enough space in {folder()}: {free.f_bavail * free.f_frsize / 1e6:.0f} MB "
                              f"free, {NEEDED / 1e6:.0f} MB needed", SPACE_HINT)


def search_path() -> str:
    """Where programs are; those of root are in folders that an ordinary user's PATH may lack."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def disk_bytes(path: str) -> int:
    """What a folder takes on the disk."""
    return sum(os.lstat(os.path.join(top, name)).st_blocks * 512 for top, _, names in os.walk(path) for name in names)


# ---- the programs

def _make(work: str, report: Report) -> None:
    """Fill the folder of an image."""
    os.makedirs(f"{work}/tmp")
    debian = ["mmdebstrap", f"--mode={'root' if os.geteuid() == 0 else 'unshare'}", "--format=tar"]
    place = recipe.mirror()
    report(f"Debian 13 from {place[0] if place else 'the mirror that mmdebstrap knows'}: root file system, kernel, "
           "JupyterLab…")
    _side_by_side(work, report, {
        "root file system": [*debian, "--variant=minbase", f"--include={','.join(recipe.PACKAGES)}", recipe.SUITE,
                             f"{work}/root.tar", *place],
        "kernel": [*debian, "--variant=extract", f"--include={recipe.KERNEL}", recipe.SUITE, f"{work}/kernel.tar",
                   *place],
        "JupyterLab": [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
                       "--only-binary=:all:", f"--python-version={recipe.PYTHON}", "--implementation=cp",
                       *(f"--platform={each}" for each in recipe.PLATFORMS), f"--target={work}/python",
                       *recipe.python_packages()],
    })
    report("unpacking…")
    root = f"{work}/root"
    os.mkdir(root, 0o755)
    _run(work, ["tar", "-x", "-f", f"{work}/root.tar", "-C", root, "--exclude=./dev/*"])
    _run(work, ["tar", "-x", "-f", f"{work}/kernel.tar", "-C", root, "./boot", "./usr/lib/modules"])
    _take_kernel(work, root)
    _take_python(work, root)
    report("writing the disk…")
    os.mkdir(f"{root}/contain_lab")
    shutil.copy(f"{root}/var/lib/dpkg/status", f"{work}/packages")
    _run(work, ["mkfs.erofs", *([] if os.geteuid() == 0 else ["--all-root"]), f"{work}/root.erofs", root])
    for name in ("root", "python", "tmp"):
        shutil.rmtree(f"{work}/{name}", ignore_errors=True)
    for name in ("root.tar", "kernel.tar", "log"):
        os.unlink(f"{work}/{name}")


def _take_kernel(work: str, root: str) -> None:
    """vmlinux, which QEMU starts without unpacking it (PVH), and the modules of the initramfs, in their order."""
    version = os.listdir(f"{root}/usr/lib/modules")[0]
    with open(f"{root}/boot/vmlinuz-{version}", "rb") as file:
        packed = file.read()
    done = subprocess.run(["zstd", "-dcq"], input=packed[packed.index(ZSTD):], capture_output=True, check=False)
    if not done.stdout.startswith(ELF):  # its exit code tells of the bytes behind the kernel alone
        raise ContainLabError(f"vm build: no vmlinux in vmlinuz-{version}", "its packing is another than zstd")
    with open(f"{work}/vmlinux", "wb") as file:
        file.write(done.stdout)
    shutil.rmtree(f"{root}/boot")
    os.mkdir(f"{root}/boot")
    _run(work, [*_as_root_of(root), "depmod", version])
    os.mkdir(f"{work}/modules")
    for number, path in enumerate(_modules(f"{root}/usr/lib/modules/{version}")):
        name = os.path.basename(path).split(".")[0]
        with lzma.open(path) as module, open(f"{work}/modules/{number:02}-{name}.ko", "wb") as file:
            shutil.copyfileobj(module, file)


def _modules(folder: str) -> list[str]:
    """The paths of recipe.MODULES and of what they need, those needed first. man: modules.dep(5)."""
    rows = [line.split(": ") if ": " in line else [line.rstrip(":"), ""]
            for line in files.get(f"{folder}/modules.dep").splitlines()]
    needs = {path: needed.split() for path, needed in rows}
    wanted: list[str] = []
    for name in recipe.MODULES:
        path = next(path for path in needs if os.path.basename(path).split(".")[0] == name)
        wanted += [each for each in [*reversed(needs[path]), path] if each not in wanted]
    return [os.path.join(folder, path) for path in wanted]


def _take_python(work: str, root: str) -> None:
    """What pip brought, compiled, for an import in the emulator without it takes minutes."""
    place = f"/usr/local/lib/python{recipe.PYTHON}/dist-packages"
    shutil.rmtree(f"{root}{place}", ignore_errors=True)
    shutil.move(f"{work}/python", f"{root}{place}")
    shutil.move(f"{root}{place}/bin", f"{root}/usr/local/lib/python-bin")
    for name in os.listdir(f"{root}/usr/local/lib/python-bin"):
        _take_script(f"{root}/usr/local/lib/python-bin/{name}", f"{root}/usr/local/bin/{name}")
    shutil.rmtree(f"{root}/usr/local/lib/python-bin")
    for name in ("etc", "share"):
        if os.path.isdir(f"{root}{place}/{name}"):
            shutil.copytree(f"{root}{place}/{name}", f"{root}/usr/local/{name}", dirs_exist_ok=True)
            shutil.rmtree(f"{root}{place}/{name}")
    _run(work, [*_as_root_of(root), f"python{recipe.PYTHON}", "-m", "compileall", "-q", "-j", "0", place], ok=(0, 1))


def _take_script(source: str, target: str) -> None:
    """A command that pip wrote: its first line names our interpreter, not the machine's."""
    with open(source, "rb") as file:
        lines = file.read().split(b"\n", 1)
    if lines[0].startswith(b"#!") and b"python" in lines[0]:
        lines[0] = b"#!/usr/bin/python3"
    with open(target, "wb") as file:
        file.write(b"\n".join(lines))
    os.chmod(target, 0o755)


def _as_root_of(root: str) -> list[str]:
    return [*([] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]), "chroot", root]


def _side_by_side(work: str, report: Report, commands: dict[str, list[str]]) -> None:
    """Run programs at the same time, and say when each has ended. Errors: that of the first that fails."""
    began = time.monotonic()
    running = {what: _start(f"{work}/{number}.log", work, command)
               for number, (what, command) in enumerate(commands.items())}
    logs = {what: f"{work}/{number}.log" for number, what in enumerate(commands)}
    waiting = set(running)
    try:
        while waiting:
            for what in [each for each in waiting if running[each].poll() is not None]:
                waiting.remove(what)
                if running[what].returncode:
                    raise _failure(what, files.get(logs[what]))
                report(f"{what}: {time.monotonic() - began:.0f} s")
            time.sleep(0.1)
    finally:
        for process in running.values():
            process.kill()
            process.wait()
        for log in logs.values():
            os.unlink(log)


def _run(work: str, command: list[str], ok: tuple[int, ...] = (0,)) -> None:
    process = _start(f"{work}/log", work, command)
    try:
        process.wait()
    finally:
        process.kill()
        process.wait()
    if process.returncode not in ok:
        raise _failure(command[0], files.get(f"{work}/log"))


def _start(log: str, work: str, command: list[str]) -> subprocess.Popen[bytes]:
    """Start a program that dies with this thread, and with all that it has started."""
    alone = ["setpriv", "--pdeathsig", "KILL", "--"]
    if os.geteuid() == 0:
        alone += ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
    words = {**os.environ, "LC_ALL": "C", "TMPDIR": f"{work}/tmp", "PATH": search_path()}
    with open(log, "wb") as file:
        return subprocess.Popen([*alone, *command], stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=words,
                                start_new_session=True)


def _failure(what: str, said: str) -> ContainLabError:
    """The line of a program's output that tells why, else its last one."""
    lines = [line for line in said.splitlines() if line.strip()] or ["no reason given"]
    full = next((line for line in lines if "o space left" in line or "enough free space" in line), "")
    if full:
        return ContainLabError(f"vm build: {what}: no space left: {full.strip()}", SPACE_HINT)
    reason = next((line for line in lines if line.startswith(("E: ", "ERROR:"))), lines[-1])
    return ContainLabError(f"vm build: {what}: {reason.removeprefix('E: ').strip()}", MIRROR_HINT)
