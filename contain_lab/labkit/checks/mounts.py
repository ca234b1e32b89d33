"""Mounts: propagation, a new /proc, read-only paths. man: mount_namespaces(7), fsopen(2), mount_setattr(2)."""

import os

from contain_lab import rootfs, syscalls
from contain_lab.labkit.checks.root import identity_inside
from contain_lab.labkit.looking import mount_table
from contain_lab.labkit.sandbox import Failed
from contain_lab.syscalls import CLONE_NEWNS, MS_BIND, MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE, MS_UNBINDABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain_lab.labkit.judge.process import Judge
    from contain_lab.labkit.looking.mount_table import Mount
    from contain_lab.labkit.sandbox import Sandbox

UNBINDABLE = "/closed"  # a mount of every root that the kernel lets nobody copy
INNER = "/etc/inner"  # a file system is mounted there, in every root
SHARED, ROOT = "/tmp/shared", "/tmp/box/root"  # the table's example arguments
OPTIONS = ("nosuid", "noexec", "nodev")
KINDS = {MS_PRIVATE: "private", MS_SLAVE: "slave", MS_SHARED: "shared"}


# ---- what stands in the sandbox

def arrange_shared(*places: str) -> None:
    """A mount that is shared at each place, and another one in it."""
    for place in places:
        os.mkdir(place)
        rootfs.mount_tmpfs("/", place, ("size=64k",))
        rootfs.mount_tmpfs("/", f"{place}/below", ("size=64k",))
        syscalls.mount(None, place, None, MS_REC | MS_SHARED)


def arrange_root(root: str) -> None:
    """A root as an image has it, with links that lead out of it, and a folder outside that they lead to."""
    outside = f"{os.path.dirname(root)}/outside"
    os.makedirs(root)
    syscalls.mount(root, root, None, MS_BIND)
    for folder in (f"{root}/proc", root + INNER, f"{root}{outside}/proc", f"{outside}/proc"):
        os.makedirs(folder)
    for file in (f"{root}/etc/passwd", f"{root}{outside}/passwd", f"{outside}/passwd"):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT))
    for link in ("link", "linked-proc"):
        os.symlink(outside, f"{root}/{link}")
    for place in (INNER, UNBINDABLE):
        rootfs.mount_tmpfs("/", root + place, ("size=64k",))


def close(root: str) -> None:
    """Let nobody copy the mount at UNBINDABLE. A copy of the mount namespace would forget it."""
    syscalls.mount(None, root + UNBINDABLE, None, MS_UNBINDABLE)


SCENES: "dict[str, dict[str, Any]]" = {
    "set_propagation": {"apart": CLONE_NEWNS, "arrange": lambda: arrange_shared(SHARED)},
    "mount_proc": {"apart": CLONE_NEWNS, "arrange": lambda: arrange_root(ROOT)},
    "make_path_readonly": {"apart": CLONE_NEWNS, "arrange": lambda: arrange_root(ROOT)},
}


# ---- what a Build cell tells of a trial

def show_propagation(box: "Sandbox") -> list[tuple[str, str]]:
    """What the two mounts of the example exchange with their peers."""
    table = mount_table.seen(box.student)
    return [(mount.place.removeprefix("/tmp/"), kind_of(mount)) for mount in table if mount.place.startswith(SHARED)]


def show_root(box: "Sandbox") -> list[tuple[str, str]]:
    """The mounts below the root of the example."""
    there = [mount for mount in mount_table.seen(box.student) if mount.place.startswith(f"{ROOT}/")]
    words = [f"{mount.place.removeprefix(ROOT)} ({mount.kind}, {mount.options[0]})" for mount in there]
    return [("in root", ", ".join(words) or "no mount")]


SHOWN: "dict[str, Callable[[Sandbox], list[tuple[str, str]]]]" = {
    "set_propagation": show_propagation, "mount_proc": show_root, "make_path_readonly": show_root}


def kind_of(mount: "Mount") -> str:
    """The propagation of a mount, in one word."""
    words = {peer.partition(":")[0] for peer in mount.peers}
    return "shared" if "shared" in words else "slave" if "master" in words else "private"


# ---- propagation

def propagation(judge: "Judge") -> dict[str, object]:
    """set_propagation(path, flag): every mount at and below path has it, and no other mount has changed."""
    places = [f"/tmp/{judge.fresh_name(start)}" for start in ("host", "second")]
    with judge.sandbox(apart=CLONE_NEWNS, arrange=lambda: arrange_shared(*places)) as box:
        for place, flag in zip(places, (MS_PRIVATE, MS_SLAVE), strict=True):
            before = {mount.id: mount for mount in mount_table.seen(box.student)}
            box.must("set_propagation", place, flag)
            _look_at_propagation(mount_table.seen(box.student), before, place, KINDS[flag])
        box.must_refuse("set_propagation", f"{places[0]}/not/there", MS_PRIVATE,
                        where="called with a path that is not there (ENOENT)")
    return {}


def _look_at_propagation(table: "list[Mount]", before: "dict[int, Mount]", place: str, kind: str) -> None:
    values = {"place": place, "kind": kind}
    if new := [mount.place for mount in table if mount.id not in before]:
        raise Failed("mounts.propagation.mounted", places=", ".join(new), **values)
    changed = [mount.place for mount in table if kind_of(mount) != kind_of(before[mount.id])]
    if others := [other for other in changed if not f"{other}/".startswith(f"{place}/")]:
        raise Failed("mounts.propagation.more", places=", ".join(sorted(others)), **values)
    mine = {mount.place: kind_of(mount) for mount in table if f"{mount.place}/".startswith(f"{place}/")}
    if mine[place] == "shared":
        raise Failed("mounts.propagation.unchanged", **values)
    if mine[place] != kind:
        raise Failed("mounts.propagation.other_kind", now=mine[place], **values)
    if mine[f"{place}/below"] != kind:
        raise Failed("mounts.propagation.shallow", **values)


# ---- a new /proc

def proc(judge: "Judge") -> dict[str, object]:
    """mount_proc(root, target, options): a new file system of the processes, at its place below root."""
    root = f"/tmp/{judge.fresh_name()}/root"
    with judge.sandbox(apart=CLONE_NEWNS, arrange=lambda: arrange_root(root)) as box:
        for target in ("/proc", "/mnt/processes"):
            before = mount_table.seen(box.student)
            box.must("mount_proc", root, target, OPTIONS)
            _look_at_proc(box, before, root, target)
        for target in ("/linked-proc", "/link/proc"):
            _look_at_link(box, root, target)
        box.must_refuse("mount_proc", root, "/etc/passwd", OPTIONS, closes=False,
                        where="called with the path of a file, where no file system can be mounted (ENOTDIR)")
    return {}


def _look_at_link(box: "Sandbox", root: str, target: str) -> None:
    """A link is the target, or on the way to it: the step must refuse."""
    before = mount_table.seen(box.student)
    said = box.call("mount_proc", root, target, OPTIONS)
    if new := _new(box, before):
        outside = [mount.place for mount in new if not mount.place.startswith(f"{root}/")]
        places = ", ".join(outside or [mount.place.removeprefix(root) for mount in new])
        raise Failed("mounts.proc.outside" if outside else "mounts.proc.followed", target=target, places=places)
    if "raised" not in said:
        raise Failed("mounts.proc.silent", target=target)


def _new(box: "Sandbox", before: "list[Mount]") -> "list[Mount]":
    """The mounts that the student's process has, and had not before."""
    known = {mount.id for mount in before}
    return [mount for mount in mount_table.seen(box.student) if mount.id not in known]


def _look_at_proc(box: "Sandbox", before: "list[Mount]", root: str, target: str) -> None:
    new, values = _new(box, before), {"root": root, "target": target}
    if not new:
        raise Failed("mounts.proc.nothing", **values)
    if not (mine := [mount for mount in new if mount.place == root + target]):
        raise Failed("mounts.proc.elsewhere", places=", ".join(mount.place for mount in new), **values)
    if mine[-1].kind != "proc":
        raise Failed("mounts.proc.other_kind", kind=mine[-1].kind, **values)
    if mine[-1].device in {mount.device for mount in before}:
        raise Failed("mounts.proc.bound", **values)
    if mine[-1].source not in ("proc", "none"):  # none: it was given no name
        raise Failed("mounts.proc.source", source=mine[-1].source, **values)
    if missing := [option for option in OPTIONS if option not in mine[-1].options]:
        raise Failed("mounts.proc.options", missing=", ".join(missing), **values)


# ---- read-only paths

def readonly(judge: "Judge") -> dict[str, object]:
    """make_path_readonly(root, path): path and all below it refuse to be written, and nothing else does."""
    root = f"/tmp/{judge.fresh_name()}/root"
    outside = f"{os.path.dirname(root)}/outside"
    with judge.sandbox(apart=CLONE_NEWNS, arrange=lambda: arrange_root(root), prepare=lambda: close(root)) as box:
        opened = box.descriptors(box.student)
        for path, real in (("/etc", "/etc"), ("/link/passwd", f"{outside}/passwd")):
            before = mount_table.seen(box.student)
            was = identity_inside(box, root + real)
            box.must("make_path_readonly", root, path)
            mine = _look_at_readonly(box, before, root, path, real)
            if identity_inside(box, root + real) != was:
                raise Failed("mounts.readonly.other_content", path=path)
            below = {mount.place.removeprefix(root): mount.options for mount in mount_table.seen(box.student)
                     if mount.parent == mine.id}
            if path == "/etc" and INNER not in below:
                raise Failed("mounts.readonly.covered", path=path, below=INNER)
            if writable := [place for place, options in below.items() if "ro" not in options]:
                raise Failed("mounts.readonly.shallow", path=path, below=writable[0])
        said = box.call("make_path_readonly", root, "/not/there")
        if "raised" in said:
            failure = box.refused(said, "make_path_readonly")
            raise Failed("mounts.readonly.missing", **failure.values) if failure.message == "raised" else failure
        if left := box.descriptors(box.student) - opened:
            raise Failed("mounts.readonly.descriptor", count=len(left))
        box.must_refuse("make_path_readonly", root, UNBINDABLE, closes=False,
                        where="called with a mount that may not be copied (EINVAL: it is unbindable)")
    return {}


def _look_at_readonly(box: "Sandbox", before: "list[Mount]", root: str, path: str, real: str) -> "Mount":
    was, table = {mount.id: mount.options for mount in before}, mount_table.seen(box.student)
    if changed := [mount.place for mount in table if mount.options != was.get(mount.id, mount.options)]:
        raise Failed("mounts.readonly.more", path=path, places=", ".join(changed))
    new = [mount for mount in table if mount.id not in was]
    if outside := [mount.place for mount in new if not mount.place.startswith(f"{root}/")]:
        raise Failed("mounts.readonly.outside", path=path, places=", ".join(outside))
    mine = [mount for mount in new if mount.place == root + real]
    if not mine:
        raise Failed("mounts.readonly.nothing", path=path, real=real)
    if "ro" not in mine[-1].options:
        raise Failed("mounts.readonly.writable", path=path)
    return mine[-1]


# ---- all of it

def container(judge: "Judge") -> dict[str, object]:
    """A container started with the student's steps hears nobody, has its own /proc, and cannot write /proc/sys."""
    with judge.container(arrange=share_all) as box:
        outside = mount_table.seen(box.init)
        pid = box.start(not_started="mounts.container.step_failed")
        table = {mount.place: mount for mount in mount_table.seen(pid)}
        _look_at_container(table, outside)
    return {}


def share_all() -> None:
    """Let the sandbox be as a machine that systemd has started."""
    syscalls.mount(None, "/", None, MS_REC | MS_SHARED)


def _look_at_container(table: "dict[str, Mount]", outside: "list[Mount]") -> None:
    if heard := [mount.place for mount in table.values() if mount.peers]:
        raise Failed("mounts.container.heard", places=", ".join(sorted(heard)[:4]), kind=kind_of(table[heard[0]]))
    if "/proc" not in table or table["/proc"].kind != "proc":
        raise Failed("mounts.container.no_proc")
    if table["/proc"].device in {mount.device for mount in outside}:
        raise Failed("mounts.container.host_proc")
    if "/proc/sys" not in table or "ro" not in table["/proc/sys"].options:
        raise Failed("mounts.container.writable")


CHECKS = {"mounts.propagation": propagation, "mounts.proc": proc, "mounts.readonly": readonly,
          "mounts.container": container}
