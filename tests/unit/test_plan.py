"""The plan: rows of steps for a config, made without touching anything."""

import ast
import builtins
import inspect
import os
import re
from typing import Any

import pytest

from contain_lab import errors, spec, steps, syscalls
from contain_lab.container import console, entering, process
from contain_lab.container import plan as planning
from contain_lab.container.plan import Plan

Config = dict[str, Any]
DEFAULT = """
state.reserve_state pid.clone_into_namespaces pid.die_with_parent pid.new_session uts.unshare_uts uts.set_hostname
ipc.unshare_ipc mount.unshare_mount mount.set_propagation net.unshare_net net.bring_loopback_up rootfs.bind_rootfs
rootfs.mount_proc rootfs.mount_tmpfs rootfs.mount_filesystem rootfs.mount_tmpfs rootfs.mount_filesystem
rootfs.mount_sysfs rootfs.make_devices rootfs.link_standard_streams rootfs.pivot_into_rootfs
rootfs.make_path_readonly rootfs.mask_path cgroup.unshare_cgroup capabilities.drop_bounding_set
capabilities.become_user pid.die_with_parent process.enter_directory capabilities.set_capabilities
capabilities.set_no_new_privs process.find_program process.close_descriptors pid.outlive_parent process.execute
""".split()


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans are those of the machine's root, whoever runs the tests."""
    monkeypatch.setattr(planning.files, "is_machines_root", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def config() -> Config:
    return spec.default(["true"], "rootfs", "web", ("CAP_CHOWN",))


def plan_of(config: Config, **options: Any) -> Plan:
    return Plan(spec.validate(config), "/root", "/state/x", **options)


def short(row: tuple[Any, ...]) -> str:
    return ".".join(steps.full_name(row[0], row[1]).split(".")[-2:])


def names(plan: Plan) -> list[str]:
    """The steps by their last two names; a step that follows itself once."""
    found = [short(row) for row in plan.rows()]
    return [name for at, name in enumerate(found) if at == 0 or found[at - 1] != name]


def test_the_default_config_makes_these_steps(config):
    assert names(plan_of(config)) == DEFAULT


def test_a_foreground_run_waits_for_nobody_and_has_a_layer(config):
    found = names(plan_of(config, overlay=("/image", "/layer"), waits=False))
    assert "pid.outlive_parent" not in found
    assert "rootfs.bind_rootfs" not in found
    assert found[:3] == ["state.reserve_state", "rootfs.make_layer", "pid.clone_into_namespaces"]
    assert "rootfs.mount_overlay" in found


ADDED = [
    ("hostname", None, ["-uts.set_hostname"]),
    ("domainname", "x", ["uts.set_domainname"]),
    ("process.rlimits", [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}], ["process.set_rlimit"]),
    ("process.oomScoreAdj", 0, ["process.set_oom_score"]),
    ("process.terminal", True, ["console.open_console"]),
    ("process.noNewPrivileges", False, ["-capabilities.set_no_new_privs"]),
    ("process.user", {"umask": 0}, ["process.set_umask"]),
    ("root.readonly", True, ["rootfs.make_root_readonly"]),
    ("linux.sysctl", {"net.ipv4.ip_forward": "1"}, ["sysctl.set_sysctl"]),
    ("linux.seccomp", {"defaultAction": "SCMP_ACT_ALLOW"},
     ["process.hold_trampoline", "seccomp.load_seccomp_filter"]),
    ("linux.maskedPaths", None, ["-rootfs.mask_path"]),
    ("linux.readonlyPaths", [], ["-rootfs.make_path_readonly"]),
    ("linux.resources", {"pids": {"limit": 3}},
     ["cgroups.create_group", "pids.set_pids_limit", "cgroups.add_process"]),
    ("linux.resources", {"devices": [{"allow": False}]},
     ["cgroups.create_group", "devices.allow_devices", "cgroups.add_process"]),
    ("linux.resources", {"memory": {"limit": 9 << 20, "swap": 9 << 20, "reservation": 1, "swappiness": 0,
                                    "disableOOMKiller": True}},
     ["cgroups.create_group", "memory.set_memory_limit", "memory.set_swap_limit", "memory.set_memory_protection",
      "memory.set_swappiness", "memory.disable_oom_killer", "cgroups.add_process"]),
    ("linux.resources", {"cpu": {"shares": 2, "quota": 5000, "burst": 1, "idle": 1, "cpus": "0"}},
     ["cgroups.create_group", "cpu.set_cpu_weight", "cpu.set_cpu_quota", "cpu.set_cpu_burst", "cpu.set_cpu_idle",
      "cpuset.set_cpuset", "cgroups.add_process"]),
    ("linux.resources", {"blockIO": {"weight": 10, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}]}},
     ["cgroups.create_group", "io.set_io_weight", "io.set_io_limit", "cgroups.add_process"]),
    ("linux.resources", {"hugepageLimits": [{"pageSize": "2MB", "limit": 0}], "unified": {"memory.high": "1M"},
                         "rdma": {"mlx5_1": {"hcaHandles": 3}}},
     ["cgroups.create_group", "hugetlb.set_hugepage_limit", "rdma.set_rdma_limit", "unified.set_unified",
      "cgroups.add_process"]),
    ("linux.resources", {"memory": {"limit": 0}, "cpu": {"shares": 0, "cpus": ""}, "blockIO": {}, "unified": {}}, []),
    ("mounts", [{"destination": "/x", "source": "/y", "options": ["bind"]}],
     ["rootfs.bind_path", "-rootfs.mount_proc", "-rootfs.mount_sysfs", "-rootfs.mount_tmpfs",
      "-rootfs.mount_filesystem"]),
    ("linux.namespaces", [{"type": kind} for kind in ("mount", "uts", "pid", "ipc", "network")],
     ["-cgroup.unshare_cgroup"]),
    ("linux.namespaces", [{"type": "mount"}, {"type": "uts"}, {"type": "network", "path": "/n"}, {"type": "pid"},
                          {"type": "ipc"}, {"type": "cgroup"}],
     ["enter.join_namespace", "-net.unshare_net", "-net.bring_loopback_up"]),
]


@pytest.mark.parametrize(("path", "value", "changes"), ADDED)
def test_what_a_config_asks_for_is_a_step_and_what_it_does_not_is_none(config, path, value, changes):
    before = set(names(plan_of(config)))
    *folders, last = path.split(".")
    place = config
    for part in folders:
        place = place[part]
    place[last] = value
    after = set(names(plan_of(config)))
    assert sorted(after - before) == sorted(each for each in changes if each[0] != "-")
    assert sorted(before - after) == sorted(each[1:] for each in changes if each[0] == "-")


def full(config: Config) -> Config:
    config["process"].update(terminal=True, oomScoreAdj=5, rlimits=[{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}])
    config["root"]["readonly"] = True
    config["linux"].update(sysctl={"kernel.msgmax": "8192"}, resources={"pids": {"limit": 3}}, cgroupsPath="/a/b")
    config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["ro"]})
    config["hooks"] = {place: [{"path": f"/{place}"}] for place in spec.shape.HOOKS}
    return config


EVERYTHING = {part: limits for path, value, _ in ADDED if path == "linux.resources" for part, limits in value.items()
              if limits}
ORDER = [  # the first comes before the second, and why
    ("state.reserve_state", "cgroups.create_group", "a name is taken before anything is made in it"),
    ("cgroups.create_group", "pids.set_pids_limit", "the file is in the group"),
    ("pids.set_pids_limit", "cgroups.add_process", "nobody is in there without a limit"),
    ("cgroups.add_process", "cgroup.unshare_cgroup", "the groups joined become the root of what is seen"),
    ("cgroups.add_process", "rootfs.mount_cgroups", "the groups shown are those joined"),
    ("uts.unshare_uts", "uts.set_hostname", "else it is the host's name"),
    ("mount.unshare_mount", "mount.set_propagation", "else it is the host's propagation"),
    ("mount.set_propagation", "rootfs.bind_rootfs", "else the host sees the mount"),
    ("net.unshare_net", "rootfs.mount_sysfs", "sysfs shows the network namespace it was mounted in"),
    ("ipc.unshare_ipc", "rootfs.mount_filesystem", "mqueue shows the IPC namespace it was mounted in"),
    ("rootfs.make_devices", "rootfs.mask_path", "/dev/null is what masks"),
    ("rootfs.pivot_into_rootfs", "rootfs.mask_path", "paths are the container's"),
    ("console.open_console", "rootfs.make_root_readonly", "/dev/console may have to be made"),
    ("sysctl.set_sysctl", "rootfs.make_path_readonly", "/proc/sys is read-only then"),
    ("capabilities.drop_bounding_set", "capabilities.set_capabilities", "dropping needs CAP_SETPCAP"),
    ("capabilities.become_user", "capabilities.set_capabilities", "becoming needs CAP_SETUID"),
    ("process.set_rlimit", "capabilities.become_user", "raising needs CAP_SYS_RESOURCE"),
    ("capabilities.become_user", "process.enter_directory", "the user must be allowed to go there"),
    ("process.find_program", "process.close_descriptors", "nothing is opened after that"),
    ("process.close_descriptors", "process.execute", "it closes at execve"),
]


def test_hooks_come_between_mounts_and_pivot_and_those_of_later_verbs_do_not(config):
    found = [(row[1], row[2][0] if row[2] else "") for row in plan_of(full(config)).rows()]
    at = found.index(("run_hook", "prestart"))
    assert found[at - 1][0] == "link_standard_streams"
    assert found[at:at + 3] == [("run_hook", place) for place in ("prestart", "createRuntime", "createContainer")]
    assert found[at + 3][0] == "pivot_into_rootfs"
    assert [name for name, _ in found].count("run_hook") == 3


def test_a_run_with_hooks_at_its_start_waits_for_them_and_dies_with_its_parent(config):
    assert not plan_of(config, waits=False).waits
    plan = plan_of(full(config), waits=False)
    assert plan.waits
    assert [name for _, name, *_ in plan.inside[-2:]] == ["die_with_parent", "execute"]


def test_a_group_is_made_and_joined_once_for_all_controllers_that_are_asked_for(config):
    config["linux"].update(cgroupsPath="/a/b", resources={
        "pids": {"limit": 3}, "memory": {"limit": 9, "swap": -1}, "cpu": {"quota": 5, "mems": "0"}})
    rows = [(name, args) for _, name, args, *_ in plan_of(config).beside]
    four = ("memory", "cpu", "cpuset", "pids")
    assert rows == [("create_group", ("a/b", four)), ("set_memory_limit", ("a/b", 9)),
                    ("set_swap_limit", ("a/b", 9, -1)), ("set_cpu_quota", ("a/b", 5, 100000)),
                    ("set_cpuset", ("a/b", "", "0")), ("set_pids_limit", ("a/b", 3)),
                    ("add_process", ("a/b", steps.PID, four))]


@pytest.mark.parametrize(("first", "second", "why"), ORDER)
def test_the_kernel_wants_this_order(config, first, second, why):
    found = names(plan_of(full(config)))
    assert found.index(first) < found.index(second), why


def test_after_the_last_change_of_user_the_parents_death_is_asked_for_again(config):
    found = names(plan_of(config))
    assert found[found.index("capabilities.become_user") + 1] == "pid.die_with_parent"


def test_all_that_is_made_on_the_machine_has_an_undo(config):
    plan = plan_of(full(config), overlay=("/image", "/layer"))
    made = [row for row in [*plan.before, *plan.beside] if row[1].startswith(("create_", "make_", "reserve_"))]
    assert [short(row) for row in made if len(row) < 4] == ["rootfs.make_layer"]  # the engine may keep it
    assert [short(row[3]) for row in made if len(row) > 3] == ["state.remove_state", "cgroups.remove_group"]
    assert [row for row in [*plan.alone, *plan.inside] if len(row) > 3] == []


def test_a_plan_touches_nothing(config, monkeypatch):
    config = full(config)
    due = plan_of(config, overlay=("/image", "/layer")).rows()

    def touched(*args: object, **named: object) -> None:
        raise AssertionError(f"the plan touched {args}")
    for name in ("open", "stat", "mkdir", "listdir", "fork", "readlink", "scandir", "unlink"):
        monkeypatch.setattr(os, name, touched)
    for name in [name for name, each in vars(syscalls).items() if "man:" in (getattr(each, "__doc__", "") or "")]:
        monkeypatch.setattr(syscalls, name, touched)
    monkeypatch.setattr(builtins, "open", lambda path, *args, **named: touched(path))
    monkeypatch.setattr(planning.capabilities, "last_capability", lambda: 40)
    monkeypatch.setattr(planning.files, "is_machines_root", lambda: True)
    assert len(plan_of(config, overlay=("/image", "/layer")).rows()) == len(due)


def test_an_unknown_capability_or_propagation_is_refused_before_anything_is_done(config):
    config["process"]["capabilities"]["ambient"] = ["CAP_FLY"]
    with pytest.raises(errors.InvalidConfig, match="CAP_FLY: no such capability"):
        plan_of(config)
    config["process"]["capabilities"].clear()
    config["linux"]["rootfsPropagation"] = "wide"
    with pytest.raises(errors.InvalidConfig, match="'wide' is none"):
        plan_of(config)


def test_a_shared_root_is_a_slave_until_the_pivot(config):
    config["linux"]["rootfsPropagation"] = "shared"
    rows = [row[2] for row in plan_of(config).rows() if row[1] == "set_propagation"]
    assert rows == [("/", syscalls.MS_SLAVE), ("/", syscalls.MS_SHARED)]


# ---- the steps themselves

def all_steps() -> dict[str, Any]:
    """Every step of a plan that has all of them, and what undoes them."""
    config = full(spec.default(["true"], "rootfs", "web", ()))
    config["domainname"] = "d"
    config["process"]["user"]["umask"] = 0
    config["mounts"] += [{"destination": "/x", "source": "/y", "type": "bind", "options": ["rslave"]}]
    config["linux"]["resources"] = EVERYTHING
    plans = [plan_of(config), plan_of(config, overlay=("/image", "/layer"))]
    rows = [row for plan in plans for row in plan.rows()]
    rows += [row[3] for row in rows if len(row) > 3]
    rows += [(process, "become_undumpable"), (console, "open_terminal"), (entering, "execute_hook")]  # of exec
    return {short(row): getattr(row[0], row[1]) for row in rows}


STEPS = all_steps()


@pytest.mark.parametrize("name", sorted(STEPS))
def test_the_first_line_of_a_step_is_one_sentence_without_marks(name):
    first, *rest = STEPS[name].__doc__.splitlines()
    assert first.endswith(".")
    assert re.search(r"[.!?] [A-Z]|[`*_]{1,2}\w+[`*_]{1,2}|::", first) is None
    assert not rest or rest[0] == "", "the sentence ends on the first line"


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_step_is_short_enough_to_be_read(name):
    assert len(inspect.getsource(STEPS[name]).strip().splitlines()) <= 16


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_step_takes_plain_arguments(name):
    source = ast.parse(inspect.getsource(STEPS[name])).body[0]
    assert source.args.vararg is source.args.kwarg is None
    assert source.args.defaults == []
    assert source.decorator_list == []


# ---- in a user namespace

def mapped(config: Config) -> Config:
    """With a user namespace of its own, and a bind mount."""
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000}]
    config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1}]
    config["mounts"].append({"destination": "/x", "source": "/y", "options": ["bind"]})
    return config


def test_ids_are_mapped_before_the_child_does_anything(config):
    plan = plan_of(mapped(config))
    assert plan.clone[2] == (("user", "pid"),)
    assert [short(row) for row in plan.mapped] == ["user.write_id_maps"]
    found = [short(row) for row in plan.alone]
    assert found[:4] == ["pid.die_with_parent", "pid.new_session", "user.become_root", "pid.die_with_parent"]
    assert found.index("user.become_root") < found.index("uts.unshare_uts")


def test_an_ordinary_user_denies_setgroups_before_the_one_group_is_mapped(config, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(planning.files, "is_machines_root", lambda: False)
    plan = plan_of(mapped(config), overlay=("/image", "/layer"))
    assert [short(row) for row in plan.mapped] == ["user.deny_setgroups", "user.write_id_maps"]
    assert "layers.make_user_layer" in names(plan)
    assert "rootfs.mount_user_overlay" in names(plan)
    assert "rootfs.bind_path" in names(plan), "an ordinary user's parent can clone no mount"


def test_in_a_user_namespace_devices_are_the_hosts_and_limits_and_binds_the_parents(config):
    config["process"].update(oomScoreAdj=5, rlimits=[{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}])
    plan = plan_of(mapped(config))
    assert [short(row) for row in plan.mapped[1:]] == ["process.limit_process", "process.score_process"]
    assert [short(row) for row in plan.before] == ["state.reserve_state", "prepared.prepare_mount"]
    assert short(plan.beside[0]) == "prepared.forget_prepared_mounts"
    found = names(plan)
    assert {"rootfs.bind_devices", "prepared.attach_prepared_mount"} <= set(found)
    assert {"process.set_rlimit", "process.set_oom_score", "rootfs.bind_path"} & set(found) == set()


def test_what_the_child_has_to_be_born_in_is_joined_between(config):
    for kind, between in (("pid", ["pid"]), ("ipc", []), ("user", ["user"])):
        entries = [{"type": each} for each in ("pid", "ipc", "mount", "uts", "network") if each != kind]
        config["linux"]["namespaces"] = [*entries, {"type": kind, "path": "/ns"}]
        assert [row[2][1] for row in plan_of(config).between] == between
    config["linux"]["namespaces"] = [*entries, {"type": "user"}]
    entries[1]["path"] = entries[0]["path"] = "/ns"
    config["linux"]["uidMappings"] = config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 1, "size": 9}]
    assert [row[2][1] for row in plan_of(config).between] == ["ipc", "pid"]


def test_clocks_are_moved_before_anybody_is_in_the_time_namespace(config):
    config["linux"]["namespaces"].append({"type": "time"})
    config["linux"]["timeOffsets"] = {"boottime": {"secs": 5}}
    rows = [row for row in plan_of(config).alone if row[0].__name__.endswith(("time", "enter"))]
    assert [(row[1], row[2]) for row in rows] == [
        ("unshare_time", ()), ("write_time_offsets", ((("boottime", 5, 0),),)),
        ("join_namespace", ("/proc/self/ns/time_for_children", "time"))]
