"""The ids of the sandbox: its root is nobody on the machine. man: user_namespaces(7), setresuid(2).

systemd's table of ids (https://systemd.io/UIDS-GIDS) leaves 0x70000000 to 0x7FFDFFFF to nobody: no user, no service,
no subordinate range and no container of nspawn has one of these. Root of the sandbox is FIRST there, so what the
machine's root alone may read or write (/etc/shadow, most of /proc/sys) is closed to it, and what belongs to a
namespace of its own (net.*, kernel.msg*, its uid_map) is open. In a user namespace that lacks these ids, the upper
half of what it has is taken; an ordinary user has one id, and the sandbox's root is that user.
"""

import os

from contain_lab import files, syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    Ids = tuple[int, int]

FIRST, COUNT = 0x70000000, 65536


def choose(kind: str) -> "Ids":
    """The ids for a sandbox, of our user namespace: (first, how many). kind: "uid" or "gid"."""
    return pick(files.get(f"/proc/self/{kind}_map"))


def pick(id_map: str) -> "Ids":
    """The same, of the text of a uid_map or gid_map."""
    ranges = [(int(first), int(count)) for first, _, count in map(str.split, id_map.splitlines())]
    if any(first <= FIRST and first + count >= FIRST + COUNT for first, count in ranges):
        return FIRST, COUNT
    first, count = max(ranges, key=lambda each: each[1])
    return first + count // 2, min(COUNT, count - count // 2)


def map_ids(pid: int) -> None:
    """Give the user namespace of a child of ours its ids."""
    for kind in ("uid", "gid"):
        first, count = choose(kind)
        files.put(f"/proc/{pid}/{kind}_map", f"0 {first} {count}")


held: list[int] = []


def hold() -> int:
    """A user namespace with these ids, for idmapped mounts: its descriptor, one for all. man: mount_setattr(2)."""
    if held:
        return held[0]
    hear, say = os.pipe()
    pid = syscalls.clone3(syscalls.CLONE_NEWUSER)
    if pid == 0:
        os.close(say)
        os.read(hear, 1)
        os._exit(0)
    try:
        map_ids(pid)
        held.append(os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC))
        return held[0]
    finally:
        os.close(say)
        os.close(hear)
        os.waitpid(pid, 0)


def take_ids() -> None:
    """Be root of the sandbox: the ids, the groups and the keys that came from the machine are given up.

    A change of ids closes /proc/PID to its own user (PR_SET_DUMPABLE, prctl(2)), so that is opened again.
    """
    if files.get("/proc/self/setgroups").strip() == "allow":
        os.setgroups(())
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    try:
        syscalls.keyctl(syscalls.KEYCTL_JOIN_SESSION_KEYRING)  # who has the old one may use its keys, whatever the id
    except OSError:
        return  # a kernel without keys, or a filter: then a step has no way to them, either


def stand_apart() -> None:
    """Move the judge into a mount namespace of its own; an ordinary user into a user namespace first, as its root."""
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.CLONE_NEWNS | (syscalls.CLONE_NEWUSER if uid else 0))
    if uid:
        files.put("/proc/self/setgroups", "deny")  # the kernel's condition for a gid_map without privileges
        files.put("/proc/self/uid_map", f"0 {uid} 1")
        files.put("/proc/self/gid_map", f"0 {gid} 1")
    syscalls.mount(None, "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
