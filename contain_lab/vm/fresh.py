"""A machine for one command: a copy of the template, which is gone when the command has ended."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from contain_lab import files
from contain_lab.vm import boot, image, machine, repository, template
from contain_lab.vm.qemu import Shape
from contain_lab.vm.session import Session


@contextmanager
def session(memory: int = 1024, cpus: int = 0, seconds: float = machine.TIMEOUT) -> Iterator[Session]:
    """The way into a new machine, with the repository inside. Errors: ContainLabError, where the image is not made."""
    disk = image.find()
    shape = Shape(memory, cpus or min(os.cpu_count() or 1, 2), boot.accelerator(disk)[0])
    saved, name = template.ensure(disk, shape, lambda _line: None, seconds), f"cl-fresh-{os.getpid()}"
    folder = machine.runs_in(name)
    with files.Alone(os.path.dirname(folder)):
        os.mkdir(folder, 0o700)
        lock = files.lock_folder(folder)
    try:
        process = template.start(name, shape, disk, saved, folder, 0)
        try:
            with Session(name, folder, seconds) as way:
                shutil.copyfile(f"{saved}/repository.json", f"{folder}/repository.json")
                way.wake()
                repository.send(way, f"{folder}/repository.json")
                yield way
        finally:
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        files.let_go(lock)
