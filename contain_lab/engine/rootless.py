"""Containers of an ordinary user: a user namespace in which that user is root, and nothing that needs more.

man: user_namespaces(7), subuid(5). With ids granted in /etc/subuid and /etc/subgid the container has as many; without,
it has one. It has no limits: an ordinary user has no cgroups, unless somebody has handed some on.
"""

import os

from contain_lab.errors import ContainLabError
from contain_lab.namespaces import user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.spec import Config


def check_privileges(rootless: bool) -> None:
    """See that a container can be started at all. Errors: ContainLabError that says how."""
    if os.geteuid() != 0 and not rootless:
        raise ContainLabError("containers need privileges, and this is an ordinary user",
                              "run as root, or with --rootless")


def make_rootless(config: "Config") -> None:
    """Give a config a user namespace, and what only the machine's root can make in another form.

    Errors: ContainLabError for a user of the container who is none of the ids that we may map.
    """
    linux, maps = config["linux"], user.own_maps()
    linux["namespaces"].append({"type": "user"})
    for name, ranges in zip(("uidMappings", "gidMappings"), maps, strict=True):
        linux[name] = [{"containerID": inside, "hostID": outside, "size": count} for inside, outside, count in ranges]
    linux["resources"] = {}
    who = config["process"]["user"]
    for number, ranges in ((who["uid"], maps[0]), *((gid, maps[1]) for gid in gids_of(who))):
        if not is_mapped(number, ranges):
            raise ContainLabError(f"user {who['uid']}:{who['gid']}: id {number} is none that this user may give",
                                  "/etc/subuid and /etc/subgid grant more ids, and newuidmap maps them")
    config["mounts"] = [mapped_mount(entry, maps[1], {"type": "network"} in linux["namespaces"])
                        for entry in config["mounts"]]


def gids_of(who: "Config") -> list[int]:
    """The groups of a process, as `user` of a config has them."""
    return [who["gid"], *(who.get("additionalGids") or [])]


def is_mapped(number: int, ranges: "user.Ranges") -> bool:
    """Whether an id of the container is in one of the ranges that are mapped."""
    return any(inside <= number < inside + count for inside, _, count in ranges)


def mapped_mount(entry: "Config", gids: "user.Ranges", own_network: bool) -> "Config":
    """A mount as a user namespace can have it: no group that is not mapped; /sys is its network namespace's owner's."""
    options = [option for option in entry["options"]
               if not option.startswith("gid=") or is_mapped(int(option[4:]), gids)]
    if entry["type"] == "sysfs" and not own_network:
        return {**entry, "type": "bind", "source": "/sys", "options": ["rbind", *options]}
    return {**entry, "options": options}
