"""`contain-lab` as a person types it, with state and data of its own; what is left of it can be counted."""

import contextlib
import os
import subprocess
from pathlib import Path

from bundles import MARK, Done, marked


class Run:
    """`contain-lab`, with state and data below a place; called, `contain-lab run --rm`."""

    def __init__(self, place: Path, cli: str) -> None:
        self.place, self.cli, self.mark = place, cli, f"cl-test-{place.name}-{os.getpid()}"

    def begin(self, *words: str, **options: object) -> "subprocess.Popen[str]":
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([self.cli, *words], text=True, env={**os.environ, MARK: self.mark}, **settings)

    def do(self, *words: str, stdin: str | None = None, **options: object) -> Done:
        if stdin is not None:
            options["stdin"] = subprocess.PIPE
        process = self.begin(*words, **options)
        out, err = process.communicate(stdin, timeout=20)
        return Done(process.returncode, out, err)

    def __call__(self, *words: str, **options: object) -> Done:
        return self.do("run", "--rm", *words, **options)

    def left(self) -> list[str]:
        """States, layers, names and processes."""
        folders = [self.place / "state/run", self.place / "data/containers", self.place / "data/names"]
        return [name for each in folders if each.exists() for name in os.listdir(each)] + self.processes()

    def processes(self) -> list[str]:
        """Ours by their mark, and those of containers by their layer."""
        return [str(pid) for pid in marked(self.mark)] + [
            pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != os.getpid() and mine(pid, self)]


def mine(pid: str, run: Run) -> bool:
    """Whether a process is in a container whose layer is ours."""
    with contextlib.suppress(OSError):
        return str(run.place) in Path(f"/proc/{pid}/mountinfo").read_text()
    return False
