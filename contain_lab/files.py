"""Files that nothing can half-write or lead astray: atomic writes, locks, paths opened below a root, JSON.

man: open(2), openat2(2), flock(2), rename(2). Invariants:
- a file is there whole or not at all: it is written beside its place and renamed over it;
- a path that an image or a volume can influence is opened below its root, by the kernel (`openat2` with
  RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS), never joined to it as text;
- the OCI command line reads JSON on its way to execve: the C scanner under `json` alone (`json` costs 5 ms).
"""

import errno
import fcntl
import os

from contain_lab.errors import InvalidConfig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Json = dict[str, Any]


# ---- where things are

def data_dir() -> str:
    """The folder of what stays: images and containers' files. $CONTAIN_LAB_DATA names another."""
    return os.environ.get("CONTAIN_LAB_DATA") or _place("/var/lib", "XDG_DATA_HOME", "~/.local/share")


def state_dir() -> str:
    """The folder of what runs, gone after a boot. $CONTAIN_LAB_STATE names another."""
    return os.environ.get("CONTAIN_LAB_STATE") or _place("/run", "XDG_RUNTIME_DIR", "~/.cache")


def oci_dir() -> str:
    """The folder of the states of the OCI command line; an engine passes no variables of ours on, so none names it."""
    return f"{_place('/run', 'XDG_RUNTIME_DIR', '~/.cache')}/oci"


def is_machines_root() -> bool:
    """Whether we are root of the machine, and not of a user namespace alone. man: user_namespaces(7)."""
    try:
        return os.geteuid() == 0 and get("/proc/self/uid_map").split() == ["0", "0", "4294967295"]
    except FileNotFoundError:  # a kernel without user namespaces, or no /proc here
        return True


def _place(system: str, variable: str, home: str) -> str:
    if is_machines_root():
        return f"{system}/contain_lab"
    return f"{os.environ.get(variable) or os.path.expanduser(home)}/contain_lab"


# ---- writing

def write(path: str, text: str, mode: int = 0o600) -> None:
    """Write a file atomically: whole, or not at all. Errors: OSError, with nothing left of it."""
    beside = f"{path}.cl-{os.getpid()}"
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode), "w",
                  encoding="utf-8") as file:
            file.write(text)
        os.replace(beside, path)
    except BaseException:
        if os.path.lexists(beside):
            os.unlink(beside)
        raise


def put(path: str, text: str) -> None:
    """Write text into a file that the kernel made (of /proc, of a cgroup): one write(2), no new file."""
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(handle)


def get(path: str) -> str:
    """What a file says, as text."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


# ---- locks

def lock(path: str, wait: bool = False, shared: bool = False) -> int | None:
    """Take the lock of a file, made if it is not there: its descriptor, or None where another holds it (flock(2)).

    shared: only ask whether it is free; those who ask at the same time do not see each other.
    """
    return _take(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), wait, shared)


def lock_folder(path: str, wait: bool = False, shared: bool = False) -> int | None:
    """As `lock`, of a folder that is there, by itself: who removes it holds the lock to the end. Errors: OSError."""
    return _take(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), wait, shared)


def _take(handle: int, wait: bool, shared: bool) -> int | None:
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


class Alone:
    """The lock of a folder, which is made if it is not there: `with files.Alone(folder):` nobody else is in it.

    What is made in there and locked itself has no lock for a moment, and what sweeps there takes what has none.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        os.makedirs(self.folder, 0o700, exist_ok=True)
        self.handle = lock(f"{self.folder}/lock", wait=True)

    def __exit__(self, *error: object) -> None:
        let_go(self.handle)


def let_go(handle: int | None) -> None:
    """Give back a lock, where one is held."""
    if handle is not None:
        os.close(handle)


# ---- below a root

def open_in_root(root: int | str, path: str, flags: int = os.O_PATH, mode: int = 0) -> int:
    """Open a path as a process would whose root is `root`: no `..` and no symbolic link leads out of it.

    root: a directory, or a descriptor of one. Returns a descriptor, closed on execve. man: openat2(2).
    """
    if isinstance(root, int):
        return _open_safely(root, path, flags | os.O_CLOEXEC, mode)
    handle = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _open_safely(handle, path, flags | os.O_CLOEXEC, mode)
    finally:
        os.close(handle)


def _open_safely(root: int, path: str, flags: int, mode: int) -> int:
    """openat2 with our rules. EAGAIN says that something was renamed or mounted meanwhile, anywhere: so again."""
    from contain_lab import syscalls  # ctypes costs 1.3 ms, which the verbs that mount nothing need not pay

    for _ in range(128):
        try:
            return syscalls.openat2(root, path, flags, mode, syscalls.RESOLVE_IN_ROOT_SAFELY)
        except BlockingIOError:
            continue
    return syscalls.openat2(root, path, flags, mode, syscalls.RESOLVE_IN_ROOT_SAFELY)


def make_in_root(root: str, path: str, directory: bool = True) -> int:
    """Open a path below a root, and make what is missing of it, part by part; a descriptor (O_PATH).

    directory: whether its last part is a directory or an empty file. Used for the places that mounts go to. A link
    that leads to nothing is followed, and what is missing is made where it leads: below the root, too.
    """
    done, parts, links = "", _parts(path), 0
    while parts:
        part = parts.pop(0)
        try:
            os.close(open_in_root(root, f"{done}/{part}"))
        except FileNotFoundError:
            target = _make_one(root, done or "/", part, directory or bool(parts))
            if target:
                parts, links, done = _parts(target) + parts, links + 1, "" if target[0] == "/" else done
                if links > MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None
                continue
        done += f"/{part}"
    return open_in_root(root, done or "/")


MAX_LINKS = 40  # as the kernel has it: path_resolution(7)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _make_one(root: str, folder: str, name: str, directory: bool) -> str:
    """Make a directory or a file in a folder below the root; where a link has the name already, where it leads."""
    parent = open_in_root(root, folder)
    try:
        if directory:
            os.mkdir(name, 0o755, dir_fd=parent)
        else:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644,
                             dir_fd=parent))
    except FileExistsError:
        return os.readlink(name, dir_fd=parent)
    finally:
        os.close(parent)
    return ""


# ---- JSON, with the C parts of `json` alone

SPACE = " \t\r\n"


def parse_json(text: str, name: str) -> "Json":
    """A JSON object. Errors: InvalidConfig that says `name`, line and column."""
    try:
        value, end = _scanner()(text, len(text) - len(text.lstrip(SPACE)))
    except (StopIteration, SystemError, TypeError, ValueError, RecursionError):  # oddly at its end, and at NaN
        value, end = None, 0
    if not isinstance(value, dict) or text[end:].strip(SPACE):
        raise _malformed(text, name)
    return value


def _scanner() -> "Callable[[str, int], tuple[Any, int]]":
    from _json import make_scanner  # 0.2 ms, where json itself costs 5.6

    class Context:
        strict, object_hook, object_pairs_hook, parse_float, parse_int = True, None, None, float, int
        parse_constant: object = None
        memo: dict[str, str] = {}

    return make_scanner(Context)  # type: ignore[arg-type]  # typeshed has no word of the context's form


def _malformed(text: str, name: str) -> InvalidConfig:
    import json  # only on the way to an error message

    def refuse(constant: str) -> None:
        raise ValueError(f"nothing in JSON is called {constant}")

    try:
        json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        return InvalidConfig(f"{name}: not valid JSON: {str(error)[:1].lower()}{str(error)[1:]}",
                             "RFC 8259 says how it is written")
    return InvalidConfig(f"{name}: not a JSON object", "all of it is to stand in { and }")


def read_json(path: str) -> "Json":
    """The JSON object in a file. Errors: InvalidConfig naming the file, or its OSError."""
    return parse_json(get(path), path)


def dump_json(value: object) -> str:
    """A value as JSON text: dicts, lists, tuples, text, numbers, booleans and None."""
    from _json import encode_basestring_ascii as quote

    if isinstance(value, dict):
        return "{" + ", ".join(f"{quote(str(key))}: {dump_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(dump_json, value)) + "]"
    if isinstance(value, str):
        return quote(value)
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    return repr(value)
