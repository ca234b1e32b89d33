"""Network: a namespace of its own, its loopback, and a name for it. man: network_namespaces(7), netdevice(7)."""

import fcntl
import os
import struct
from stat import S_ISLNK

from contain_lab import files
from contain_lab.labkit.looking.process import Failed
from contain_lab.syscalls import CLONE_NEWNET, CLONE_NEWUSER, CLONE_NEWUTS, IFF_UP, SIOCSIFFLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.labkit.judge.process import Judge
    from contain_lab.labkit.sandbox import Sandbox

SCENES: "dict[str, dict[str, Any]]" = {
    "bring_loopback_up": {"apart": CLONE_NEWNET},
    "name_namespace": {"neighbour": CLONE_NEWUTS | CLONE_NEWNET},
}
EXAMPLE = "/run/my-container"
IFF_RUNNING, IFF_LOWER_UP = 0x40, 0x10000  # set by the kernel, where a link is up and works
IFF_NOARP = 0x80  # changes nothing for a loopback, and is lost by whoever writes flags unread
THEIRS = "somebody's only copy\n"
NEIGHBOUR, NOBODY = 2, 1 << 21  # process numbers in the sandbox; no process has the second


def unshare(judge: "Judge") -> dict[str, object]:
    """unshare_net(): the process is in a new network namespace, and in no other new one."""
    with judge.sandbox() as box:
        before = box.namespaces(box.student)
        box.must("unshare_net")
        after = box.namespaces(box.student)
        changed = [kind for kind in before if before[kind] != after[kind]]
        if "net" not in changed:
            raise Failed("net.unshare.other_kind" if changed else "net.unshare.same", changed=", ".join(changed))
        if changed != ["net"]:
            raise Failed("net.unshare.more", changed=", ".join(changed))
        box.make_no_more("net")
        box.must_refuse("unshare_net", where="called where the kernel makes no more network namespaces (ENOSPC)")
    return {}


def loopback(judge: "Judge") -> dict[str, object]:
    """bring_loopback_up(): lo is up where the process is, and nothing else has changed."""
    with judge.sandbox(**SCENES["bring_loopback_up"]) as box:
        box.within(box.student, ("network",), _set_noarp)
        flags, outside = box.links(box.student)["lo"].flags, box.links(box.init)["lo"].flags
        place, opened = box.namespaces(box.student), box.descriptors(box.student)
        box.must("bring_loopback_up")
        if box.links(box.init)["lo"].flags != outside:
            raise Failed("net.loopback.outside")
        if box.namespaces(box.student) != place:
            raise Failed("net.loopback.moved")
        now = box.links(box.student)["lo"].flags
        if not now & IFF_UP:
            raise Failed("net.loopback.down" if now == flags else "net.loopback.other_flag", flags=hex(now))
        if lost := flags & ~now:
            raise Failed("net.loopback.lost", flags=hex(lost))
        if more := (now ^ flags) & ~(IFF_UP | IFF_RUNNING | IFF_LOWER_UP):
            raise Failed("net.loopback.more", flags=hex(more))
        if left := box.descriptors(box.student) - opened:
            raise Failed("net.loopback.descriptor", count=len(left))
    with judge.sandbox(apart=CLONE_NEWUSER) as box:
        box.must_refuse("bring_loopback_up", where="called in a network that its process has no power over (EPERM)")
    return {}


def _set_noarp() -> None:
    """One more flag for lo here."""
    from _socket import AF_INET, SOCK_DGRAM, socket

    link = socket(AF_INET, SOCK_DGRAM)
    fcntl.ioctl(link.fileno(), SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_NOARP))
    link.close()


def name(judge: "Judge") -> dict[str, object]:
    """name_namespace(pid, path): a new file stands for the network namespace; what cannot be done leaves nothing."""
    path, other, theirs = (f"/run/{judge.fresh_name('net')}{end}" for end in ("", "-two", "-three"))
    with judge.sandbox(**SCENES["name_namespace"], arrange=lambda: files.write(theirs, THEIRS)) as box:
        place, opened = box.namespaces(box.student), box.descriptors(box.student)
        box.must("name_namespace", NEIGHBOUR, path)
        _look_at_file(box, path)
        if box.namespaces(box.student) != place:
            raise Failed("net.name.moved")
        if left := box.descriptors(box.student) - opened:
            raise Failed("net.name.descriptor", count=len(left))
        _must_refuse(box, "net.name.took", NEIGHBOUR, path)
        _look_at_file(box, path)
        _must_refuse(box, "net.name.took", NEIGHBOUR, theirs)
        _look_at_theirs(box, theirs)
        _must_refuse(box, "net.name.silent", NOBODY, other)
        if os.path.lexists(_outside(box, other)):
            raise Failed("net.name.left", path=other)
    return {}


def _outside(box: "Sandbox", path: str) -> str:
    """A path of the sandbox, as the judge reaches it."""
    return f"/proc/{box.student}/root{path}"


def _look_at_file(box: "Sandbox", path: str) -> None:
    """That a file stands for the neighbour's network namespace, and what it is where it does not."""
    values = {"path": path}
    try:
        found = os.lstat(_outside(box, path))
    except FileNotFoundError:
        raise Failed("net.name.no_file", **values) from None
    if S_ISLNK(found.st_mode):
        raise Failed("net.name.link", **values)
    if os.path.samestat(found, os.stat(f"/proc/{box.neighbour}/ns/net")):
        return
    if os.path.samestat(found, os.stat(f"/proc/{box.student}/ns/net")):
        raise Failed("net.name.own", **values)
    if found.st_dev == os.stat(f"/proc/{box.neighbour}/ns/net").st_dev:
        raise Failed("net.name.other_kind", **values)
    raise Failed("net.name.file_only", **values)


def _look_at_theirs(box: "Sandbox", path: str) -> None:
    """That a file which stood there before is as it was."""
    try:
        found = files.get(_outside(box, path))
    except FileNotFoundError:
        raise Failed("net.name.removed", path=path) from None
    if found != THEIRS:
        raise Failed("net.name.changed", path=path)


def _must_refuse(box: "Sandbox", message: str, *args: object) -> None:
    """That the step raises: Failed with this message where it returns."""
    said = box.call("name_namespace", *args)
    if "raised" not in said:
        raise Failed(message)
    failure = box.refused(said, "name_namespace")
    if failure.message != "raised":
        raise failure


def container(judge: "Judge") -> dict[str, object]:
    """A container that the runtime starts with the student's steps has a network, its loopback, and a name for it."""
    path = f"/run/{judge.fresh_name('net')}"
    with judge.container() as box:
        pid = box.start(netns=path)
        if box.namespaces(pid)["net"] == box.namespaces(box.init)["net"]:
            raise Failed("net.container.same_namespace")
        if not box.links(pid)["lo"].up:
            raise Failed("net.container.down")
        seen = _outside(box, path)
        if not os.path.exists(seen):
            raise Failed("net.container.nameless", path=path)
        if not os.path.samestat(os.lstat(seen), os.stat(f"/proc/{pid}/ns/net")):
            raise Failed("net.container.other_name", path=path)
    return {}


# ---- what a Build cell tells

def links_of(box: "Sandbox") -> list[tuple[str, str]]:
    """The links where the student's process is."""
    return [("links", ", ".join(f"{name} {'up' if link.up else 'down'}"
                                for name, link in box.links(box.student).items()))]


def name_of(box: "Sandbox") -> list[tuple[str, str]]:
    """What stands at the example's path."""
    try:
        found = os.lstat(_outside(box, EXAMPLE))
    except FileNotFoundError:
        return [("the path", "nothing is there")]
    same = os.path.samestat(found, os.stat(f"/proc/{box.neighbour}/ns/net"))
    return [("the path", "it stands for the network namespace of process 2" if same else "something else is there")]


SHOWN = {"unshare_net": links_of, "bring_loopback_up": links_of, "name_namespace": name_of}
CHECKS = {"net.unshare": unshare, "net.loopback": loopback, "net.name": name, "net.container": container}
