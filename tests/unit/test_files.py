"""Files: whole or not at all, locked by one, opened below a root whatever lies in it; JSON as json reads it."""

import contextlib
import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contain_lab import files, syscalls
from contain_lab.errors import InvalidConfig

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=5)


# ---- where things are

def test_environment_variables_name_other_places(monkeypatch):
    monkeypatch.setenv("CONTAIN_LAB_DATA", "/a")
    monkeypatch.setenv("CONTAIN_LAB_STATE", "/b")
    assert (files.data_dir(), files.state_dir()) == ("/a", "/b")


@pytest.mark.parametrize(("user", "data", "state"), [
    (0, "/var/lib/contain_lab", "/run/contain_lab"), (1000, "/x/contain_lab", "/y/contain_lab")])
def test_root_has_the_systems_places_and_others_their_own(monkeypatch, user, data, state):
    for name in ("CONTAIN_LAB_DATA", "CONTAIN_LAB_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/x")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/y")
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert (files.data_dir(), files.state_dir()) == (data, state)


@pytest.mark.parametrize(("uid", "said", "is_root"), [
    (0, "         0          0 4294967295\n", True), (0, "0 1000 1\n", False), (0, "0 0 65536\n", False),
    (0, None, True), (1000, "0 0 4294967295\n", False)])
def test_root_of_a_user_namespace_is_not_the_machines(monkeypatch, uid, said, is_root):
    def get(path: str) -> str:
        assert path == "/proc/self/uid_map"
        if said is None:
            raise FileNotFoundError(path)
        return said
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(files, "get", get)
    assert files.is_machines_root() == is_root


def test_the_folder_of_the_oci_command_line_has_no_variable_of_its_own(monkeypatch):
    monkeypatch.setenv("CONTAIN_LAB_STATE", "/b")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/y")
    monkeypatch.setattr(files, "is_machines_root", lambda: True)
    assert files.oci_dir() == "/run/contain_lab/oci"
    monkeypatch.setattr(files, "is_machines_root", lambda: False)
    assert files.oci_dir() == "/y/contain_lab/oci"


# ---- writing

def test_a_file_is_written_whole_with_its_mode(tmp_path):
    files.write(f"{tmp_path}/a", "ü" * 5000, 0o640)
    assert (tmp_path / "a").read_text() == "ü" * 5000
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["a"]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    files.write(f"{tmp_path}/a", "old")
    with pytest.raises(UnicodeEncodeError):
        files.write(f"{tmp_path}/a", "new\ud800")
    assert (tmp_path / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_write_over_a_link_replaces_the_link_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "target").write_text("kept")
    (tmp_path / "a").symlink_to("target")
    files.write(f"{tmp_path}/a", "new")
    assert (tmp_path / "target").read_text() == "kept"
    assert not (tmp_path / "a").is_symlink()


def test_put_makes_no_file_and_names_the_one_that_failed(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.put(f"{tmp_path}/a", "x")
    with pytest.raises(OSError, match="Invalid argument") as caught:
        files.put("/proc/self/oom_score_adj", "much")
    assert caught.value.filename == "/proc/self/oom_score_adj"


def test_put_writes_once(tmp_path):
    (tmp_path / "a").write_text("....")
    files.put(f"{tmp_path}/a", "ab")
    assert (tmp_path / "a").read_text() == "ab.."


# ---- locks

def test_a_lock_is_held_by_one(tmp_path):
    first = files.lock(f"{tmp_path}/lock")
    assert first is not None
    assert files.lock(f"{tmp_path}/lock") is None
    os.close(first)
    second = files.lock(f"{tmp_path}/lock")
    assert second is not None
    os.close(second)


def test_those_who_only_ask_do_not_see_each_other(tmp_path):
    asking = [files.lock(f"{tmp_path}/lock", shared=True) for _ in range(3)]
    assert None not in asking
    assert files.lock(f"{tmp_path}/lock") is None
    for handle in asking:
        os.close(handle)


def test_a_lock_ends_at_execve(tmp_path):
    handle = files.lock(f"{tmp_path}/lock")
    assert os.get_inheritable(handle) is False
    os.close(handle)


# ---- below a root

@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with links that lead out of it, beside a file that nobody may reach through them."""
    (tmp_path / "secret").write_text("outside")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "secret").write_text("inside")
    (root / "up").symlink_to("../../..")
    (root / "absolute").symlink_to(tmp_path)
    (root / "etc/link").symlink_to("/../../secret")
    (root / "magic").symlink_to("/proc/self/root")
    (root / "dangling").symlink_to("/new/place")
    return root


def content(handle: int) -> str:
    with open(f"/proc/self/fd/{handle}") as file:
        os.close(handle)
        return file.read()


@pytest.mark.parametrize("path", ["secret", "/secret", "../secret", "/../../secret", "etc/../../secret", "up/secret",
                                  "etc/link", "up/up/up/secret", "./etc/./..//secret"])
def test_no_way_leads_out_of_a_root(root, path):
    assert content(files.open_in_root(str(root), path)) == "inside"


def test_a_rename_elsewhere_in_between_is_no_error(root, monkeypatch):
    again, real = iter([errno.EAGAIN] * 5), syscalls.openat2

    def openat2(*args: Any) -> int:
        if number := next(again, 0):
            raise OSError(number, os.strerror(number))
        return real(*args)
    monkeypatch.setattr(syscalls, "openat2", openat2)
    assert content(files.open_in_root(str(root), "up/secret")) == "inside"
    assert next(again, 0) == 0


def test_a_race_that_never_ends_is_told(root, monkeypatch):
    def openat2(*args: Any) -> int:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    monkeypatch.setattr(syscalls, "openat2", openat2)
    with pytest.raises(BlockingIOError):
        files.open_in_root(str(root), "up/secret")


def test_an_absolute_link_starts_at_the_root(root):
    with pytest.raises(FileNotFoundError):
        files.open_in_root(str(root), "absolute/secret")


@pytest.mark.parametrize("handle", [False, True])
def test_links_of_proc_are_not_followed(root, handle):
    where: Any = os.open("/", os.O_PATH) if handle else "/"
    with pytest.raises(OSError, match="symbolic links"):
        files.open_in_root(where, "/proc/self/root/etc")
    with pytest.raises(OSError, match="symbolic links"):
        files.open_in_root(where, "/proc/self/cwd")
    if handle:
        os.close(where)


def test_what_is_missing_is_made_inside(root, tmp_path):
    os.close(files.make_in_root(str(root), "/up/x/y"))
    os.close(files.make_in_root(str(root), "../../f/g", directory=False))
    assert (root / "x/y").is_dir()
    assert (root / "f/g").is_file()
    assert sorted(os.listdir(tmp_path)) == ["root", "secret"]


def test_what_is_there_stays_as_it_is(root):
    assert content(files.make_in_root(str(root), "/secret", directory=False)) == "inside"
    os.close(files.make_in_root(str(root), "/"))


def test_a_place_behind_a_link_that_leads_nowhere_is_made_where_it_leads(root):
    os.close(files.make_in_root(str(root), "/dangling", directory=False))
    assert (root / "new/place").is_file()
    os.close(files.make_in_root(str(root), "/dangling", directory=False))


def test_a_ring_of_links_ends(root):
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    with pytest.raises(OSError, match="symbolic links"):
        files.make_in_root(str(root), "/one/a")


@settings(max_examples=150, deadline=None)
@given(parts=st.lists(st.sampled_from("../././/etc/up/absolute/link/secret/magic/n".split("/")), max_size=6))
def test_no_path_reaches_or_makes_what_is_outside(tmp_path_factory, parts):
    top = tmp_path_factory.mktemp("top")
    (top / "root/etc").mkdir(parents=True)
    links = {"up": "../../..", "absolute": str(top), "magic": "/proc/self/root", "etc/link": "/../.."}
    for name, target in links.items():
        (top / "root" / name).symlink_to(target)
    with contextlib.suppress(OSError):  # refused is as good as held inside
        handle = files.make_in_root(f"{top}/root", "/".join(parts))
        place = os.readlink(f"/proc/self/fd/{handle}")
        os.close(handle)
        assert f"{place}/".startswith(f"{top}/root/")
    assert os.listdir(top) == ["root"]


# ---- JSON

@given(OBJECTS)
def test_what_is_dumped_is_read_back_the_same(value):
    assert files.parse_json(files.dump_json(value), "x") == value
    assert json.loads(files.dump_json(value)) == value


@given(OBJECTS, st.sampled_from([None, 0, 2]))
def test_what_json_dumps_is_read_as_json_reads_it(value, indent):
    text = json.dumps(value, indent=indent)
    assert files.parse_json(text, "x") == json.loads(text)


def strict(text: str) -> object:
    """The text as json reads it, without the names for what is no number."""
    def refuse(name: str) -> None:
        raise ValueError(name)
    return json.loads(text, parse_constant=refuse)


def damaged(value: object, at: int, new: str) -> str:
    """JSON in which a letter stands as others."""
    text = json.dumps(value)
    at %= len(text) + 1
    return text[:at] + new + text[at + 1:]


LETTERS = st.text('{}[]",:0123456789.eE+-truefalsn \\\n\tuNaI', max_size=24)


@settings(max_examples=400)
@given(LETTERS.map("{{{}".format) | st.builds(damaged, OBJECTS, st.integers(0, 200), st.text(max_size=2)))
@example("")
@example("{")
@example('{"a": NaN}')
@example('{"a": -Infinity}')
@example('{"a": ' + "[" * 100_000)
@example('{"a": 1' + "0" * 5000 + "}")
@example("\ufeff{}")
@example("{}\x1f")
@example("\xa0{}")
@example('{"a": 1} x')
@example('{"a": "\n"}')
@example("[]")
def test_any_text_is_an_object_or_an_error_that_names_the_file(text):
    try:
        due = strict(text)
    except (ValueError, RecursionError):
        due = None
    if isinstance(due, dict):
        assert files.parse_json(text, "/b/config.json") == due
    else:
        with pytest.raises(InvalidConfig, match=r"^/b/config\.json: not "):
            files.parse_json(text, "/b/config.json")


@pytest.mark.parametrize(("text", "message"), [
    ('{"a": }', "x: not valid JSON: expecting value: line 1 column 7 (char 6)"),
    ("", "x: not valid JSON: expecting value: line 1 column 1 (char 0)"),
    ("3", "x: not a JSON object"), ('{"a": NaN}', "x: not valid JSON: nothing in JSON is called NaN"),
])
def test_malformed_text_is_told_with_its_place(text, message):
    with pytest.raises(InvalidConfig) as caught:
        files.parse_json(text, "x")
    assert caught.value.message == message


def test_who_is_alone_in_a_folder_holds_its_lock_until_the_end(tmp_path):
    folder = str(tmp_path / "made")
    with files.Alone(folder):
        assert files.lock(f"{folder}/lock") is None
    handle = files.lock(f"{folder}/lock")
    assert handle is not None
    files.let_go(handle)
