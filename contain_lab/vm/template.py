"""Templates: a machine that was booted once, and whose memory is kept. Every start after that is a restore of it.

`data_dir()/vm/templates/KEY/` holds `ram`, which the machines made of it map privately, `state`, and `repository.json`,
which says what files are inside. A template is of one image, shape and version of QEMU.
QEMU: devel/migration, x-ignore-shared.
"""

import hashlib
import os
import subprocess
import time
from collections.abc import Callable

from contain_lab import files
from contain_lab.errors import ContainLabError
from contain_lab.vm import boot, image, initrd, qemu, repository, whole
from contain_lab.vm.qemu import Qmp, Shape
from contain_lab.vm.session import Session

NAME = "template"


def folder() -> str:
    """Where templates are."""
    return os.path.join(files.data_dir(), "vm/templates")


def key(disk: str, shape: Shape) -> str:
    """Names the template for an image and a shape: hexadecimal digits."""
    words = (os.path.basename(disk), initrd.fingerprint(disk), qemu.version(), repr(shape))
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def ensure(disk: str, shape: Shape, report: Callable[[str], None], seconds: float) -> str:
    """The folder of the template, which is made where it is not there. Errors: ContainLabError, with nothing left."""
    path = os.path.join(folder(), key(disk, shape))
    if os.path.isdir(path):
        return path

    def boot_once(work: str) -> None:
        began = time.monotonic()
        report("booting, once: what comes of it is kept, and restored from then on…")
        _make(disk, shape, work, seconds)
        report(f"booted in {time.monotonic() - began:.1f} s")

    whole.make(path, boot_once)
    return path


def _make(disk: str, shape: Shape, work: str, seconds: float) -> None:
    initrd.make(disk, f"{work}/initrd")
    words = qemu.command(NAME, shape, disk, "initrd", "memory-backend-file,mem-path=ram,share=on", 0)
    process = qemu.start(work, words)
    try:
        boot.wait(NAME, work, process, seconds)
        with Session(NAME, work, seconds) as session:
            repository.send(session, f"{work}/repository.json")
            session.run(["sync"])
        save(work, f"{work}/state", share=True)
    finally:
        process.kill()
        process.wait()
    for name in os.listdir(work):
        if name not in ("ram", "state", "initrd", "repository.json", "console"):
            os.unlink(f"{work}/{name}")


def save(place: str, target: str, share: bool = False) -> None:
    """Write the state of the machine in a folder, and its memory unless share: then that is the file it has.

    QEMU stops it at the end; one that was stopped before would be so when it is restored.
    """
    with Qmp(place) as qmp:
        capabilities = [{"capability": "x-ignore-shared", "state": share}]
        qmp.ask("migrate-set-capabilities", capabilities=capabilities)
        qmp.ask("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        qmp.ask("migrate", uri=f"exec:cat >'{target}'")
        wait_for_migration(qmp, "save")


def load(place: str, source: str, share: bool = False) -> None:
    """Restore what `save` wrote, in the machine in a folder, which was started with `-incoming defer`."""
    with Qmp(place) as qmp:
        qmp.ask("migrate-set-capabilities", capabilities=[{"capability": "x-ignore-shared", "state": share}])
        qmp.ask("migrate-incoming", uri=f"exec:cat '{source}'")


def wait_for_migration(qmp: Qmp, what: str) -> None:
    """Until it is done. Errors: ContainLabError where it fails."""
    while (said := qmp.ask("query-migrate")).get("status") not in ("completed", "failed", "cancelled"):
        time.sleep(0.01)
    if said["status"] != "completed":
        raise ContainLabError(f"vm: {what}: {said.get('error-desc', 'QEMU gives no reason')}", image.SPACE_HINT)


def start(name: str, shape: Shape, disk: str, saved: str, place: str, port: int) -> subprocess.Popen[bytes]:
    """Start a machine in a folder as a copy of a template, or of a snapshot: a folder with `state`, and maybe `ram`."""
    has_ram = os.path.exists(f"{saved}/ram")
    memory = f"memory-backend-file,mem-path={saved}/ram,share=off" if has_ram else "memory-backend-memfd,share=off"
    words = qemu.command(name, shape, disk, f"{saved}/initrd", memory, port)
    process = qemu.start(place, [*words, "-incoming", "defer"])
    try:
        _until_asked(name, place, process)
        load(place, f"{saved}/state", share=has_ram)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def _until_asked(name: str, place: str, process: subprocess.Popen[bytes]) -> None:
    """Until QEMU answers on its socket."""
    end = time.monotonic() + 30
    while True:
        try:
            qemu.connect(place, "qmp").close()
            return
        except OSError:
            if process.poll() is not None:
                raise ContainLabError(f"machine '{name}': QEMU: {boot.why(place)}") from None
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
