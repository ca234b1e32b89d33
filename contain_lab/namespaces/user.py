"""User: which ids a process has, and over what its capabilities reach. man: user_namespaces(7), newuidmap(1).

A new user namespace maps no id: whoever is in it is the overflow user, 65534, with all capabilities, which reach no
further than to what that namespace owns. Its maps say which ids of the host stand behind the ids inside; each is
written once, from outside. Without privileges only the own id can be mapped; more ids are granted in /etc/subuid and
/etc/subgid, and two set-user-ID programs, newuidmap and newgidmap, write them.
"""

import os

from contain_lab import files, syscalls
from contain_lab.errors import ContainLabError, explain
from contain_lab.syscalls import CLONE_NEWUSER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Ranges = tuple[tuple[int, int, int], ...]  # (first id inside, first id outside, how many)


def deny_setgroups(pid: int) -> None:
    """Forbid a process in its user namespace to give up groups, before an ordinary user may map one."""
    files.put(f"/proc/{pid}/setgroups", "deny")


def write_id_maps(pid: int, uids: "Ranges", gids: "Ranges") -> None:
    """Say which ids of the host stand behind the ids inside: each range is (inside, outside, count)."""
    for kind, ranges in (("uid", uids), ("gid", gids)):
        lines = "".join(f"{inside} {outside} {count}\n" for inside, outside, count in ranges)
        try:
            files.put(f"/proc/{pid}/{kind}_map", lines)
        except PermissionError:  # more than our own id
            write_granted_map(kind, pid, ranges)


def become_root() -> None:
    """Become root of this user namespace, and leave the host's groups behind where that is allowed."""
    if files.get("/proc/self/setgroups") == "allow\n":
        os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


# Ours, also where a student's step has the name: what is removed and swept must not depend on it.
_deny_setgroups, _write_id_maps, _become_root = deny_setgroups, write_id_maps, become_root


# ---- ids that are granted to an ordinary user

def write_granted_map(kind: str, pid: int, ranges: "Ranges") -> None:
    """Have newuidmap (kind "uid") or newgidmap ("gid") write a map: it looks what is granted. Errors: ContainLabError.

    man: newuidmap(1).
    """
    program, told = f"new{kind}map", os.pipe()
    words = [program, str(pid), *(str(number) for each in ranges for number in each)]
    try:
        helper = os.posix_spawnp(program, words, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, told[1], 2)])
    except FileNotFoundError:
        raise ContainLabError(f"{program}: no such program, and only it can map more ids than one",
                              "install the package uidmap") from None
    finally:
        os.close(told[1])
    with open(told[0], encoding="utf-8", errors="replace") as pipe:
        said = " ".join(pipe.read().split())
    if os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1]):
        raise ContainLabError(f"{' '.join(words)}: {said.removeprefix(f'{program}: ') or 'it failed'}",
                              f"/etc/sub{kind} says which ids are granted")


def granted_ranges(text: str, name: str, number: int) -> tuple[tuple[int, int], ...]:
    """What /etc/subuid or /etc/subgid grants to a user, by name or number: (first id, how many) each. man: subuid(5).

    text: of the file. Lines that say nothing are passed over, as newuidmap does.
    """
    found = []
    for line in text.splitlines():
        owner, _, rest = line.strip().partition(":")
        first, _, count = rest.partition(":")
        if owner in (name, str(number)) and first.isdecimal() and count.isdecimal() and int(count):
            found.append((int(first), int(count)))
    return tuple(found)


def run_mapped(function: "Callable[[], object]") -> None:
    """Call a function in a process of its own, as root of a user namespace with all ids that are this user's.

    Errors: ContainLabError with what the function raised.
    """
    (ready, say), (hear, go) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            syscalls.unshare(CLONE_NEWUSER)
            os.write(say, b"-")
            os.close(go)
            if os.read(hear, 1):
                _become_root()
                function()
                code = 0
        except BaseException as error:  # noqa: BLE001  whatever it is, it is told outside
            os.write(say, ": ".join(filter(None, explain(error))).encode())
        finally:
            os._exit(code)
    os.close(say)
    os.close(hear)
    said = os.read(ready, 1)
    try:
        if said == b"-":
            map_own_ids(pid)
            os.write(go, b"-")
    finally:
        os.close(go)
        os.waitpid(pid, 0)
    with open(ready, encoding="utf-8", errors="replace") as pipe:
        if told := said.decode().strip("-") + pipe.read():
            raise ContainLabError(told)


def open_namespace(uids: "Ranges", gids: "Ranges") -> int:
    """A descriptor of a new user namespace with these maps, in which nobody is."""
    hear, say = os.pipe()
    pid = syscalls.clone3(CLONE_NEWUSER)
    if pid == 0:
        os.close(say)
        os.read(hear, 1)  # until the other end is closed, by whatever end its process comes to
        os._exit(0)
    try:
        _write_id_maps(pid, uids, gids)
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(hear)
        os.close(say)
        os.waitpid(pid, 0)


def map_own_ids(pid: int) -> None:
    """Map all ids that are this user's in the user namespace of a process."""
    uids, gids = own_maps()
    if os.geteuid() and len(gids) == 1:
        _deny_setgroups(pid)
    _write_id_maps(pid, uids, gids)


def own_maps() -> "tuple[Ranges, Ranges]":
    """The maps that this user may ask for, uids and gids: the own id as root, then the ids that are granted."""
    from shutil import which

    if not which("newuidmap") or not which("newgidmap"):
        return ((0, os.geteuid(), 1),), ((0, os.getegid(), 1),)
    return _own_map("uid", os.geteuid()), _own_map("gid", os.getegid())


def _own_map(kind: str, own: int) -> "Ranges":
    place, number = f"/etc/sub{kind}", os.geteuid()
    granted = granted_ranges(files.get(place), name_of(number), number) if os.path.exists(place) else ()
    ranges, inside = [(0, own, 1)], 1
    for first, count in granted:
        ranges.append((inside, first, count))
        inside += count
    return tuple(ranges)


def name_of(number: int) -> str:
    """The name of a user, "" for one whom /etc/passwd does not know."""
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return ""
