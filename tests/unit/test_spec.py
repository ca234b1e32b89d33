"""A config.json: what is allowed, what is refused, and that no text whatever brings another error."""

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contain_lab import spec
from contain_lab.container.plan import Plan
from contain_lab.errors import ContainLabError, InvalidConfig, Unsupported

Config = dict[str, Any]


@pytest.fixture
def config() -> Config:
    return make_config()


@pytest.fixture(autouse=True, scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled filters are kept in a folder of the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAIN_LAB_DATA", str(tmp_path_factory.mktemp("data")))
        yield


def make_config() -> Config:
    """A config that asks for all that the runtime does."""
    made = spec.default(["sh", "-c", "true"], "rootfs", "web", ("CAP_CHOWN", "CAP_KILL"), ("PATH=/bin",))
    made["annotations"] = {"a": "b"}
    made["domainname"] = "example"
    made["process"].update(rlimits=[{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}], oomScoreAdj=10,
                           consoleSize={"height": 24, "width": 80},
                           user={"uid": 1, "gid": 2, "umask": 0o22, "additionalGids": [3]})
    made["mounts"].append({"destination": "/data", "type": "bind", "source": "/srv", "options": ["rbind", "rslave"]})
    made["mounts"].append({"destination": "/mapped", "type": "bind", "source": "/srv", "options": ["rbind"],
                           "uidMappings": [{"containerID": 0, "hostID": 7, "size": 1}],
                           "gidMappings": [{"containerID": 0, "hostID": 7, "size": 1}]})
    made["linux"].update(
        seccomp={"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "flags": [],
                 "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28,
                               "args": [{"index": 1, "value": 2, "valueTwo": 3, "op": "SCMP_CMP_EQ"}]}]},
        namespaces=[{"type": kind} for kind in spec.NAMESPACES],
        uidMappings=[{"containerID": 0, "hostID": 100000, "size": 65536}],
        gidMappings=[{"containerID": 0, "hostID": 200000, "size": 65536}],
        timeOffsets={"boottime": {"secs": 100, "nanosecs": 0}},
        cgroupsPath="/a/b", sysctl={"net.ipv4.ip_forward": "1"}, rootfsPropagation="rprivate",
        devices=[{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666, "uid": 0, "gid": 0}],
        resources={"pids": {"limit": 5}, "devices": [{"allow": False, "access": "rwm"}],
                   "memory": {"limit": 9, "swap": 9, "reservation": 1, "swappiness": 1, "disableOOMKiller": True},
                   "cpu": {"shares": 9, "quota": 9, "period": 9, "burst": 9, "idle": 0, "cpus": "0", "mems": "0"},
                   "blockIO": {"weight": 9, "weightDevice": [{"major": 8, "minor": 0, "weight": 9}],
                               "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 9}]},
                   "hugepageLimits": [{"pageSize": "2MB", "limit": 0}], "rdma": {"mlx5_1": {"hcaHandles": 3}},
                   "unified": {"memory.high": "1M"}})
    return made


def put(config: Config, path: str, value: object) -> None:
    *folders, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = config
    for part in folders:
        place = place[part] if isinstance(part, int) else place.setdefault(part, {})
    place[last] = value


def test_the_default_and_the_full_config_are_valid(config):
    assert spec.validate(config) is config
    default = spec.default(["sh"], "rootfs", "web", ())
    assert spec.validate(default) == default


@pytest.mark.parametrize(("path", "value", "message"), [
    ("ociVersion", "2.0.0", "ociVersion: '2.0.0': only versions 1.x of the specification are known"),
    ("ociVersion", None, "ociVersion: '': only versions 1.x of the specification are known"),
    ("hostname", 3, "hostname: 3 where text is due"),
    ("process", None, "process: missing"),
    ("process.args", [], "process.args: empty or missing"),
    ("process.args", "sh", "process.args: 'sh' where a list is due"),
    ("process.args", ["sh", None], "process.args[1]: null where a value is due"),
    ("process.args", ["sh", 1], "process.args[1]: 1 where text is due"),
    ("process.args", ["a\0b"], "process.args[0]: 'a\\x00b' holds a zero byte"),
    ("process.cwd", "here", "process.cwd: 'here' is not an absolute path"),
    ("process.terminal", 1, "process.terminal: 1 where true or false is due"),
    ("process.user.uid", True, "process.user.uid: True where a whole number is due"),
    ("process.user.uid", -1, "process.user.uid: -1 is not between 0 and 2^31-1"),
    ("process.user.additionalGids", [1 << 31], "process.user.additionalGids: 2147483648 is not between 0 and 2^31-1"),
    ("root", None, "root.path: missing"),
    ("root.path", "a\0b", "root.path: 'a\\x00b' holds a zero byte"),
    ("mounts.0", 3, "mounts[0]: 3 where an object is due"),
    ("mounts.0", None, "mounts[0]: null where a value is due"),
    ("mounts.0.destination", "", "mounts[0].destination: missing"),
    ("mounts.6.uidMappings", [{"hostID": 1}], "mounts[6].uidMappings[0].containerID: missing"),
    ("mounts.6.gidMappings", [{"containerID": 0, "hostID": 1, "size": 1}],
     "mounts[6].uidMappings: missing, and its ids cannot be mapped without"),
    ("mounts.0.type", None, "mounts[0].type: missing"),
    ("mounts.6.source", None, "mounts[6].source: missing, and a bind mount needs one"),
    ("linux.namespaces", [{"type": "mount"}, {"type": "mount"}], "linux.namespaces: mount stands there twice"),
    ("linux.namespaces", [{"type": "disk"}], "linux.namespaces: 'disk' is no kind of namespace"),
    ("linux.namespaces", [{"type": "mount"}], "hostname: it would be the host's, for there is no uts namespace"),
    ("linux.uidMappings", [], "linux.uidMappings: missing, and a new user namespace needs it"),
    ("linux.uidMappings.0.size", None, "linux.uidMappings[0].size: missing"),
    ("linux.gidMappings.0.size", 0, "linux.gidMappings[0]: 0 ids from containerID 0 are no range of ids"),
    ("linux.gidMappings.0.hostID", 4294967295,
     "linux.gidMappings[0]: 65536 ids from hostID 4294967295 are no range of ids"),
    ("linux.timeOffsets", {"realtime": {}}, "linux.timeOffsets.realtime: only boottime and monotonic can be moved"),
    ("linux.timeOffsets.boottime.nanosecs", 10**9,
     "linux.timeOffsets.boottime.nanosecs: 1000000000 is not below 10^9"),
    ("linux.sysctl", {"kernel.panic": "1"}, "linux.sysctl: kernel.panic would be the host's"),
    ("linux.cgroupsPath", "/a/../../b", "linux.cgroupsPath: '/a/../../b' leads out of the hierarchy"),
    ("linux.devices.0.path", None, "linux.devices[0].path: missing"),
    ("linux.devices.0.type", "x", "linux.devices[0].type: 'x' is none of c, u, b and p"),
    ("linux.resources.memory.limit", "1g", "linux.resources.memory.limit: '1g' where a whole number is due"),
    ("linux.resources.cpu.cpus", 0, "linux.resources.cpu.cpus: 0 where text is due"),
    ("linux.resources.blockIO.throttleReadBpsDevice.0.rate", None,
     "linux.resources.blockIO.throttleReadBpsDevice[0].rate: missing"),
    ("linux.resources.blockIO.weightDevice.0.weight", None,
     "linux.resources.blockIO.weightDevice[0].weight: missing"),
    ("linux.resources.hugepageLimits.0.pageSize", "../2MB",
     "linux.resources.hugepageLimits[0].pageSize: '../2MB' is no size like 2MB"),
    ("linux.resources.unified", {"../memory.max": "1"},
     "linux.resources.unified: '../memory.max' is no file of a controller like memory.high"),
    ("linux.resources.unified", {"cgroup.procs": "1"},
     "linux.resources.unified: 'cgroup.procs' is no file of a controller like memory.high"),
    ("process.rlimits.0.type", None, "process.rlimits[0].type: missing"),
    ("process.rlimits.0.soft", None, "process.rlimits[0].soft: missing"),
    ("linux.seccomp.syscalls.0.args.0.value", "2",
     "linux.seccomp.syscalls[0].args[0].value: '2' where a whole number is due"),
    ("hooks", [], "hooks: [] where an object is due"),
    ("hooks", {"prestart": [{"args": ["x"]}]}, "hooks.prestart[0].path: '' is not an absolute path"),
    ("hooks", {"poststop": [{"path": "x"}]}, "hooks.poststop[0].path: 'x' is not an absolute path"),
    ("hooks", {"createRuntime": [{"path": "/x", "env": "A=1"}]},
     "hooks.createRuntime[0].env: 'A=1' where a list is due"),
    ("hooks", {"createRuntime": [{"path": "/x", "timeout": 0}]},
     "hooks.createRuntime[0].timeout: 0 is not more than 0 seconds"),
    ("process.rlimits.0.hard", -1, "process.rlimits[0].hard: -1 is not between 0 and 2^64-1"),
])
def test_what_is_wrong_is_named_with_its_place(config, path, value, message):
    put(config, path, value)
    with pytest.raises(InvalidConfig) as caught:
        spec.validate(config)
    assert caught.value.message == message


@pytest.mark.parametrize("path", spec.REFUSED)
def test_what_is_not_done_is_refused_by_its_name(config, path):
    put(config, path, {"a": 1})
    with pytest.raises(Unsupported, match=f"^{path}: this runtime does not do it$"):
        spec.validate(config)


@pytest.mark.parametrize("path", spec.REFUSED)
def test_what_is_empty_asks_for_nothing(config, path):
    put(config, path, None)
    assert spec.validate(config) is config


@pytest.mark.parametrize(("path", "value", "message"), [
    ("mounts.0.options", ["idmap"], "mounts[0]: this runtime maps the ids of bind mounts alone"),
])
def test_other_things_that_are_not_done_are_refused_too(config, path, value, message):
    put(config, path, value)
    with pytest.raises(Unsupported) as caught:
        spec.validate(config)
    assert caught.value.message == message


def test_a_mount_namespace_of_its_own_is_demanded(config):
    for namespaces in ([], [{"type": "mount", "path": "/proc/1/ns/mnt"}]):
        config["linux"]["namespaces"] = namespaces
        with pytest.raises(Unsupported, match="a mount namespace of the container's own is needed"):
            spec.validate(config)


def test_what_the_specification_does_not_know_is_ignored(config):
    config["x-new"] = config["process"]["x-new"] = config["linux"]["x-new"] = {"a": [1]}
    assert spec.validate(config) is config


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a config."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


WRONG = st.sampled_from(["delete", None, 0, -1, 1 << 70, True, "", "a\0b", "/", "..",
                         [], [None], [[]], {}, {"a": None}, 1.5,
                         [{}], "x" * 5000, "\ud800"])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(places(make_config())[1:]), WRONG), min_size=1, max_size=3))
def test_a_changed_config_is_valid_or_an_error_of_ours(changes):
    config = make_config()
    for place, value in changes:
        inner: Any = config
        with contextlib.suppress(KeyError, IndexError, TypeError):  # an earlier change may have taken the place away
            for key in place[:-1]:
                inner = inner[key]
            if value == "delete":
                del inner[place[-1]]
            else:
                inner[place[-1]] = copy.deepcopy(value)
    with contextlib.suppress(ContainLabError):  # any other exception fails the test
        plan = Plan(spec.validate(config), "/root", "/state/x")
        assert plan.rows()
        plan.program()


def test_an_ambient_capability_that_nobody_can_have_is_left_out_and_told(config):
    sets = config["process"]["capabilities"]
    sets.update(inheritable=["CAP_CHOWN", "CAP_SYS_TIME"], ambient=["CAP_CHOWN", "CAP_KILL", "CAP_SYS_TIME"])
    assert spec.not_granted(config) == ["CAP_KILL", "CAP_SYS_TIME"]
    assert spec.warnings(config) == [
        "process.capabilities.ambient: CAP_KILL, CAP_SYS_TIME: not inheritable and permitted, so not granted"]
    rows = Plan(config, "/root", "/state/x").rows()
    assert next(args[3] for _, name, args, *_ in rows if name == "set_capabilities") == ("CAP_CHOWN",)
    assert spec.warnings(make_config()) == []


def test_a_relative_root_is_relative_to_the_bundle(tmp_path, config):
    (tmp_path / "rootfs").mkdir()
    assert spec.root_path(config, str(tmp_path)) == f"{tmp_path}/rootfs"
    config["root"]["path"] = str(tmp_path)
    assert spec.root_path(config, "/nowhere") == str(tmp_path)


def test_a_root_that_is_not_there_is_named_as_it_stands_in_the_config(tmp_path, config):
    with pytest.raises(InvalidConfig, match=r"^root.path: rootfs: no such directory$"):
        spec.root_path(config, str(tmp_path))


def test_a_part_that_is_not_there_is_none(config):
    assert spec.part(config, "process.user.gid") == 2
    assert spec.part(config, "process.args.gid") is None
    assert spec.part({}, "a.b.c") is None
