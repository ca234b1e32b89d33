"""IPC: a namespace of its own, and kernel parameters of it. man: ipc_namespaces(7), sysctl(8), fsopen(2)."""

import os

from contain_lab import files, syscalls
from contain_lab.labkit.looking.process import Failed
from contain_lab.syscalls import CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.labkit.judge.process import Judge
    from contain_lab.labkit.sandbox import Sandbox

APART = CLONE_NEWIPC | CLONE_NEWNET
SCENES: "dict[str, dict[str, Any]]" = {"set_sysctl": {"apart": APART}}
NETWORK = ("net.ipv4.ip_default_ttl", "net.core.somaxconn")  # what root of a user namespace may write on every kernel
OWN = ("kernel.msgmax", "fs.mqueue.msg_max")  # and what it may write since Linux 6.9
FIRST = {"net.ipv4.ip_default_ttl": 65, "net.core.somaxconn": 130, "kernel.msgmax": 9000, "fs.mqueue.msg_max": 20}
FAKE = "4"  # what stands in the file that an image has put in the place of a parameter


def shown(box: "Sandbox") -> list[tuple[str, str]]:
    """What a trial of set_sysctl shows."""
    name = NETWORK[0]
    return [("inside", box.sysctl(box.student, name)), ("outside", box.sysctl(box.init, name))]


def shown_namespace(box: "Sandbox") -> list[tuple[str, str]]:
    """What a trial of unshare_ipc shows."""
    return [("namespace", box.namespaces(box.student)["ipc"])]


SHOWN = {"set_sysctl": shown, "unshare_ipc": shown_namespace}


# ---- a namespace

def unshare(judge: "Judge") -> dict[str, object]:
    """unshare_ipc(): the process is in a new IPC namespace, and in no other new one."""
    with judge.sandbox() as box:
        before = box.namespaces(box.student)
        box.must("unshare_ipc")
        after = box.namespaces(box.student)
        changed = [kind for kind in before if before[kind] != after[kind]]
        if "ipc" not in changed:
            raise Failed("ipc.unshare.other_kind" if changed else "ipc.unshare.same", changed=", ".join(changed))
        if changed != ["ipc"]:
            raise Failed("ipc.unshare.more", changed=", ".join(changed))
        box.make_no_more("ipc")
        box.must_refuse("unshare_ipc", where="called where the kernel makes no more IPC namespaces (ENOSPC)")
    return {}


# ---- parameters

def sysctl(judge: "Judge") -> dict[str, object]:
    """set_sysctl(name, value): the parameter of the process's namespaces, whatever lies at /proc; errors come out."""
    with judge.sandbox(apart=APART) as box:
        names = chosen(box)
        for name in names:
            _set_and_look(judge, box, name, first=name == names[0])
        for name, value in ((names[0], "many"), ("net.ipv4.no_such_thing", "1")):
            _refuse(box, name, value)
    with judge.sandbox(apart=APART | CLONE_NEWNS, prepare=fake_proc) as box:
        _look_behind(judge, box)
    return {}


def chosen(box: "Sandbox") -> "tuple[str, ...]":
    """The parameters that are tried: those that root of the sandbox may write on this kernel, for they are its own."""
    own = box.within(box.student, ("user", "ipc"), lambda: [
        name for name in OWN if os.path.exists(path(name)) and os.stat(path(name)).st_uid == 0])
    return (*NETWORK, *own)


def path(name: str) -> str:
    """The file of a parameter."""
    return f"/proc/sys/{name.replace('.', '/')}"


def fresh_value(judge: "Judge", name: str) -> str:
    """A value that nobody can know before."""
    return str(FIRST[name] + int(judge.fresh_name().rpartition("-")[2], 16) % 100)


def _set_and_look(judge: "Judge", box: "Sandbox", name: str, first: bool) -> None:
    value, old, opened = fresh_value(judge, name), box.sysctl(box.student, name), box.descriptors(box.student)
    outside, mounts = box.sysctl(box.init, name), len(box.mounts(box.student))
    box.must("set_sysctl", name, value)
    values = {"name": name, "value": value, "now": box.sysctl(box.student, name), "before": old}
    if box.sysctl(box.init, name) != outside:
        raise Failed("ipc.sysctl.outside", **values)
    if values["now"] == old:
        raise Failed("ipc.sysctl.unchanged" if first else "ipc.sysctl.one_name", **values)
    if values["now"] != value:
        raise Failed("ipc.sysctl.other", **values)
    if len(box.mounts(box.student)) != mounts:
        raise Failed("ipc.sysctl.mounted", **values)
    if left := box.descriptors(box.student) - opened:
        raise Failed("ipc.sysctl.descriptor", count=len(left), **values)


def _refuse(box: "Sandbox", name: str, value: str) -> None:
    """The kernel refuses this value or this name: the step must say so, and keep nothing open."""
    opened = box.descriptors(box.student)
    said = box.call("set_sysctl", name, value)
    if "raised" not in said:
        raise Failed("ipc.sysctl.silent", name=name, value=value)
    failure = box.refused(said, "set_sysctl")
    if failure.message != "raised":
        raise failure
    if left := box.descriptors(box.student) - opened:
        raise Failed("ipc.sysctl.descriptor_after_error", count=len(left), name=name, value=value)


def fake_proc() -> None:
    """Put files of an image in the place of /proc."""
    syscalls.mount("cl-fake", "/proc", "tmpfs", 0)
    for name in NETWORK:
        os.makedirs(os.path.dirname(path(name)), exist_ok=True)
        files.write(path(name), FAKE)


def _look_behind(judge: "Judge", box: "Sandbox") -> None:
    name = NETWORK[0]
    value, old = fresh_value(judge, name), box.sysctl(box.student, name)
    said = box.call("set_sysctl", name, value)
    if box.read(box.student, path(name)) != FAKE:
        raise Failed("ipc.sysctl.faked", name=name, value=value, now=old)
    if "raised" in said:
        raise box.refused(said, "set_sysctl")
    if (now := box.sysctl(box.student, name)) != value:
        raise Failed("ipc.sysctl.unchanged", name=name, value=value, before=old, now=now)


# ---- a container

def container(judge: "Judge") -> dict[str, object]:
    """A container that the runtime starts with the student's steps has an IPC namespace, and its parameters."""
    with judge.container() as box:
        config = box.config()
        config["linux"]["sysctl"] = wanted = {name: fresh_value(judge, name) for name in chosen(box)}
        pid = box.start(config)
        if box.namespaces(pid)["ipc"] == box.namespaces(box.init)["ipc"]:
            raise Failed("ipc.container.same_namespace")
        for name, value in wanted.items():
            if (now := box.sysctl(pid, name)) != value:
                raise Failed("ipc.container.parameter", name=name, value=value, now=now)
    return {}


CHECKS = {"ipc.unshare": unshare, "ipc.sysctl": sysctl, "ipc.container": container}
