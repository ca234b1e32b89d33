"""UTS: a name of its own, and entering one from outside. man: uts_namespaces(7), setns(2), namespaces(7)."""

from contain_lab.labkit.sandbox import Failed
from contain_lab.labkit.sandbox.inside import HOST, NEIGHBOUR
from contain_lab.syscalls import CLONE_NEWIPC, CLONE_NEWUTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.labkit.judge.process import Judge
    from contain_lab.labkit.sandbox import Sandbox

# In what surroundings a step is called: the process is already in a UTS namespace of its own, or has a neighbour.
SCENES: "dict[str, dict[str, Any]]" = {
    "set_hostname": {"apart": CLONE_NEWUTS},
    "join_namespace": {"neighbour": CLONE_NEWUTS | CLONE_NEWIPC},
}
NEIGHBOURS = "/proc/2/ns/{}"  # as the student's process sees it


def hostname(judge: "Judge") -> dict[str, object]:
    """set_hostname(name): the name is that of the process's UTS namespace, and of no other."""
    with judge.sandbox(**SCENES["set_hostname"]) as box:
        for name in (judge.fresh_name(), judge.fresh_name("second")):
            before = box.hostname(box.student)
            box.must("set_hostname", name)
            _look_at_name(box, name, before)
        box.must_refuse("set_hostname", "x" * 65, where="called with a name of 65 bytes, which are too many (EINVAL)")
    return {}


def _look_at_name(box: "Sandbox", name: str, before: str) -> None:
    (now, domain), outside = box.names(box.student), box.hostname(box.init)
    values = {"name": name, "before": before, "now": now, "host": outside}
    if outside != HOST:
        raise Failed("uts.hostname.host_changed", **values)
    if now == name:
        return
    if domain == name:
        raise Failed("uts.hostname.domain", **values)
    if now == before:
        raise Failed("uts.hostname.unchanged", **values)
    if name in now:
        raise Failed("uts.hostname.decorated", **values, shown=repr(now))
    raise Failed("uts.hostname.other", **values)


def unshare(judge: "Judge") -> dict[str, object]:
    """unshare_uts(): the process is in a new UTS namespace, and in no other new one."""
    with judge.sandbox() as box:
        before = box.namespaces(box.student)
        box.must("unshare_uts")
        after = box.namespaces(box.student)
        changed = [kind for kind in before if before[kind] != after[kind]]
        values = {"changed": ", ".join(changed), "before": before["uts"], "now": after["uts"]}
        if "uts" not in changed:
            raise Failed("uts.unshare.other_kind" if changed else "uts.unshare.same", **values)
        if changed != ["uts"]:
            raise Failed("uts.unshare.more", **values)
        name, host = box.hostname(box.student), box.hostname(box.init)
        if host != HOST:
            raise Failed("uts.unshare.host_changed", host=host)
        if name != HOST:
            raise Failed("uts.unshare.renamed", name=name, host=HOST)
        box.make_no_more("uts")
        box.must_refuse("unshare_uts", where="called where the kernel makes no more UTS namespaces (ENOSPC)")
    return {}


def join(judge: "Judge") -> dict[str, object]:
    """join_namespace(path, kind): the process is where the neighbour is; a wrong kind fails; nothing stays open."""
    for kind in ("uts", "ipc"):
        with judge.sandbox(**SCENES["join_namespace"]) as box:
            before, there = box.namespaces(box.student), box.namespaces(box.neighbour)
            opened = box.descriptors(box.student)
            said = box.call("join_namespace", NEIGHBOURS.format(kind), kind)
            if "raised" in said:
                raise _refused(box, said, kind)
            _look_at_place(box, before, there, kind)
            if left := box.descriptors(box.student) - opened:
                raise Failed("uts.join.descriptor", count=len(left), kind=kind)
    with judge.sandbox(**SCENES["join_namespace"]) as box:
        before, opened = box.namespaces(box.student), box.descriptors(box.student)
        said = box.call("join_namespace", NEIGHBOURS.format("uts"), "ipc")
        if box.namespaces(box.student) != before:
            raise Failed("uts.join.kind_ignored")
        if "raised" not in said:
            raise Failed("uts.join.silent")
        failure = box.refused(said, "join_namespace")
        if failure.message != "raised":
            raise failure
        if left := box.descriptors(box.student) - opened:
            raise Failed("uts.join.descriptor_after_error", count=len(left))
    return {}


def _refused(box: "Sandbox", said: dict[str, object], kind: str) -> Failed:
    """A right kind was refused: for another kind than UTS that has a reason of its own."""
    failure = box.refused(said, "join_namespace")
    if kind != "uts" and failure.message == "raised":
        return Failed("uts.join.one_kind", **failure.values, kind=kind)
    return failure


def _look_at_place(box: "Sandbox", before: dict[str, str], there: dict[str, str], kind: str) -> None:
    now = box.namespaces(box.student)
    changed = [each for each in before if now[each] != before[each]]
    values = {"kind": kind, "changed": ", ".join(changed)}
    if not changed:
        raise Failed("uts.join.stayed" if kind == "uts" else "uts.join.stayed_other", **values)
    if kind not in changed:
        raise Failed("uts.join.other_kind", **values)
    if now[kind] != there[kind]:
        raise Failed("uts.join.elsewhere", **values)
    if changed != [kind]:
        raise Failed("uts.join.more", **values)
    if box.hostname(box.neighbour) != NEIGHBOUR:
        raise Failed("uts.join.renamed", name=box.hostname(box.neighbour))


def container(judge: "Judge") -> dict[str, object]:
    """A container that the runtime starts with the student's steps has its name, and the name outside stays."""
    name = judge.fresh_name("container")
    with judge.container() as box:
        pid = box.start(hostname=name)
        values = {"name": name, "now": box.hostname(pid), "host": box.hostname(box.init)}
        if values["host"] != HOST:
            raise Failed("uts.container.host_renamed", **values)
        if box.namespaces(pid)["uts"] == box.namespaces(box.init)["uts"]:
            raise Failed("uts.container.same_namespace", **values)
        if values["now"] != name:
            raise Failed("uts.container.name", **values)
    return {}


CHECKS = {"uts.hostname": hostname, "uts.unshare": unshare, "uts.join": join, "uts.container": container}
