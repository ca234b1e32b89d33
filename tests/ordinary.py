"""An ordinary user of this machine, made for a test and gone afterwards, and commands run as that user."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import contain_lab


class User:
    """A user with a home of its own; run() runs a command as that user, without what root has in its environment."""

    def __init__(self, name: str) -> None:
        entry = pwd.getpwnam(name)
        self.name, self.uid, self.gid, self.home = name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir)

    def run(self, *words: object, **settings: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "USER": self.name, **settings}
        return subprocess.run([str(word) for word in words], env=env, cwd="/", user=self.uid, group=self.gid,
                              extra_groups=[], text=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)

    def says(self, *words: object, **settings: str) -> str:
        """What a command prints that has to end well."""
        done = self.run(*words, **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, make_rootfs: Callable[[Path], Path]) -> tuple[str, ...]:
        """Give the user a copy of the package and an image busybox, wherever ours may be; the command contain-lab."""
        shutil.copytree(Path(contain_lab.__file__).parent, self.home / "package/contain_lab",
                        ignore=shutil.ignore_patterns("__pycache__"))
        image = self.home / ".local/share/contain_lab/images/busybox"
        make_rootfs(image / "rootfs")
        (image / "config.json").write_text(json.dumps({"config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]}}))
        subprocess.run(["chown", "-R", f"{self.uid}:{self.gid}", self.home], check=True)
        return self.command("contain_lab.cli")

    def command(self, module: str) -> tuple[str, ...]:
        """How the user calls the main of a module of that copy."""
        program = f"import sys; sys.path.insert(0, {str(self.home / 'package')!r}); from {module} import main"
        return os.path.realpath(sys.executable), "-c", f"{program}; sys.exit(main())"

    def processes(self) -> list[int]:
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{pid}").st_uid == self.uid:
                    found.append(int(pid))
        return found


@contextlib.contextmanager
def ordinary_user(ranges: bool = False) -> Iterator[User]:
    """A user that is made now; ranges: with 65536 subordinate ids. It leaves no process, or the test fails."""
    name = f"cl-test-{'b' if ranges else 'a'}{os.getpid()}"
    given = ("-K", "SUB_UID_COUNT=65536", "-K", "SUB_GID_COUNT=65536") if ranges else ("--system",)
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/sh", *given, name], check=True, capture_output=True)
    made = User(name)
    try:
        yield made
        end = time.monotonic() + 5
        while left := made.processes():
            assert time.monotonic() < end, f"processes that are left: {left}"
            time.sleep(0.01)
    finally:
        for pid in made.processes():
            os.kill(pid, signal.SIGKILL)
        subprocess.run(["userdel", "--remove", name], check=True, capture_output=True)
