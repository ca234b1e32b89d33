"""A bundle with its one container, for tests that drive a runtime by its command line."""

import contextlib
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from contain_lab import spec

MARK = "CL_TEST_MARK"  # in the environment of whatever a test starts: how its processes are found
CAPABILITIES = tuple(f"CAP_{name}" for name in "CHOWN DAC_OVERRIDE FOWNER KILL SETGID SETUID NET_BIND_SERVICE".split())


def until(holds: Callable[[], Any], seconds: float = 5) -> Any:
    """Wait until holds() is true, and return what it gave; AssertionError where it never is."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < end, f"not so after {seconds} s: {holds}"
        time.sleep(0.01)
    return value


def marked(value: str) -> list[int]:
    """Processes that have the mark in their environment, zombies left out."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if f"{MARK}={value}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(int(pid))
    return found


def groups(name: str) -> list[str]:
    """The cgroups of this name, in any hierarchy."""
    return glob.glob(f"/sys/fs/cgroup/{name}") + glob.glob(f"/sys/fs/cgroup/*/{name}")


def make_rootfs(path: Path) -> Path:
    """A root file system of the static busybox, with a passwd of two users."""
    busybox = shutil.which("busybox") or ""
    for folder in "bin dev etc proc root run sys tmp".split():
        (path / folder).mkdir(parents=True)
    shutil.copy2(os.path.realpath(busybox), path / "bin/busybox")
    for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True).stdout.split():
        if applet != "busybox":
            (path / "bin" / applet).symlink_to("busybox")
    (path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n")
    return path


class Done:
    """What a command gave: code, out, err."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit code {self.code}, out {self.out!r}, err {self.err!r}"


class Bundle:
    """A bundle, its one container, and the state directory of the runtime, in a folder of its own."""

    def __init__(self, folder: Path, rootfs: Path, runtime: str) -> None:
        self.folder, self.runtime, self.rootfs = folder, runtime, rootfs
        self.id = f"cl-test-{random.randrange(10**9)}"
        self.config = spec.default(["sh", "-c", "true"], str(rootfs), "box", CAPABILITIES,
                                   ("PATH=/bin", f"{MARK}={self.id}"))
        self.config["ociVersion"] = "1.0.2"
        self.linux, self.process = self.config["linux"], self.config["process"]
        self.linux["namespaces"] = [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]

    def call(self, words: tuple[str, ...], out: IO[str], err: IO[str]) -> int:
        """`RUNTIME --root STATE WORDS`: its exit code. What is inheritable is inherited."""
        return subprocess.run([self.runtime, "--root", str(self.folder / "state"), *words], stdout=out, stderr=err,
                              stdin=subprocess.DEVNULL, close_fds=False, timeout=20).returncode

    def run_command(self, *words: str) -> Done:
        """What a command of the runtime gave; its output goes to files, for a container keeps a pipe open."""
        with open(self.folder / "out", "w+") as out, open(self.folder / "err", "w+") as err:
            code = self.call(words, out, err)
            out.seek(0)
            err.seek(0)
            return Done(code, out.read(), err.read())

    def command(self, *words: str) -> Done:
        """As run_command, and it has to succeed."""
        done = self.run_command(*words)
        assert done.code == 0, f"{words[0]}: {done}"
        return done

    def write(self) -> None:
        (self.folder / "config.json").write_text(json.dumps(self.config))

    def try_create(self, *words: str) -> Done:
        self.write()
        return self.run_command("create", *words, "--bundle", str(self.folder), self.id)

    def create(self, *words: str) -> None:
        done = self.try_create(*words)
        assert done.code == 0, done

    def start(self) -> None:
        self.command("start", self.id)

    def up(self, program: str = "sleep 60") -> int:
        """Create and start a container; its pid."""
        self.process["args"] = ["sh", "-c", program]
        self.create()
        self.start()
        return int(self.state()["pid"])

    def state(self) -> dict[str, Any]:
        return dict(json.loads(self.command("state", self.id).out))

    def status(self) -> str:
        return str(self.state()["status"])

    def lived(self, program: str = "") -> Done:
        """Create, start and wait for a container: its exit code (minus the signal), and what it said."""
        if program:
            self.process["args"] = ["sh", "-c", program]
        self.write()
        with open(self.folder / "says", "w+") as out, open(self.folder / "complains", "w+") as err:
            code = self.call(("create", "--bundle", str(self.folder), self.id), out, err)
            if code == 0:
                pid = self.state()["pid"]
                self.start()
                code = os.waitstatus_to_exitcode(until(lambda: reap(pid), 20)[1])
            out.seek(0)
            err.seek(0)
            return Done(code, out.read(), err.read())

    def says(self, program: str) -> str:
        """What a program says in the container; it has to end well."""
        done = self.lived(program)
        assert done.code == 0, done
        return done.out.strip()

    def remove(self) -> None:
        """Take away whatever is there of it."""
        self.run_command("delete", "--force", self.id)
        for pid in marked(self.id):
            os.kill(pid, signal.SIGKILL)
        for group in groups(self.id):
            with contextlib.suppress(OSError):
                os.rmdir(group)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def map_ids(bundle: Bundle) -> None:
    """Give a bundle a user namespace; its folders are opened for the mapped root, who is a stranger there."""
    for folder in {bundle.folder, *bundle.folder.parents, bundle.rootfs, *bundle.rootfs.parents}:
        if not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o11)
    bundle.linux["namespaces"].append({"type": "user"})
    bundle.linux["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000},
                                   {"containerID": 1000, "hostID": 300000, "size": 5}]
    bundle.linux["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 1000}]


def reap(pid: int) -> tuple[int, int] | None:
    ended = os.waitpid(pid, os.WNOHANG)
    return ended if ended[0] else None
