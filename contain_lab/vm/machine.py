"""Machines by name: up, down, snapshot, restore, destroy, and what is known of them.

`state_dir()/vm/NAME/` is there while a machine runs: its sockets, console, `machine.json`.
`data_dir()/vm/machines/NAME/` holds what stays: `saved`, from `down` on, and `snapshots/`. Each of those is a folder
with `state` (memory and devices), `initrd`, `repository.json` and `machine.json`.
"""

import glob
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from contain_lab import files
from contain_lab.errors import ContainLabError, NotFound, WrongState
from contain_lab.vm import boot, image, qemu, repository, template, whole
from contain_lab.vm.keeper import Keeper
from contain_lab.vm.qemu import Qmp, Shape
from contain_lab.vm.session import Session

Report = Callable[[str], None]
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
DEFAULT = "lab"
TIMEOUT = 120.0  # seconds for a boot
IN_THE_MAKING = ".cl-"
FIRST_PORT, MOST_PORTS = 8888, 100


@dataclass(frozen=True)
class Machine:
    """What is known of a machine: its shape, the image and the QEMU it needs, its port of 127.0.0.1, and since when."""

    name: str
    shape: Shape
    disk: str
    qemu: str
    port: int
    since: float


def runs_in(name: str) -> str:
    """The folder of a machine that runs."""
    return os.path.join(files.state_dir(), "vm", name)


def kept_in(name: str) -> str:
    """The folder of what stays of a machine."""
    return os.path.join(files.data_dir(), "vm/machines", name)


def check_name(name: str) -> str:
    """The name, if it is one. Errors: ContainLabError."""
    if not NAME.fullmatch(name) or name.startswith("cl-fresh"):
        raise ContainLabError(f"machine '{name}': not a name", "small letters, digits, '.', '_' and '-'; at most 63")
    return name


# ---- what there is

def names() -> list[str]:
    """The machines that run, or of which something is kept."""
    found = set(_folders(f"{files.data_dir()}/vm/machines"))
    return sorted(found | {name for name in _folders(f"{files.state_dir()}/vm") if is_running(name)})


def _folders(path: str) -> list[str]:
    return [entry.name for entry in os.scandir(path) if entry.is_dir()] if os.path.isdir(path) else []


def is_running(name: str) -> bool:
    """Whether a keeper holds the machine's folder, and the machine has come up."""
    folder = runs_in(name)
    return os.path.exists(f"{folder}/up") and _is_held(folder)


def _is_held(folder: str) -> bool:
    try:
        handle = files.lock_folder(folder, shared=True)
    except FileNotFoundError:
        return False
    files.let_go(handle)
    return handle is None


def look(name: str) -> Machine:
    """What is known of a machine that runs. Errors: WrongState, NotFound."""
    if not is_running(name):
        if os.path.isdir(kept_in(name)):
            raise WrongState(f"machine '{name}': it is down", f"contain-lab vm up --name {name}")
        raise NotFound(f"machine '{name}': there is none", f"contain-lab vm up --name {name}")
    return _read(runs_in(name))


def _read(folder: str) -> Machine:
    said = json.loads(files.get(f"{folder}/machine.json"))
    return Machine(**{**said, "shape": Shape(**said["shape"])})


def check_there(name: str) -> None:
    """Errors: NotFound where no machine has the name."""
    if not is_running(name) and not os.path.isdir(kept_in(name)):
        raise NotFound(f"machine '{name}': there is none", "contain-lab vm status lists them")


# ---- up

def up(name: str, report: Report, memory: int = 1024, cpus: int = 0, port: int = 0,
       seconds: float = TIMEOUT) -> Machine:
    """Bring a machine up: as it was when it went down, or new. Errors: ContainLabError, with nothing left."""
    check_name(name)
    if is_running(name):
        report(f"machine {name}: it is up already")
        return look(name)
    qemu.program()
    saved = f"{kept_in(name)}/saved"
    if os.path.isdir(saved):
        return _start(name, saved, report, port, seconds)
    disk = image.build(report)
    accelerator, reason = boot.accelerator(disk)
    report(f"machine {name}: {accelerator.upper()} ({reason})")
    shape = Shape(memory, cpus or min(os.cpu_count() or 1, 2), accelerator)
    return _start(name, template.ensure(disk, shape, report, seconds), report, port, seconds,
                  Machine(name, shape, disk, qemu.version(), 0, 0))


def _start(name: str, saved: str, report: Report, port: int, seconds: float, new: Machine | None = None) -> Machine:
    """Start a machine from what was saved: its own, or (new) a template."""
    began, folder, before = time.monotonic(), runs_in(name), new or _read(saved)
    _check_fits(name, before)
    with files.Alone(f"{files.state_dir()}/vm"):
        sweep_held()
        if os.path.isdir(folder):
            raise WrongState(f"machine '{name}': another command brings it up or down", "contain-lab vm status")
        port = free_port(port)
        keeper = Keeper(folder, lambda: template.start(name, before.shape, before.disk, saved, folder, port))
    with keeper:
        machine = Machine(name, before.shape, before.disk, before.qemu, port, time.time())
        files.write(f"{folder}/machine.json", json.dumps(asdict(machine)))
        shutil.copyfile(f"{saved}/repository.json", f"{folder}/repository.json")
        os.symlink(saved, f"{folder}/from")
        _wake(name, folder, seconds)
        files.write(f"{folder}/up", "")
        os.makedirs(kept_in(name), 0o700, exist_ok=True)
        keeper.is_up()
    report(f"machine {name}: up in {time.monotonic() - began:.1f} s, {machine.shape.accelerator.upper()}, "
           f"127.0.0.1:{port} is for its JupyterLab")
    return machine


def _wake(name: str, folder: str, seconds: float) -> None:
    """Wait until a restored machine answers, and bring it up to date."""
    try:
        session = Session(name, folder, seconds)
    except ContainLabError as error:
        raise ContainLabError(f"machine '{name}': did not come up: {error.message.partition(': ')[2]}",
                              f"its console is kept in {boot.keep_console(name, folder)}") from None
    with session:
        session.wake()
        repository.send(session, f"{folder}/repository.json")


def _check_fits(name: str, machine: Machine) -> None:
    """Errors: ContainLabError where what was saved needs another image or QEMU than are here."""
    if machine.qemu != qemu.version():
        raise ContainLabError(f"machine '{name}': it was saved by QEMU {machine.qemu}, here is {qemu.version()}",
                              f"contain-lab vm destroy --name {name}, or install that version")
    if not os.path.isdir(machine.disk):
        raise ContainLabError(f"machine '{name}': its image {machine.disk} is gone",
                              f"contain-lab vm destroy --name {name}")


def free_port(asked: int) -> int:
    """A port of 127.0.0.1 that nobody has: the one that was asked for, or one from 8888 on. Errors: ContainLabError."""
    for port in (asked,) if asked else range(FIRST_PORT, FIRST_PORT + MOST_PORTS):
        with socket.socket() as door, suppress(OSError):
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(("127.0.0.1", port))
            door.listen()
            return port
    raise ContainLabError(f"vm up: port 127.0.0.1:{asked or FIRST_PORT} is taken", "--port names another one")


# ---- down, snapshots

def down(name: str) -> None:
    """Stop a machine, and keep what it is doing: `up` goes on with it."""
    look(name)
    _save(name, f"{kept_in(name)}/saved")
    _end(name)


def snapshot(name: str, title: str) -> None:
    """Keep a machine as it is now, under a title. It runs on."""
    check_name(title)
    look(name)
    _save(name, f"{kept_in(name)}/snapshots/{title}")
    with Qmp(runs_in(name)) as qmp:
        qmp.ask("cont")


def snapshots(name: str) -> list[str]:
    """The titles of a machine's snapshots."""
    return sorted(each for each in _folders(f"{kept_in(name)}/snapshots") if not each.startswith(IN_THE_MAKING))


def restore(name: str, title: str, report: Report, seconds: float = TIMEOUT) -> Machine:
    """Make a machine, running or not, what it was at a snapshot. Errors: NotFound."""
    saved = f"{kept_in(name)}/snapshots/{title}"
    if not os.path.isdir(saved):
        there = ", ".join(snapshots(name)) or "none"
        raise NotFound(f"machine '{name}': no snapshot '{title}'", f"there are: {there}")
    _check_fits(name, _read(saved))
    port = look(name).port if is_running(name) else 0
    _end(name)
    shutil.rmtree(f"{kept_in(name)}/saved", ignore_errors=True)
    return _start(name, saved, report, port, seconds)


def _save(name: str, target: str) -> None:
    """Write a machine's state into a folder, which is whole when it is there. The machine is stopped then."""
    folder, work = runs_in(name), f"{os.path.dirname(target)}/{IN_THE_MAKING}{os.getpid()}"
    os.makedirs(work, 0o700)
    try:
        template.save(folder, f"{work}/state")
        for name in ("machine.json", "repository.json"):
            shutil.copyfile(f"{folder}/{name}", f"{work}/{name}")
        shutil.copyfile(f"{folder}/from/initrd", f"{work}/initrd")
        shutil.rmtree(target, ignore_errors=True)
        os.rename(work, target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        with Qmp(folder) as qmp:
            qmp.ask("cont")
        raise


def _end(name: str) -> None:
    """End a machine that runs, and wait until its keeper has removed its folder."""
    folder = runs_in(name)
    if _is_held(folder):
        with suppress(OSError, ContainLabError):  # it ends while it answers
            with Qmp(folder) as qmp:
                qmp.ask("quit")
    end = time.monotonic() + 20
    while os.path.isdir(folder) and _is_held(folder):
        if time.monotonic() > end:
            raise ContainLabError(f"machine '{name}': it does not end", f"kill the QEMU that is called {name}")
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)


def destroy(name: str) -> None:
    """End a machine, and remove all that is kept of it. Errors: NotFound."""
    check_name(name)
    console = f"{files.state_dir()}/vm/{name}.console"
    if not (os.path.isdir(runs_in(name)) or os.path.isdir(kept_in(name)) or os.path.exists(console)):
        raise NotFound(f"machine '{name}': there is none", "contain-lab vm status lists them")
    _end(name)
    shutil.rmtree(kept_in(name), ignore_errors=True)
    with suppress(FileNotFoundError):
        os.unlink(console)


# ---- commands

@contextmanager
def session(name: str) -> Iterator[Session]:
    """A command's way into a machine that runs, with the repository inside as it is now."""
    look(name)
    with Session(name, runs_in(name)) as way:
        handle = files.lock(f"{runs_in(name)}/repository.lock", wait=True)
        try:
            repository.send(way, f"{runs_in(name)}/repository.json")
        finally:
            files.let_go(handle)
        yield way


def sweep() -> list[str]:
    """Remove what killed commands left of machines, images and templates; a line for each."""
    removed = [f"machines' image in the making {name}" for name in whole.sweep(image.folder())]
    removed += [f"machines' template in the making {name}" for name in whole.sweep(template.folder())]
    for path in glob.glob(f"{files.data_dir()}/vm/machines/**/{IN_THE_MAKING}*", recursive=True, include_hidden=True):
        if not os.path.exists(f"/proc/{path.rpartition('-')[2]}"):
            shutil.rmtree(path)
            removed.append(f"snapshot in the making {path}")
    if os.path.isdir(f"{files.state_dir()}/vm"):
        with files.Alone(f"{files.state_dir()}/vm"):
            removed += [f"machine {name}" for name in sweep_held()]
    return removed


def sweep_held() -> list[str]:
    """Remove the folders of machines whose keeper is gone, for who has the lock; their names."""
    top = f"{files.state_dir()}/vm"
    left = [entry.name for entry in os.scandir(top) if entry.is_dir() and not _is_held(entry.path)]
    for name in left:
        shutil.rmtree(f"{top}/{name}", ignore_errors=True)
    return left
