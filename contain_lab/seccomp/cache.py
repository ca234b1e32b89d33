"""Programs are kept by the content of their profile, so that the second container with a profile compiles nothing.

A file holds a digest and the program, both in hexadecimal. Invariants: its name is the digest of all that the program
depends on, so nothing that is kept grows old; what others may write, or is another user's, is refused; a file that is
damaged is made anew; and where none can be kept, the program is used all the same.
"""

import os
from _blake2 import blake2b  # what hashlib has, without the 1.5 ms of hashlib

from contain_lab import files
from contain_lab.errors import ContainLabError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.seccomp.rules import Profile

VERSION = 1  # to be raised whenever the compiler makes another program of the same profile; a test sees to it


def cached_program(profile: "Profile", folder: str, machine: str) -> bytes:
    """The program of a profile, from the folder or made and left there. Errors: as the compiler's; ContainLabError."""
    path = f"{folder}/{digest(repr((VERSION, machine, profile)))}"
    kept = read(folder, path)
    if kept:
        return kept
    from contain_lab.seccomp import compiler  # it and its tables cost more than reading the file

    program = compiler.compile_profile(profile, machine)
    keep(folder, path, program)
    return program


def digest(text: str) -> str:
    """32 hexadecimal digits that stand for a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def read(folder: str, path: str) -> bytes:
    """The program in a file, b"" where there is none or it is damaged. Errors: ContainLabError if others may write."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return b""
    try:
        check_owner(path, os.fstat(handle))
        check_owner(folder, os.stat(folder))
        text = os.read(handle, 1 << 17).decode("ascii", "replace")  # 4096 instructions are 2^16 digits
    finally:
        os.close(handle)
    head, body = text[:32], text[32:]
    return bytes.fromhex(body) if body and digest(body) == head else b""


def check_owner(path: str, found: os.stat_result) -> None:
    """Refuse what is not ours alone: whoever could write it would choose what a container may do."""
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise ContainLabError(f"{path}: others may write here, so no seccomp filter is taken from it", f"remove {path}")


def keep(folder: str, path: str, program: bytes) -> None:
    """Leave a program in the folder, whole or not at all; a full or read-only disk costs speed and nothing else."""
    body = program.hex()
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
        files.write(path, f"{digest(body)}{body}")
    except OSError:
        return
