"""A reader in the namespaces of another process: it enters, looks, and tells. man: setns(2).

The judge goes itself where it can come back from: into UTS, IPC and network namespaces, as the machine's root, who may
enter its own again. That takes microseconds. Anywhere else it sends a copy of itself, which does not come back.
"""

import os

from contain_lab import files, namespaces, syscalls
from contain_lab.errors import ContainLabError, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    Answer = dict[str, Any]  # {"value": ...}, {"trouble": ...}, or {} where there is no such process any more

RETURN = ("uts", "ipc", "network")


def look_in(pid: int, kinds: tuple[str, ...], look: "Callable[[], Any]") -> "Any":
    """What look() returns in namespaces of a process: text, numbers, lists, dicts.

    kinds: as `namespaces.KINDS` has them. Errors: ProcessLookupError where there is no such process any more,
    ContainLabError for what look raises.
    """
    comes_back = set(kinds) <= set(RETURN) and files.is_machines_root()
    said = (visit if comes_back else send)(pid, kinds, look)
    answer = files.parse_json(said.decode(errors="replace"), "reader")
    if not answer:
        raise ProcessLookupError(3, "no such process", f"/proc/{pid}")
    if "trouble" in answer:
        raise ContainLabError(f"looking at a process of the sandbox: {answer['trouble']}")
    return answer["value"]


def visit(pid: int, kinds: tuple[str, ...], look: "Callable[[], Any]") -> bytes:
    """Go, look, and come back: the answer as JSON."""
    own = places(os.getpid(), kinds)
    try:
        return tell(pid, kinds, look)
    finally:
        for place in own:
            syscalls.setns(place, 0)
            os.close(place)


def send(pid: int, kinds: tuple[str, ...], look: "Callable[[], Any]") -> bytes:
    """Send a copy of this process, and take its answer."""
    hear, say = os.pipe()
    reader = os.fork()
    if reader == 0:
        _tell_and_end(pid, kinds, look, say)
    os.close(say)
    said = b""
    while more := os.read(hear, 65536):
        said += more
    os.close(hear)
    os.waitpid(reader, 0)
    return said or b"{}"


def _tell_and_end(pid: int, kinds: tuple[str, ...], look: "Callable[[], Any]", say: int) -> "NoReturn":
    try:
        data = tell(pid, kinds, look)
        while data:
            data = data[os.write(say, data):]
    finally:
        os._exit(0)


def tell(pid: int, kinds: tuple[str, ...], look: "Callable[[], Any]") -> bytes:
    """Enter, look, and put what was seen into words."""
    answer: Answer = {}
    try:
        there = places(pid, kinds)
    except (FileNotFoundError, ProcessLookupError):
        return b"{}"
    try:
        for place in there:
            syscalls.setns(place, 0)
        answer = {"value": look()}
    except Exception as error:  # noqa: BLE001 - it is told, whatever it is
        answer = {"trouble": explain(error)[0]}
    finally:
        for place in there:
            os.close(place)
    return files.dump_json(answer).encode()


def places(pid: int, kinds: tuple[str, ...]) -> list[int]:
    """The namespaces of a process, as descriptors."""
    return [os.open(f"/proc/{pid}/ns/{namespaces.KINDS[kind][0]}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds]
