"""The plan of a container's start: its spec, turned into rows of steps. Pure: nothing is done here.

The order is the labs' order, except where the kernel wants another: the groups are joined before the cgroup
namespace is made and before anything shows them; what needs privileges comes before they are given up; and a user
namespace comes first of all, with its maps, because it owns the others.
"""

import os

from contain_lab import capabilities, files, rootfs, seccomp, spec
from contain_lab.container import console, filesystem, layers, process, state
from contain_lab.errors import InvalidConfig
from contain_lab.namespaces import cgroup, enter, ipc, mount, net, pid, sysctl, time, user, uts
from contain_lab.rootfs.options import PROPAGATION
from contain_lab.steps import PID, Later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from contain_lab.spec import Config
    from contain_lab.steps import Row

FIFO, LOCK, CONSOLE, PARENT, FILTER = map(Later, ("FIFO", "LOCK", "CONSOLE", "PARENT", "FILTER"))
NODES = {"uts": (uts, "unshare_uts"), "ipc": (ipc, "unshare_ipc"), "mount": (mount, "unshare_mount"),
         "network": (net, "unshare_net"), "cgroup": (cgroup, "unshare_cgroup")}


class Plan:
    """The rows of a start, in stretches: each is a list of rows.

    before: the parent's, before there is a child; between: of a process that joins what the child has to be born in,
    makes the child, and ends; clone: the one that makes it; mapped: the parent's, while the child waits to be mapped;
    beside: the parent's, while the child does `alone`; alone: the child's, before it is in its groups; outside:
    the parent's, when the child has its namespaces and can still be looked into; inside: the child's, up to execve.
    hooked: the parent's, when the child has mounted all and stands before the pivot. waits: whether the program waits
    to be started, and if so outlives us. netns: a path, where its network namespace gets a name. init: whether
    process 1 is an init, and the user's program its child.
    """

    between: "list[Row]" = []
    mapped: "list[Row]" = []
    hooked: "list[Row]" = []
    outlives, init, bundle = False, False, ""
    oom_kills = 0  # how many of its processes the kernel killed at its limit of memory, once it has ended

    def __init__(self, config: "Config", root: str, folder: str, overlay: "tuple[str, str] | None" = None,
                 waits: bool = True, netns: str = "", init: bool = False) -> None:
        self.config, self.root, self.folder, self.overlay, self.outlives = config, root, folder, overlay, waits
        self.warnings: list[str] = []
        late = config.get("hooks") or {}
        self.waits = waits or bool(late.get("startContainer") or late.get("poststart"))
        self.init = init
        self.kinds = {entry["type"]: entry.get("path") or "" for entry in spec.part(config, "linux.namespaces") or []}
        privileged = files.is_machines_root()
        self.bound = "user" in self.kinds or not privileged  # device nodes cannot be made
        self.all_binds = "user" in self.kinds and privileged  # the child might not get to what is mounted
        self.before = list(before_rows(self))
        self.between = list(between_rows(self.kinds))
        new = tuple(kind for kind in ("user", "pid") if self.kinds.get(kind) == "")
        self.clone = (pid, "clone_into_namespaces", (new,))
        self.mapped = list(mapped_rows(config, self.kinds))
        self.beside = [*filesystem.forgotten_rows(config, self.all_binds), *group_rows(config, folder, self.bound)]
        self.alone = list(alone_rows(self))
        self.hooked = list(hook_rows(config, "prestart", "createRuntime"))
        self.inside = list(inside_rows(self))
        self.outside = [(net, "name_namespace", (PID, netns), (net, "forget_namespace", (netns,)))] if netns else []

    def let_privileges_grow(self) -> None:
        """Do without no_new_privs: the filter is loaded early then, for seccomp(2) wants the one or CAP_SYS_ADMIN."""
        self.config["process"]["noNewPrivileges"] = False
        self.inside = list(inside_rows(self))

    def rows(self) -> "list[Row]":
        """All of them, in order."""
        at = self.until_pivot()
        return [*self.before, *self.between, self.clone, *self.mapped, *self.beside, *self.alone, *self.outside,
                *self.inside[:at], *self.hooked, *self.inside[at:]]

    def until_pivot(self) -> int:
        """How many rows of `inside` come before the hooks and the pivot."""
        return next((at for at, row in enumerate(self.inside) if row[1] in ("run_hook", "pivot_into_rootfs")), 0)

    def state_for_hooks(self, pid: int = 0) -> "dict[Any, Any]":
        """What STATE stands for while a container is made; {} without hooks. pid: on the host, 0 for our own."""
        if not any((self.config.get("hooks") or {}).values()):
            return {}
        from contain_lab.container import hooks

        name = os.path.basename(self.folder)
        pid = pid or int(os.readlink("/proc/self"))  # in the host's /proc, whatever getpid() says
        return {hooks.STATE: hooks.describe(self.config, name, self.bundle, "creating", pid)}

    def check_paths(self) -> None:
        """See that what is to be joined is a file, and no fifo whose open waits for ever. Errors: InvalidConfig."""
        for kind, path in self.kinds.items():
            if path and os.path.exists(path) and not os.path.isfile(path):
                raise InvalidConfig(f"linux.namespaces: {path}: it is no {kind} namespace",
                                    "one is /proc/PID/ns/..., or a file that it was bound to")

    def program(self) -> bytes:
        """What FILTER stands for: the filter of system calls, compiled or from the folder where they are kept."""
        profile = spec.part(self.config, "linux.seccomp")
        return seccomp.cached(profile, f"{files.data_dir()}/seccomp") if profile else b""


# ---- the parent's

def before_rows(plan: Plan) -> "Iterator[Row]":
    """What is made before there is a child."""
    yield state, "reserve_state", (plan.folder,), (state, "remove_state", (plan.folder,))
    if plan.overlay:
        image, layer = plan.overlay  # the layer is the engine's to remove, which may keep it
        if not files.is_machines_root():
            yield layers, "make_user_layer", (layer, image)
        else:
            yield rootfs, "make_layer", (layer,)
    yield from filesystem.prepared_rows(plan.config, plan.all_binds)


def between_rows(kinds: dict[str, str]) -> "Iterator[Row]":
    """The namespaces by path that the child is born in; before it has a new user namespace, all that are the host's."""
    for kind in ("ipc", "uts", "network", "cgroup", "time", "pid") if kinds.get("user") == "" else ("user", "pid"):
        if kinds.get(kind):
            yield enter, "join_namespace", (kinds[kind], kind)


def mapped_rows(config: "Config", kinds: dict[str, str]) -> "Iterator[Row]":
    """The maps of a new user namespace, and what the child will have no privileges for in it."""
    if kinds.get("user") == "":
        uids, gids = (filesystem.ranges(config["linux"][name]) for name in ("uidMappings", "gidMappings"))
        if os.geteuid() and len(gids) == gids[0][2] == 1:
            yield user, "deny_setgroups", (PID,)
        yield user, "write_id_maps", (PID, uids, gids)
    if "user" in kinds:
        yield from limit_rows(config, outside=True)


def group_rows(config: "Config", folder: str, bound: bool) -> "Iterator[Row]":
    """The groups that the resources ask for; bound: as in `resources`."""
    if spec.part(config, "linux.resources"):
        from contain_lab.container import resources  # the controllers are many small files

        yield from resources.group_rows(config, folder, bound)


# ---- the child's

def alone_rows(plan: Plan) -> "Iterator[Row]":
    """Namespaces, in the labs' order, and what is set in each."""
    config, kinds = plan.config, plan.kinds
    yield pid, "die_with_parent", (PARENT,)
    yield pid, "new_session", ()
    yield from clock_rows(config, kinds)
    if "user" in kinds:
        yield user, "become_root", ()
        yield pid, "die_with_parent", (PARENT,)  # a change of user has cleared it
    for kind in ("uts", "ipc", "mount", "network"):
        if kinds.get(kind) and (enter, "join_namespace", (kinds[kind], kind)) not in plan.between:
            yield enter, "join_namespace", (kinds[kind], kind)
        elif kinds.get(kind) == "":
            yield (*NODES[kind], ())
        if kind == "uts" and config.get("hostname"):
            yield uts, "set_hostname", (config["hostname"],)
        if kind == "uts" and config.get("domainname"):
            yield uts, "set_domainname", (config["domainname"],)
        if kind == "mount":
            yield mount, "set_propagation", ("/", filesystem.root_propagation(config))
        if kind == "network" and kinds.get(kind) == "":
            yield net, "bring_loopback_up", ()


def clock_rows(config: "Config", kinds: dict[str, str]) -> "Iterator[Row]":
    """A time namespace, while the process may still write its own files in /proc."""
    offsets = spec.part(config, "linux.timeOffsets") or {}
    if kinds.get("time") == "":
        yield time, "unshare_time", ()
        if offsets:
            yield time, "write_time_offsets", (tuple((clock, each.get("secs") or 0, each.get("nanosecs") or 0)
                                                     for clock, each in offsets.items()),)
        yield enter, "join_namespace", ("/proc/self/ns/time_for_children", "time")
    elif kinds.get("time") and "user" not in kinds:
        yield enter, "join_namespace", (kinds["time"], "time")


def inside_rows(plan: Plan) -> "Iterator[Row]":
    """From the limits to execve."""
    if "user" not in plan.kinds:
        yield from limit_rows(plan.config)
    *mounted, pivot = filesystem.rootfs_rows(plan.config, plan.root, plan.overlay, plan.bound, plan.all_binds)
    yield from (*mounted, *hook_rows(plan.config, "createContainer"), pivot)
    yield from kernel_rows(plan)
    yield from privilege_rows(plan.config, plan.init)
    yield from last_rows(plan)


def limit_rows(config: "Config", outside: bool = False) -> "Iterator[Row]":
    """Limits of the process itself; outside: set by its parent, for it has no privileges over the host."""
    limit, score, who = ("limit_process", "score_process", (PID,)) if outside else ("set_rlimit", "set_oom_score", ())
    for each in spec.part(config, "process.rlimits") or []:
        yield process, limit, (*who, each["type"], each["soft"], each["hard"])
    if spec.part(config, "process.oomScoreAdj") is not None:
        yield process, score, (*who, config["process"]["oomScoreAdj"])


def hook_rows(config: "Config", *places: str) -> "Iterator[Row]":
    """The hooks of these places, in order."""
    if any((config.get("hooks") or {}).get(place) for place in places):
        from contain_lab.container import hooks  # few configs have any

        yield from hooks.rows(config, *places)


def kernel_rows(plan: Plan) -> "Iterator[Row]":
    """What needs the new root, and privileges."""
    config = plan.config
    asked = (spec.part(config, "linux.rootfsPropagation") or "").removeprefix("r")
    if asked in ("shared", "unbindable"):
        yield mount, "set_propagation", ("/", PROPAGATION[asked])
    if spec.part(config, "process.terminal"):
        yield console, "open_console", (CONSOLE, *console_arguments(config))
    for name, value in (spec.part(config, "linux.sysctl") or {}).items():
        yield sysctl, "set_sysctl", (name, value)
    if spec.part(config, "root.readonly"):
        yield rootfs, "make_root_readonly", ()
    for path in spec.part(config, "linux.readonlyPaths") or []:
        yield rootfs, "make_path_readonly", ("/", path)
    for path in spec.part(config, "linux.maskedPaths") or []:
        yield rootfs, "mask_path", ("/", path)
    if plan.kinds.get("cgroup") and plan.kinds.get("user") != "":
        yield enter, "join_namespace", (plan.kinds["cgroup"], "cgroup")
    elif plan.kinds.get("cgroup") == "":
        yield cgroup, "unshare_cgroup", ()


def console_arguments(config: "Config") -> tuple[int, int, int]:
    """The rows and columns that are asked for, 0 where none are, and whose terminal it is."""
    size = spec.part(config, "process.consoleSize") or {}
    return size.get("height") or 0, size.get("width") or 0, spec.part(config, "process.user.uid") or 0


def privilege_rows(config: "Config", init: bool = False) -> "Iterator[Row]":
    """Giving up what the program shall not have."""
    asked = spec.part(config, "process.capabilities") or {}
    sets = {name: tuple(asked.get(name) or ()) for name in spec.shape.NAMED_CAPABILITIES}
    for names in sets.values():
        capabilities.mask(names)
    yield from filter_rows(config, init, last=False)
    yield capabilities, "drop_bounding_set", (sets["bounding"], capabilities.last_capability())
    user = spec.part(config, "process.user") or {}
    uid, gid, groups = user.get("uid") or 0, user.get("gid") or 0, tuple(user.get("additionalGids") or ())
    yield capabilities, "become_user", (uid, gid, groups)
    yield pid, "die_with_parent", (PARENT,)  # a change of user has cleared it
    if user.get("umask") is not None:
        yield process, "set_umask", (user["umask"],)
    yield process, "enter_directory", (config["process"]["cwd"],)
    sets["ambient"] = tuple(name for name in sets["ambient"] if name not in spec.not_granted(config))
    yield capabilities, "set_capabilities", tuple(
        sets[name] for name in ("effective", "permitted", "inheritable", "ambient"))
    if spec.part(config, "process.noNewPrivileges"):
        yield capabilities, "set_no_new_privs", ()


def filter_rows(config: "Config", init: bool, last: bool) -> "Iterator[Row]":
    """The filter of system calls: at the end; without no_new_privs, while there is CAP_SYS_ADMIN to load it."""
    profile = spec.part(config, "linux.seccomp")
    if profile and bool(spec.part(config, "process.noNewPrivileges")) == last:
        yield process, "hold_trampoline", (init,)
        yield seccomp, "load_seccomp_filter", (FILTER, seccomp.filter_flags(profile))


def last_rows(plan: Plan) -> "Iterator[Row]":
    """The program: found now, executed when it is started."""
    args, env = tuple(plan.config["process"]["args"]), tuple(plan.config["process"].get("env") or ())
    path = next((entry[5:] for entry in env if entry.startswith("PATH=")), DEFAULT_PATH)
    yield process, "find_program", (args[0], path)
    yield process, "close_descriptors", (3,)
    yield from filter_rows(plan.config, plan.init, last=True)
    if plan.outlives:
        yield pid, "outlive_parent", ()
    elif plan.waits:
        yield pid, "die_with_parent", (PARENT,)
    yield process, "execute_under_init" if plan.init else "execute", (args, env, path, FIFO, LOCK)


DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
