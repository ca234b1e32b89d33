"""The repository inside a machine: a copy in /contain_lab, which each command brings up to date. And results, back.

What was sent is written down by path, time, size and mode; what differs from that is sent again, as a tar on the input
of tar inside. What is made inside stays there, until it is fetched.
"""

import json
import os
import shutil
import tarfile
import tempfile
from typing import IO

from contain_lab import files
from contain_lab.errors import ContainLabError
from contain_lab.vm import recipe
from contain_lab.vm.session import FOLDER, Session

LEFT_OUT = {".git", ".venv", "__pycache__", ".ipynb_checkpoints", ".contain_lab", ".vagrant"}

Listing = dict[str, list[int]]


def listing(root: str) -> Listing:
    """What there is of a repository: path -> time of change (ns), size, mode."""
    found = {}
    for top, folders, names in os.walk(root):
        folders[:] = [each for each in folders if each not in LEFT_OUT and not each.endswith(("_cache", ".egg-info"))]
        for name in names:
            about = os.lstat(os.path.join(top, name))
            found[os.path.relpath(os.path.join(top, name), root)] = [about.st_mtime_ns, about.st_size, about.st_mode]
    return found


def send(session: Session, sent: str) -> int:
    """Bring the copy inside up to date; how many files were sent. sent: the file that says what is inside."""
    root = recipe.repository()
    before: Listing = json.loads(files.get(sent)) if os.path.exists(sent) else {}
    now = listing(root)
    changed = [path for path in now if now[path] != before.get(path)]
    gone = [path for path in before if path not in now]
    for start in range(0, len(gone), 100):
        _in_there(session, ["rm", "-f", "--", *gone[start:start + 100]])
    if changed:
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                for path in changed:
                    tar.add(os.path.join(root, path), path, recursive=False, filter=_as_roots)
            file.seek(0)
            _in_there(session, ["tar", "-x", "-f", "-"], file.fileno())
    if changed or gone or not before:
        files.write(sent, json.dumps(now))
    return len(changed)


def fetch(session: Session, path: str, target: str) -> None:
    """Bring a file or a folder out of a machine, into a folder here. Errors: ContainLabError."""
    with tempfile.TemporaryFile() as file:
        with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as said:
            folder, name = os.path.split(path.rstrip("/"))
            code = session.run(["tar", "-c", "-C", folder or ".", "--", name],
                               handles=(nothing.fileno(), file.fileno(), said.fileno()))
            said.seek(0)
            if code:
                reason = said.read().decode(errors="replace").strip()
                raise ContainLabError(f"machine '{session.name}': {path}: {reason}")
        file.seek(0)
        unpack(file, target)


def unpack(file: IO[bytes], target: str) -> int:
    """Unpack the files of a tar that a machine sent, and nothing else; how many. Its paths are opened below target."""
    count = 0
    with tarfile.open(fileobj=file) as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.isreg() else None
            if content is not None:
                handle = files.make_in_root(target, entry.name, directory=False)
                with content, open(f"/proc/self/fd/{handle}", "wb") as written:
                    shutil.copyfileobj(content, written)
                    os.fchmod(written.fileno(), entry.mode & 0o755 | 0o600)
                os.close(handle)
                count += 1
    return count


def _as_roots(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _in_there(session: Session, argv: list[str], stdin: int = -1) -> None:
    with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as said:
        stdin = nothing.fileno() if stdin < 0 else stdin
        code = session.run(argv, FOLDER, handles=(stdin, said.fileno(), said.fileno()))
        said.seek(0)
        if code:
            raise ContainLabError(f"machine '{session.name}': the repository could not be brought in: "
                                  f"{said.read().decode(errors='replace').strip() or argv[0]}")
