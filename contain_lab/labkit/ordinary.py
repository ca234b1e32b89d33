"""An ordinary user, for labs that are done as root: a number, and a home that goes with the notebook.

The notebook's kernel holds the lock of the home's directory (flock(2)) as long as it lives. A home whose lock is free
was left by a kernel that was killed: the next one, or `contain-lab clean`, removes it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import contain_lab
from contain_lab import files
from contain_lab.labkit.sentence import Refused

PREFIX = "cl-home-"
NUMBER = 7000  # no user of this number has to exist: to the kernel a user is a number
SCRIPT = """#!{python} -IS
import sys
sys.path.insert(0, "{place}")
from contain_lab.cli import main
sys.exit(main())
"""


def ordinary_user() -> str:
    """The words that make a command run as an ordinary user; "" where the notebook is an ordinary user's already.

    (Such a notebook's kernel is root of a user namespace, and no other user is to be had there.)

    The user has a home, which goes when the notebook's kernel ends, and `contain-lab` with the image busybox.
    Errors: Refused where the image cannot be made.
    """
    if not files.is_machines_root():
        return ""
    if _words:
        return _words[0]
    sweep()
    home = Path(tempfile.mkdtemp(prefix=PREFIX))
    files.lock_folder(str(home))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.chown(home, NUMBER, NUMBER)
    words = (f"setpriv --reuid={NUMBER} --regid={NUMBER} --clear-groups "
             f"env HOME={home} PATH={home}/bin:{os.environ['PATH']}")
    install(home)
    done = subprocess.run([*words.split(), "contain-lab", "image", "bootstrap", "busybox"], capture_output=True,
                          text=True, check=False, cwd="/")
    if done.returncode:
        raise Refused(f"ordinary_user: {done.stderr.strip() or done.stdout.strip()}", "contain-lab doctor says more")
    _words.append(words)
    return words


_words: list[str] = []  # what was made for this kernel


def sweep() -> list[str]:
    """Remove the homes of kernels that were killed; their names."""
    return [home.name for home in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _removed(home)]


def _removed(home: Path) -> bool:
    try:
        handle = files.lock_folder(str(home))
    except OSError:  # gone meanwhile, or another user's
        return False
    if handle is None:
        return False
    shutil.rmtree(home, ignore_errors=True)
    os.close(handle)
    return True


def install(home: Path) -> None:
    """Give the user a copy of the package: ours may lie where nobody else may read."""
    place = home / "lib"
    shutil.copytree(Path(contain_lab.__file__).parent, place / "contain_lab",
                    ignore=shutil.ignore_patterns("__pycache__", "labkit"))
    script = home / "bin/contain-lab"
    script.parent.mkdir()
    script.write_text(SCRIPT.format(python=os.path.realpath("/usr/bin/python3"), place=place))
    script.chmod(0o755)
