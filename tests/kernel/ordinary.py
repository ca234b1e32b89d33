"""An ordinary user of this machine, made for a test and gone afterwards, and commands run as that user."""

import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bundles import until


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
        until(lambda: not made.processes())
    finally:
        for pid in made.processes():
            os.kill(pid, signal.SIGKILL)
        subprocess.run(["userdel", "--remove", name], check=True, capture_output=True)
