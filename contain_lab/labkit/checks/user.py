"""User: id maps, setgroups, and root of a user namespace. man: user_namespaces(7), setgroups(2), setresuid(2)."""

import os

from contain_lab import files, syscalls
from contain_lab.labkit.looking.process import Failed
from contain_lab.syscalls import CLONE_NEWUSER, CLONE_NEWUTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.labkit.judge.process import Judge
    from contain_lab.labkit.sandbox import Sandbox

NEIGHBOUR = 2  # its process number in the sandbox
OTHER, GROUP = 5, 3  # an id of the sandbox that is not its root's, and a group that the process is in
EPERM, EINVAL = 1, 22
NOBODY = 1 << 21  # a process number that no process has


# ---- the surroundings

def many_ids() -> bool:
    """Whether the user namespace that this process is in has ids for another one; an ordinary user's has one."""
    return int(files.get("/proc/self/uid_map").split()[2]) > 10_000


def enter_mapped(setgroups: str = "allow") -> None:
    """Be in a new user namespace, whose root is another id of the sandbox, and in a group that it has no name for."""
    (hear, say), me, first = os.pipe(), os.getpid(), OTHER if many_ids() else 0
    if first:
        os.setgroups([GROUP])
    helper = os.fork()
    if helper == 0:
        os.read(hear, 1)
        try:
            if setgroups == "deny" or not first:
                files.put(f"/proc/{me}/setgroups", "deny")
            for kind in ("uid", "gid"):
                files.put(f"/proc/{me}/{kind}_map", f"0 {first} {1000 if first else 1}")
        finally:
            os._exit(0)
    syscalls.unshare(CLONE_NEWUSER)
    os.write(say, b"-")
    os.waitpid(helper, 0)
    os.close(hear)
    os.close(say)


def enter_denied() -> None:
    """As enter_mapped, where nobody may give up a group."""
    enter_mapped("deny")


def tell_texts() -> None:
    """Let an error of files.put say the text, too, which is half of what there is to see in a map that is refused."""
    ours = files.put

    def put(path: str, text: str) -> None:
        try:
            ours(path, text)
        except OSError as error:
            error.strerror = f"{error.strerror}; the text was {text!r}"
            raise

    files.put = put


SCENES: "dict[str, dict[str, Any]]" = {
    "write_id_maps": {"neighbour": CLONE_NEWUSER | CLONE_NEWUTS, "prepare": tell_texts},
    "deny_setgroups": {"neighbour": CLONE_NEWUSER | CLONE_NEWUTS},
    "become_root": {"prepare": enter_mapped},
}


# ---- the checks

def maps(judge: "Judge") -> dict[str, object]:
    """write_id_maps(pid, uids, gids): both maps are as they were asked for, with one range and with two."""
    for count in (1, 2):
        with judge.sandbox(**SCENES["write_id_maps"]) as box:
            uids, gids = wanted(judge, box, count)
            said = box.call("write_id_maps", NEIGHBOUR, uids, gids)
            found = box.id_maps(box.neighbour)
            if "raised" in said:
                raise _refused(box, said, found, uids)
            _compare(found, uids, gids)
            box.must_refuse("write_id_maps", NEIGHBOUR, uids, gids,
                            where="called for a process whose maps are written already (EPERM)")
            box.must_refuse("write_id_maps", NOBODY, uids, gids, where="called for a process that is not there")
    return {}


def wanted(judge: "Judge", box: "Sandbox", count: int) -> tuple[list[list[int]], list[list[int]]]:
    """Maps that nobody knows before, of as many ranges; where the sandbox has one id, of that."""
    if int(files.get(f"/proc/{box.init}/uid_map").split()[2]) < 60_000:
        return [[0, 0, 1]], [[0, 0, 1]]
    found = []
    for start in ("uid", "gid"):
        number = int(judge.fresh_name(start).rpartition("-")[2], 16)
        first = 1000 + number % 20_000
        found.append([[0, first, 1], [1 + number % 9, first + 5000, 100 + number % 900]][:count])
    return found[0], found[1]


def _compare(found: "dict[str, list[tuple[int, int, int]]]", uids: list[list[int]], gids: list[list[int]]) -> None:
    """That the maps of a process are these. Errors: Failed with what they look like."""
    for kind, asked in (("uid", uids), ("gid", gids)):
        now, due = found[kind], [(inside, outside, size) for inside, outside, size in asked]
        values = {"kind": kind, "due": told(due), "now": told(now)}
        if sorted(now) == sorted(due):
            continue
        if not now:
            raise Failed("user.maps.one_only" if found["uid"] or found["gid"] else "user.maps.nothing", **values)
        if sorted(now) == sorted((outside, inside, size) for inside, outside, size in due):
            raise Failed("user.maps.turned", **values)
        if set(now) < set(due):
            raise Failed("user.maps.first_only", **values)
        if sorted(now) == sorted(tuple(each) for each in (gids if kind == "uid" else uids)):
            raise Failed("user.maps.swapped", **values)
        raise Failed("user.maps.other", **values)


def told(ranges: "list[tuple[int, int, int]]") -> str:
    """Ranges as the lines of a map, in one line."""
    return ", ".join(f"“{inside} {outside} {size}”" for inside, outside, size in ranges) or "no line"


def _refused(box: "Sandbox", said: "dict[str, Any]", found: "dict[str, list[tuple[int, int, int]]]",
             uids: list[list[int]]) -> Failed:
    """Why the step raised: a map that takes one write was written in two."""
    failure = box.refused(said, "write_id_maps")
    if failure.message == "raised" and said.get("errno") == EPERM and 0 < len(found["uid"]) < len(uids):
        return Failed("user.maps.two_writes", now=told(found["uid"]), **failure.values)
    if failure.message == "raised" and said.get("errno") == EINVAL:
        due = told([(inside, outside, size) for inside, outside, size in uids])
        return Failed("user.maps.text", due=due, **failure.values)
    return failure


def setgroups(judge: "Judge") -> dict[str, object]:
    """deny_setgroups(pid): setgroups(2) is denied in the process's user namespace, before its groups are mapped."""
    with judge.sandbox(**SCENES["deny_setgroups"]) as box:
        groups = box.status(box.student)["Groups"]
        box.must("deny_setgroups", NEIGHBOUR)
        if files.get(f"/proc/{box.neighbour}/setgroups").strip() != "deny":
            raise Failed("user.setgroups.allowed")
        if found := box.id_maps(box.neighbour)["gid"]:
            raise Failed("user.setgroups.mapped", now=told(found))
        if box.status(box.student)["Groups"] != groups:
            raise Failed("user.setgroups.own")
        box.must_refuse("deny_setgroups", NOBODY, where="called for a process that is not there")
    return {}


def root(judge: "Judge") -> dict[str, object]:
    """become_root(): all ids are 0 inside; groups are given up where that is allowed, and it is no error where not."""
    with judge.sandbox(**SCENES["become_root"]) as box:
        place = box.namespaces(box.student)
        box.must("become_root")
        if box.namespaces(box.student) != place:
            raise Failed("user.root.moved")
        _look_at_ids(box)
        if groups := inside(box)["Groups"]:
            raise Failed("user.root.groups", groups=" ".join(groups),
                         word=repr(files.get(f"/proc/{box.student}/setgroups")))
    with judge.sandbox(prepare=enter_denied) as box:
        said = box.call("become_root")
        if said.get("errno") == EPERM:
            raise Failed("user.root.denied", **box.refused(said, "become_root").values)
        if "raised" in said:
            raise box.refused(said, "become_root")
        _look_at_ids(box)
    with judge.sandbox(apart=CLONE_NEWUSER) as box:
        box.must_refuse("become_root", where="called in a user namespace without maps, which has no user 0 (EINVAL)")
    return {}


def _look_at_ids(box: "Sandbox") -> None:
    """That the real, effective, saved and file system ids of the student's process are 0."""
    uids, gids = inside(box)["Uid"], inside(box)["Gid"]
    values = {"uids": " ".join(uids), "gids": " ".join(gids)}
    if uids == gids == ["0"] * 4:
        return
    if uids[1] == "0" != uids[0] or gids[1] == "0" != gids[0]:
        raise Failed("user.root.effective_only", **values)
    if uids == ["0"] * 4:
        raise Failed("user.root.group", **values)
    if gids == ["0"] * 4:
        raise Failed("user.root.group_only", **values)
    raise Failed("user.root.nobody", **values)


def inside(box: "Sandbox") -> "dict[str, list[str]]":
    """Uid, Gid and Groups of the student's process, as they are called in its own user namespace."""
    found: dict[str, list[str]] = box.within(box.student, ("user",), lambda: {
        name: words for name, words in box.status(box.student).items() if name in ("Uid", "Gid", "Groups")})
    return found


def container(judge: "Judge") -> dict[str, object]:
    """A container with a user namespace of the student's: its root is root inside, and somebody else outside."""
    with judge.container(layered=False) as box:
        (uids, gids), config = wanted(judge, box, 1), box.config()
        count = 1000 if uids[0][1] else 1
        for mount in config["mounts"]:
            if mount["destination"] == "/dev":  # its own, which its root may write into, and not the sandbox's
                mount.update(type="tmpfs", source="tmpfs", options=["nosuid", "mode=755"])
        config["linux"]["namespaces"].append({"type": "user"})
        for name, (first, outside, _) in (("uidMappings", uids[0]), ("gidMappings", gids[0])):
            config["linux"][name] = [{"containerID": first, "hostID": outside, "size": count}]
        pid = box.start(config)
        found = box.id_maps(pid)
        if found != {"uid": [(0, uids[0][1], count)], "gid": [(0, gids[0][1], count)]}:
            raise Failed("user.container.maps", uids=told(found["uid"]), gids=told(found["gid"]))
        made, first = box.stat(pid, "/dev"), int(files.get(f"/proc/{box.init}/uid_map").split()[1])
        if made.st_uid != first + uids[0][1]:  # who made it is who become_root became
            raise Failed("user.container.owner", owner=made.st_uid - first - uids[0][1])
    return {}


# ---- what a Build cell tells

def example(args: "list[Any]") -> "list[Any]":
    """What write_id_maps is tried with; where the sandbox has one id, with that."""
    return args if many_ids() else [args[0], [[0, 0, 1]], [[0, 0, 1]]]


def maps_of(box: "Sandbox") -> list[tuple[str, str]]:
    """The maps of the neighbour, and whether groups may be given up there."""
    found = box.id_maps(box.neighbour)
    return [*((f"{kind}_map", told(found[kind])) for kind in ("uid", "gid")),
            ("setgroups", files.get(f"/proc/{box.neighbour}/setgroups").strip())]


def ids_of(box: "Sandbox") -> list[tuple[str, str]]:
    """Who the student's process is in its user namespace."""
    found = inside(box)
    return [(name, " ".join(found[line]) or "none") for name, line in
            (("user ids", "Uid"), ("group ids", "Gid"), ("groups", "Groups"))]


POSSIBLE = {"write_id_maps": example}
SHOWN = {"write_id_maps": maps_of, "deny_setgroups": maps_of, "become_root": ids_of}
CHECKS = {"user.maps": maps, "user.setgroups": setgroups, "user.root": root, "user.container": container}
