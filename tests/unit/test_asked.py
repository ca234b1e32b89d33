"""What a person asks of a container: variables, volumes, capabilities, users; and the spec that comes of it."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contain_lab import capabilities, engine, image
from contain_lab.container.plan import DEFAULT_PATH
from contain_lab.engine import asked, names, preparing, telling, users
from contain_lab.engine.asked import Asked
from contain_lab.errors import ContainLabError, InvalidConfig, NotFound, Unsupported, UsageError


def test_an_unknown_wish_is_an_error():
    with pytest.raises(AttributeError):
        Asked(colour="green")


# ---- environment

def test_of_two_values_the_later_one_counts(tmp_path, monkeypatch):
    monkeypatch.setenv("HERE", "from here")
    monkeypatch.delenv("NOWHERE", raising=False)
    file = tmp_path / "env"
    file.write_text("# a comment\n\nFILE=1\nBOTH=file\nHERE\n  SPACED=a b  \n")
    found = asked.environment(["PATH=/bin", "HOME=/image"], {"HOME": "/ours", "TERM": "xterm"},
                              Asked(env_file=[str(file)], env=["BOTH=option", "NOWHERE", "EQUALS=a=b", "EMPTY="]))
    assert found == ["HOME=/image", "TERM=xterm", "PATH=/bin", "FILE=1", "BOTH=option", "HERE=from here",
                     "SPACED=a b", "EQUALS=a=b", "EMPTY="]


@pytest.mark.parametrize("entry", ["=x", "", "a b=c"])
def test_a_variable_has_a_name(entry):
    with pytest.raises(UsageError, match="names no variable"):
        asked.environment([], {}, Asked(env=[entry]))


# ---- volumes

def test_a_volume_is_a_bind_mount(tmp_path):
    (tmp_path / "b").mkdir()
    found = asked.volumes(Asked(volume=[f"{tmp_path}/b:/data/below:ro,rslave", f"{tmp_path}:/data/"]))
    assert [(each["source"], each["destination"], each["options"]) for each in found] == [
        (str(tmp_path), "/data", ["rbind", "rprivate"]), (f"{tmp_path}/b", "/data/below", ["rbind", "rslave", "rro"])]


def test_a_relative_source_is_in_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert asked.volume("./:/x")["source"] == str(tmp_path)


@pytest.mark.parametrize(("text", "said"), [
    ("/a", "a path on this machine and one in the container"), (":/a", "a path on this machine"),
    ("/:/b:ro:x", "a path on this machine"), ("data:/x", "'data' is no path on this machine"),
    ("/:x", "'x' is no place"), ("/:/", "'/' is no place"), ("/:/..", "'/..' is no place"), ("/:", "'' is no place"),
    ("/:/x:shiny", "no option 'shiny'"), ("/:/x:ro,", "no option ''"),
])
def test_what_is_no_volume_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        asked.volume(text)


def test_two_volumes_at_one_place_are_refused():
    with pytest.raises(UsageError, match="volume /x: two are asked for"):
        asked.volumes(Asked(volume=["/:/x", "/tmp:/x/"]))


def test_a_source_that_is_not_there_is_told_with_its_path():
    with pytest.raises(FileNotFoundError) as caught:
        asked.volume("/no/such:/x")
    assert (caught.value.filename, caught.value.hint) == ("volume /no/such", "mkdir -p /no/such")


WORDS = st.lists(st.sampled_from(["/", "/tmp", "/x", ".", "..", ":", "ro", "rw", ",", "shared", "", "a\n", "/../.."])
                 ).map("".join) | st.text(max_size=20).filter(lambda text: "\0" not in text)


@given(WORDS)
def test_whatever_is_written_is_a_volume_or_an_error_of_ours(text):
    with contextlib.suppress(UsageError, OSError):
        found = asked.volume(text)
        assert os.path.exists(found["source"])
        assert os.path.isabs(found["destination"])
        assert found["destination"].strip("/")
        assert ".." not in found["destination"].split("/")


# ---- capabilities

OWN = [*capabilities.DEFAULT, "CAP_SYS_ADMIN"]


@pytest.mark.parametrize(("add", "drop", "due"), [
    ([], [], {*capabilities.DEFAULT}), ([], ["ALL"], set()), ([], ["all"], set()), (["ALL"], [], {*OWN}),
    (["net_raw"], ["ALL"], {"CAP_NET_RAW"}), (["SYS_ADMIN"], [], {*OWN}), (["ALL"], ["ALL"], {*OWN}),
    (["CAP_CHOWN"], ["CAP_CHOWN"], {*capabilities.DEFAULT}),
    ([], ["cap_chown"], {*capabilities.DEFAULT} - {"CAP_CHOWN"}),
])
def test_capabilities_are_dropped_then_added(add, drop, due):
    assert set(asked.kept_capabilities(Asked(cap_add=add, cap_drop=drop), capabilities.DEFAULT, OWN)) == due


def test_a_privileged_one_gets_all_that_we_have():
    assert asked.kept_capabilities(Asked(privileged=True), capabilities.DEFAULT, OWN) == OWN


@pytest.mark.parametrize(("words", "said"), [
    (["NO_SUCH"], "capability NO_SUCH: no such capability"), ([""], "no such capability"),
    (["SYS_BOOT"], "CAP_SYS_BOOT: this process has it not"),
])
def test_what_cannot_be_added_is_refused(words, said):
    with pytest.raises(UsageError, match=said):
        asked.kept_capabilities(Asked(cap_add=words), capabilities.DEFAULT, OWN)


# ---- users

@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nbroken\n"
        "1001:x:0:0::/:/bin/sh\nbob:x:1002:100::/home/bob:/bin/sh\nodd:x:x:0::/:/bin/sh\nempty:x:7:7:::\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nusers:x:100:alice\nwheel:x:10:alice,bob\n1003:x:0:\nbroken\n")
    return str(tmp_path)


@pytest.mark.parametrize(("text", "due"), [
    ("", (0, 0, [], "/root")), ("alice", (1000, 1000, [100, 10], "/home/alice")),
    ("1000", (1000, 1000, [100, 10], "/home/alice")), ("alice:wheel", (1000, 10, [], "/home/alice")),
    ("bob:77", (1002, 77, [], "/home/bob")), ("1001", (1001, 0, [], "/")), ("4242", (4242, 0, [], "/")),
    ("4242:1003", (4242, 1003, [], "/")), (":users", (0, 100, [], "/root")), ("empty", (7, 7, [], "/")),
])
def test_a_user_is_looked_up_in_the_container(root, text, due):
    found = users.look_up(root, text)
    assert (found.uid, found.gid, found.groups, found.home) == due


@pytest.mark.parametrize("text", ["nobody", "alice:nogroup", "odd", "broken", "٣", "-1", "+1", " 1", "0x10", "1_0"])
def test_a_name_that_is_not_there_is_refused_and_is_no_number(root, text):
    with pytest.raises(NotFound, match="no such name in the container's /etc/"):
        users.look_up(root, text)


@pytest.mark.parametrize("text", ["2147483648", "0:4294967296", "9" * 5000, "0:" + "9" * 5000, "huge"])
def test_an_id_that_is_too_large_is_refused(root, text):
    with open(f"{root}/etc/passwd", "a") as file:
        file.write(f"huge:x:{'9' * 5000}:0::/:\n")
    with pytest.raises(UsageError, match="an id is not below 2\\^31"):
        users.look_up(root, text)


def test_without_its_files_a_container_has_numbers(tmp_path):
    assert users.look_up(str(tmp_path), "5:6").uid == 5
    (tmp_path / "etc").write_text("a file")
    assert users.look_up(str(tmp_path), "").home == "/root"


def test_a_link_out_of_the_root_does_not_lead_out(root, tmp_path):
    os.unlink(f"{root}/etc/passwd")
    os.symlink("/etc/passwd", f"{root}/etc/passwd")  # to itself, seen from within
    with pytest.raises(OSError, match="symbolic links"):
        users.look_up(root, "daemon")
    os.unlink(f"{root}/etc/passwd")
    os.symlink("../../../../../../etc/hostname", f"{root}/etc/passwd")
    assert users.look_up(root, "").uid == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.lists(st.sampled_from(["root", "a", ":", "0", "x", "\n", "-1", "²"])).map(
    lambda words: "".join(words).encode()), st.sampled_from(["", "a", "a:x", "0", "0:a", "x:0"]))
def test_whatever_stands_in_the_files_is_an_answer_or_an_error_of_ours(root, text, asked_for):
    for name in ("passwd", "group"):
        Path(root, "etc", name).write_bytes(text)
    with contextlib.suppress(NotFound):
        found = users.look_up(root, asked_for)
        assert min(found.uid, found.gid, *found.groups) >= 0


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_waited_for(root, make):
    os.unlink(f"{root}/etc/passwd")
    make(f"{root}/etc/passwd")
    with pytest.raises(ContainLabError, match="/etc/passwd in the container: it is no file"):
        users.look_up(root, "alice")


def test_a_file_without_end_is_refused(root):
    os.truncate(f"{root}/etc/group", 1 << 40)
    with pytest.raises(ContainLabError, match="/etc/group in the container: it is larger than 4 MiB"):
        users.look_up(root, "alice")


# ---- names

def test_names_can_be_said_and_seldom_meet():
    made = {names.make_name() for _ in range(50)}
    assert len(made) > 40
    assert all(names.check_name(name) and name.count("_") == 1 for name in made)
    assert len(set(names.ADJECTIVES)) == len(names.ADJECTIVES)
    assert len(set(names.NOUNS)) == len(names.NOUNS)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".a", "-a", "a b", "ä", "a\n", "x" * 129])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UsageError, match="letters, digits and _"):
        names.check_name(name)


# ---- the spec

@pytest.fixture
def configure(root, monkeypatch):
    """The config of a container whose image has these settings."""
    def made(settings=None, command=(), **wishes):
        found = image.Image("busybox", root, {"config": settings or {}})
        return preparing.configure(found, list(command), Asked(**wishes), "/root", "web")
    return made


def test_the_image_says_what_is_not_asked_for(configure):
    settings = {"User": "alice", "WorkingDir": "/srv", "Env": ["A=1"], "Entrypoint": ["/init"], "Cmd": ["x"],
                "StopSignal": "SIGINT"}
    config = configure(settings)
    process = config["process"]
    assert (process["args"], process["cwd"]) == (["/init", "x"], "/srv")
    assert process["env"] == [f"PATH={DEFAULT_PATH}", "HOME=/home/alice", "A=1"]
    assert process["user"] == {"uid": 1000, "gid": 1000, "additionalGids": [100, 10]}
    assert config["annotations"] == {"contain_lab.image": "busybox", "org.opencontainers.image.stopSignal": "SIGINT"}
    asked_for = configure(settings, ["y"], user="0:5", workdir="/tmp", env=["A=2"])["process"]
    assert (asked_for["args"], asked_for["cwd"]) == (["/init", "y"], "/tmp")
    assert asked_for["env"][1:] == ["HOME=/root", "A=2"]
    assert asked_for["user"] == {"uid": 0, "gid": 5, "additionalGids": []}


def test_a_network_of_the_host_needs_no_namespace(configure):
    assert {"type": "network"} in configure()["linux"]["namespaces"]
    assert {"type": "network"} not in configure(network="host")["linux"]["namespaces"]
    with pytest.raises(NotFound, match="network nowhere: no such network"):
        configure(network="nowhere")


def test_a_volume_takes_the_place_of_a_default_mount(configure, tmp_path):
    places = [entry["destination"] for entry in configure(volume=[f"{tmp_path}:/dev/shm"])["mounts"]]
    assert places.count("/dev/shm") == 1
    assert places[-1] == "/dev/shm"


def test_a_privileged_one_has_no_walls(configure):
    config = configure(privileged=True)
    assert not any(config["linux"].get(key) for key in ("seccomp", "maskedPaths", "readonlyPaths"))
    assert "devices" not in config["linux"]["resources"]
    assert config["process"]["noNewPrivileges"] is False
    paths = [entry["path"] for entry in config["linux"]["devices"]]
    assert "/dev/null" in paths
    assert not {"/dev/console", "/dev/ptmx"} & {*paths}


def test_a_profile_is_ours_or_none_or_a_file(configure, tmp_path):
    assert configure()["linux"]["seccomp"]["defaultAction"]
    assert configure(seccomp="unconfined")["linux"]["seccomp"] is None
    (tmp_path / "profile").write_text('{"defaultAction": "SCMP_ACT_LOG"}')
    assert configure(seccomp=f"{tmp_path}/profile")["linux"]["seccomp"] == {"defaultAction": "SCMP_ACT_LOG"}
    with pytest.raises(InvalidConfig):
        configure(seccomp=__file__)


@pytest.mark.parametrize("profile", [
    '{"defaultAction": "SCMP_ACT_ERRNO", "archMap": []}',
    '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["bpf"], "includes": {"caps": ["CAP_BPF"]}}]}'])
def test_a_profile_with_conditions_is_refused(tmp_path, profile):
    """Taken without its conditions it would allow what it does not."""
    (tmp_path / "profile").write_text(profile)
    with pytest.raises(Unsupported, match="with conditions"):
        asked.read_profile(f"{tmp_path}/profile")


# ---- what is told

@pytest.mark.parametrize(("seconds", "said"), [
    (-1, "0 seconds"), (1, "1 second"), (59.9, "59 seconds"), (60, "1 minute"), (7199, "1 hour"), (86400, "1 day"),
    (8 * 86400, "1 week"), (400 * 86400, "57 weeks")])
def test_time_is_told_in_words(seconds, said):
    assert telling.ago(seconds) == said


def test_what_a_command_line_asks_is_found_by_its_names():
    options = type("Options", (), {})()
    vars(options).update(name="web", user="1", image="busybox", rm=True)
    found = engine.asked_of(options)
    assert (found.name, found.user, found.tty) == ("web", "1", False)
