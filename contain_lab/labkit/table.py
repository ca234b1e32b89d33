"""The table of labs: which steps of which room a lab builds, which checks watch them, what they are worth.

This is the only place that says so: the generator, the checks, the magics, `doctor`, `progress` and `grade`
take their numbers from here. A test holds it against the package: every step exists, every check needs
steps that are here, and no name stands twice.

Words: a lab has a *number* ("01"), a *stem* ("01_uts", the name of its files) and a *title*. A check has a
dotted id, "<topic>.<what it looks at>". `needs` are names of `contain_lab.features`: "privileges" is root, or an
ordinary user who may make user namespaces; "root" is for what these cannot do.
"""

from __future__ import annotations

from dataclasses import dataclass

from contain_lab import syscalls
from contain_lab.errors import NotFound


@dataclass(frozen=True, slots=True)
class Step:
    """A function of a room that a student writes; `my_runtime/<room>.py` is where theirs goes.

    module: where ours is; room: the top-level room; example: arguments with which a Build cell tries it;
    level: "easy", "moderate" or "hard"; minutes: what writing it takes; returns: whether what it returns is used.
    """

    name: str
    module: str
    room: str
    example: tuple[object, ...] = ()
    level: str = "moderate"
    minutes: int = 10
    returns: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """Something that is looked at from outside; steps: names of those that must be the student's."""

    id: str
    points: int
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lab:
    """One numbered notebook; minutes: what a student takes; needs: features without which it cannot run."""

    number: str
    stem: str
    title: str
    minutes: int
    needs: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def points(self) -> int:
        """What all checks of this lab are worth."""
        return sum(check.points for check in self.checks)


LABS: tuple[Lab, ...] = (
    Lab(
        number="00",
        stem="00_process",
        title="A container is a process",
        minutes=25,
        needs=("privileges", "pid namespace", "mount namespace", "image busybox"),
    ),
    Lab(
        number="01",
        stem="01_uts",
        title="UTS: a name of its own",
        minutes=35,
        needs=("privileges", "uts namespace", "image busybox"),
        steps=(
            Step("set_hostname", "contain_lab.namespaces.uts", "namespaces", ("my-container",), "easy", 5),
            Step("unshare_uts", "contain_lab.namespaces.uts", "namespaces", (), "easy", 3),
            Step("join_namespace", "contain_lab.namespaces.enter", "namespaces",
                 ("/proc/2/ns/uts", "uts"), "moderate", 10),    # in the judge's sandbox a neighbour is process 2
        ),
        checks=(
            Check("uts.hostname", 2, ("set_hostname",)),
            Check("uts.unshare", 2, ("unshare_uts",)),
            Check("uts.join", 3, ("join_namespace",)),
            Check("uts.container", 3, ("unshare_uts", "set_hostname")),
        ),
    ),
    Lab(
        number="02",
        stem="02_ipc",
        title="IPC: queues and memory of its own",
        minutes=35,
        needs=("privileges", "ipc namespace", "image busybox"),
        steps=(
            Step("unshare_ipc", "contain_lab.namespaces.ipc", "namespaces", (), "easy", 2),
            Step("set_sysctl", "contain_lab.namespaces.sysctl", "namespaces",
                 ("net.ipv4.ip_default_ttl", "77"), "moderate", 10),  # older kernels let only root set kernel.msgmax
        ),
        checks=(
            Check("ipc.unshare", 2, ("unshare_ipc",)),
            Check("ipc.sysctl", 4, ("set_sysctl",)),
            Check("ipc.container", 3, ("unshare_ipc", "set_sysctl")),
        ),
    ),
    Lab(
        number="03",
        stem="03_pid",
        title="PID: process 1",
        minutes=60,
        needs=("privileges", "pid namespace", "image busybox"),
        steps=(
            Step("clone_into_namespaces", "contain_lab.namespaces.pid", "namespaces", (("uts", "pid"),), "moderate", 7,
                 returns=True),
            Step("die_with_parent", "contain_lab.namespaces.pid", "namespaces", (2,), "moderate", 7),
            Step("reap_children", "contain_lab.namespaces.pid", "namespaces", (2,), "moderate", 8, returns=True),
        ),
        checks=(
            Check("pid.clone", 3, ("clone_into_namespaces",)),
            Check("pid.parent", 3, ("die_with_parent",)),
            Check("pid.reap", 3, ("reap_children",)),
            Check("pid.container", 3, ("clone_into_namespaces", "die_with_parent", "reap_children")),
        ),
    ),
    Lab(
        number="04",
        stem="04_root",
        title="Root: a file system of its own",
        minutes=50,
        needs=("privileges", "mount namespace", "pid namespace", "image busybox"),
        steps=(
            Step("bind_rootfs", "contain_lab.rootfs", "rootfs", ("/tmp/box/root",), "moderate", 8),
            Step("pivot_into_rootfs", "contain_lab.rootfs", "rootfs", ("/tmp/box/root",), "moderate", 8),
        ),
        checks=(
            Check("root.bind", 3, ("bind_rootfs",)),
            Check("root.pivot", 3, ("pivot_into_rootfs",)),
            Check("root.container", 4, ("bind_rootfs", "pivot_into_rootfs")),
        ),
    ),
    Lab(
        number="05",
        stem="05_mounts",
        title="Mounts: what is where, and who hears of it",
        minutes=60,
        needs=("privileges", "mount namespace", "pid namespace", "image busybox"),
        steps=(
            Step("set_propagation", "contain_lab.namespaces.mount", "namespaces",
                 ("/tmp/shared", syscalls.MS_PRIVATE), "easy", 5),
            Step("mount_proc", "contain_lab.rootfs", "rootfs",
                 ("/tmp/box/root", "/proc", ("nosuid", "noexec", "nodev")), "easy", 5),
            Step("make_path_readonly", "contain_lab.rootfs", "rootfs", ("/tmp/box/root", "/etc"), "moderate", 10),
        ),
        checks=(
            Check("mounts.propagation", 2, ("set_propagation",)),
            Check("mounts.proc", 2, ("mount_proc",)),
            Check("mounts.readonly", 3, ("make_path_readonly",)),
            Check("mounts.container", 3, ("set_propagation", "mount_proc", "make_path_readonly")),
        ),
    ),
    Lab(
        number="06",
        stem="06_network",
        title="Network: from loopback to a cable",
        minutes=60,
        needs=("privileges", "net namespace", "ip", "image busybox"),
        steps=(
            Step("unshare_net", "contain_lab.namespaces.net", "namespaces", (), "easy", 3),
            Step("bring_loopback_up", "contain_lab.namespaces.net", "namespaces", (), "moderate", 10),
            Step("name_namespace", "contain_lab.namespaces.net", "namespaces", (2, "/run/my-container"),
                 "moderate", 10),
        ),
        checks=(
            Check("net.unshare", 2, ("unshare_net",)),
            Check("net.loopback", 3, ("bring_loopback_up",)),
            Check("net.name", 3, ("name_namespace",)),
            Check("net.container", 3, ("unshare_net", "bring_loopback_up", "name_namespace")),
        ),
    ),
    Lab(
        number="07",
        stem="07_user",
        title="User: root inside, nobody outside",
        minutes=55,
        needs=("privileges", "user namespace", "rootless", "image busybox"),
        steps=(
            Step("write_id_maps", "contain_lab.namespaces.user", "namespaces",
                 (2, ((0, 1000, 1), (1, 5000, 10)), ((0, 2000, 1), (5, 7000, 20))), "moderate", 10),
            Step("deny_setgroups", "contain_lab.namespaces.user", "namespaces", (2,), "easy", 3),
            Step("become_root", "contain_lab.namespaces.user", "namespaces", (), "moderate", 8),
        ),
        checks=(
            Check("user.maps", 3, ("write_id_maps",)),
            Check("user.setgroups", 2, ("deny_setgroups",)),
            Check("user.root", 3, ("become_root",)),
            Check("user.container", 3, ("write_id_maps", "become_root")),
        ),
    ),
)


def find_lab(name: str) -> Lab:
    """The lab of a number ("01") or a stem ("01_uts"); any other name is a NotFound that lists them."""
    for lab in LABS:
        if name in (lab.number, lab.stem):
            return lab
    known = ", ".join(lab.stem for lab in LABS)
    raise NotFound(f"lab {name!r}: there is none of this name", hint=f"labs are {known}")


def find_step(name: str) -> tuple[Lab, Step]:
    """The lab that builds a step, and the step; NotFound for a name that no lab builds."""
    for lab in LABS:
        for step in lab.steps:
            if step.name == name:
                return lab, step
    known = ", ".join(step.name for lab in LABS for step in lab.steps)
    raise NotFound(f"step {name!r}: no lab builds it", hint=f"steps are {known}")


def find_check(id: str) -> tuple[Lab, Check]:
    """The lab that a check belongs to, and the check; NotFound for an id that no lab has."""
    for lab in LABS:
        for check in lab.checks:
            if check.id == id:
                return lab, check
    known = ", ".join(check.id for lab in LABS for check in lab.checks)
    raise NotFound(f"check {id!r}: no lab has it", hint=f"checks are {known}")
