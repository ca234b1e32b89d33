"""Root: a folder made a mount, and the pivot onto it. man: pivot_root(2), open_tree(2), chroot(2)."""

import os

from contain_lab import rootfs, syscalls
from contain_lab.labkit.looking import mount_table
from contain_lab.labkit.sandbox import Failed
from contain_lab.syscalls import CLONE_NEWNS, MS_BIND, MS_REC

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from contain_lab.labkit.judge.process import Judge
    from contain_lab.labkit.sandbox import Sandbox

EXAMPLE = "/tmp/box/root"  # the table's example argument
BELOW = "data"  # a file system is mounted there, in every root
PLAIN = "/plain"  # a folder of every root that is no mount
EBUSY, EINVAL = 16, 22


def arrange(*roots: str, mounted: bool = False) -> None:
    """Folders that could be a container's root, with another file system mounted in each; mounted: they are mounts."""
    for root in roots:
        os.makedirs(root + PLAIN)
        os.makedirs(f"{root}/{BELOW}")
        os.close(os.open(f"{root}/a-file", os.O_WRONLY | os.O_CREAT))
        rootfs.mount_tmpfs("/", f"{root}/{BELOW}", ("size=64k",))
        if mounted:
            syscalls.mount(root, root, None, MS_BIND | MS_REC)


SCENES: "dict[str, dict[str, Any]]" = {
    "bind_rootfs": {"apart": CLONE_NEWNS, "arrange": lambda: arrange(EXAMPLE)},
    "pivot_into_rootfs": {"apart": CLONE_NEWNS, "arrange": lambda: arrange(EXAMPLE, mounted=True)},
}


# ---- what a Build cell tells of a trial

def show_bind(box: "Sandbox") -> list[tuple[str, str]]:
    """Whether the folder is a mount."""
    there = [mount for mount in mount_table.seen(box.student) if mount.place == EXAMPLE]
    return [("the folder", "a mount of its own" if there else "no mount")]


def show_pivot(box: "Sandbox") -> list[tuple[str, str]]:
    """What / is, and whether the root of before is still mounted."""
    old = identity(f"/proc/{box.init}/root")
    others = [mount for mount in mount_table.whole(box.student) if mount.shown == "/" and mount.place == "/"]
    mine = identity(f"/proc/{box.student}/root")
    return [("/ is", "the host's" if mine == old else "the new root"),
            ("old root", "mounted" if others or mine == old else "gone")]


SHOWN: "dict[str, Callable[[Sandbox], list[tuple[str, str]]]]" = {
    "bind_rootfs": show_bind, "pivot_into_rootfs": show_pivot}


def identity(path: str) -> tuple[int, int]:
    """Device and inode of what a path leads to: two paths with the same lead to one directory."""
    found = os.stat(path)
    return found.st_dev, found.st_ino


def identity_inside(box: "Sandbox", path: str) -> tuple[int, int]:
    """The same for a path of the student's process, whose links lead nowhere out of it; (0, 0) where nothing is."""
    try:
        found = box.stat(box.student, path)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


# ---- the checks

def bind(judge: "Judge") -> dict[str, object]:
    """bind_rootfs(root): root is a mount that shows what the folder shows, with all that is mounted below it."""
    roots = [f"/tmp/{judge.fresh_name(start)}/root" for start in ("box", "second")]
    with judge.sandbox(apart=CLONE_NEWNS, arrange=lambda: arrange(*roots)) as box:
        for root in roots:
            before, was = mount_table.seen(box.student), identity_inside(box, root)
            opened = box.descriptors(box.student)
            box.must("bind_rootfs", root)
            _look_at_mounts(box, root, before, was)
            if left := box.descriptors(box.student) - opened:
                raise Failed("root.bind.descriptor", count=len(left))
        box.must_refuse("bind_rootfs", f"{roots[0]}/not/there", where="called with a path that is not there (ENOENT)")
    return {}


def _look_at_mounts(box: "Sandbox", root: str, before: "list[mount_table.Mount]", was: tuple[int, int]) -> None:
    known = {mount.id for mount in before}
    table = mount_table.seen(box.student)
    new = [mount for mount in table if mount.id not in known]
    if not new:
        raise Failed("root.bind.nothing", root=root)
    mine = [mount for mount in new if mount.place == root]
    if not mine:
        raise Failed("root.bind.elsewhere", root=root, places=", ".join(sorted({mount.place for mount in new})))
    if identity_inside(box, root) != was:
        raise Failed("root.bind.other_content", root=root, kind=mine[-1].kind, shown=mine[-1].shown)
    if not [mount for mount in table if mount.place == f"{root}/{BELOW}" and mount.parent == mine[-1].id]:
        raise Failed("root.bind.shallow", root=root, below=BELOW)
    if changed := {"ro", "nosuid", "nodev", "noexec"} & set(mine[-1].options) - _options_at(before, root):
        raise Failed("root.bind.options", root=root, options=", ".join(sorted(changed)))


def _options_at(table: "list[mount_table.Mount]", path: str) -> set[str]:
    """The options of the mount that a path lies on."""
    above = [mount for mount in table if path.startswith(mount.place.rstrip("/") + "/")]
    return set(max(above, key=lambda mount: len(mount.place)).options)


def pivot(judge: "Judge") -> dict[str, object]:
    """pivot_into_rootfs(root): root is the root of the mount namespace, and nothing of the old one is mounted."""
    root = f"/tmp/{judge.fresh_name()}/root"
    with judge.sandbox(apart=CLONE_NEWNS, arrange=lambda: arrange(root, mounted=True)) as box:
        before, new = mount_table.seen(box.student), identity_inside(box, root)
        said = box.call("pivot_into_rootfs", root)
        if "raised" in said:
            failure = box.refused(said, "pivot_into_rootfs")
            if failure.message == "raised" and said.get("errno") in (EBUSY, EINVAL):
                raise Failed("root.pivot.refused", **failure.values, root=root)
            raise box.explained(failure)
        look_at_root(box, box.student, before, root, new)
        box.must_refuse("pivot_into_rootfs", PLAIN, closes=False,
                        where="called a second time, with a plain folder, which is no mount")
    return {}


def look_at_root(box: "Sandbox", pid: int, before: "list[mount_table.Mount]", root: str,
                 new: tuple[int, int]) -> None:
    """See whether a process that had these mounts is rooted in root, and whether the old root has gone."""
    old = next(mount.id for mount in before if mount.place == "/")
    kept = mount_table.below(before, [mount.id for mount in before if mount.place == root][-1])
    now, space = identity(f"/proc/{pid}/root"), mount_table.whole(pid)
    if now != new:
        same = now == identity(f"/proc/{box.init}/root")
        raise Failed("root.pivot.unchanged" if same else "root.pivot.elsewhere", root=root)
    there = {mount.id: mount for mount in space}
    if old in there:
        place = there[old].place
        if place == "/" and kept & there.keys():
            raise Failed("root.pivot.chroot", root=root, count=len(space))
        raise Failed("root.pivot.old_root", place="/.." if place == "/" else place, count=len(space) - len(kept))
    if old in {mount.parent for mount in space}:
        raise Failed("root.pivot.covered", root=root)
    if lost := kept - there.keys():
        raise Failed("root.pivot.lost", root=root, places=", ".join(
            sorted({mount.place.removeprefix(root) or "/" for mount in before if mount.id in lost})))
    if identity(f"/proc/{pid}/cwd") != new:
        raise Failed("root.pivot.cwd", root=root)


def container(judge: "Judge") -> dict[str, object]:
    """A container that the runtime starts with the student's steps is rooted in the image, and in nothing else."""
    with judge.container(layered=False) as box:
        pid = box.start(not_started="root.container.step_failed")
        if identity(f"/proc/{pid}/root") != identity(box.rootfs):
            raise Failed("root.container.other_root", shows=", ".join(sorted(os.listdir(f"/proc/{pid}/root"))[:6]))
        mine, space = mount_table.seen(pid), mount_table.whole(pid)
        known = {mount.id for mount in mine if mount.place == "/" or mount.place.startswith(OWN)}
        if left := [mount.place for mount in space if mount.id not in known]:
            raise Failed("root.container.host_mounted", count=len(left), places=", ".join(sorted(set(left))[:4]))
    return {}


OWN = ("/proc", "/dev", "/sys")  # what the default config mounts in a container


CHECKS = {"root.bind": bind, "root.pivot": pivot, "root.container": container}
