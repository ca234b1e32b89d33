"""What list, ps and features say, without a container; options of the OCI command line."""

import pytest

from contain_lab.cli import export, oci, oci_asked, oci_exec
from contain_lab.container import processes
from contain_lab.errors import UsageError


def test_options_are_read_in_both_forms_and_more_than_once():
    words = ["-e", "A=1", "--env=B=2", "--tty", "box", "sh", "-e"]
    assert oci.read_options(words, "--env/-e", "--tty/-t") == {"--env": ["A=1", "B=2"], "--tty": ["yes"]}
    assert words == ["box", "sh", "-e"]


def test_what_follows_two_dashes_is_no_option():
    words = ["--", "--tty"]
    assert oci.read_options(words, "", "--tty") == {}
    assert words == ["--tty"]


@pytest.mark.parametrize("words", [["--env"], ["--no-such"], ["-x"]])
def test_an_option_without_its_value_or_of_no_name_is_refused(words):
    with pytest.raises(UsageError):
        oci.read_options(words, "--env/-e", "")


def test_lines_of_other_processes_are_left_out():
    table = "UID   PID CMD\nroot    7 sleep 8\nroot    8 sleep 7\n"
    assert oci_asked.of_processes(table, {8}) == ["UID   PID CMD", "root    8 sleep 7"]
    with pytest.raises(UsageError, match="no column PID"):
        oci_asked.of_processes("CMD\nsleep\n", {8})


def test_who_descends_from_a_process_is_found_at_any_depth():
    assert processes.descendants({5}, {5: 1, 6: 5, 7: 6, 8: 1, 9: 7}) == {5, 6, 7, 9}
    assert processes.descendants({4}, {5: 1}) == set()


def test_features_name_what_is_done():
    said = oci_asked.features()
    assert {"user", "time", "cgroup"} <= set(said["linux"]["namespaces"])
    assert {"ro", "rro", "rbind", "rshared", "idmap", "tmpcopyup"} <= set(said["mountOptions"])
    assert said["linux"]["mountExtensions"]["idmap"]["enabled"]
    assert "CAP_SYS_ADMIN" in said["linux"]["capabilities"]


def test_a_process_is_the_containers_with_what_was_asked_for():
    own = {"args": ["true"], "cwd": "/etc", "env": ["A=1"], "user": {"uid": 5, "gid": 6, "additionalGids": [7]},
           "capabilities": {"bounding": ["CAP_KILL"], "inheritable": []}, "terminal": True}
    given = {"--env": ["B=2"], "--user": ["8"], "--cap": ["CAP_CHOWN"], "--additional-gids": ["9"]}
    asked = oci_exec.asked_process(own, given, ["--", "id"])
    assert (asked["args"], asked["cwd"], asked["env"], asked["terminal"]) == (["id"], "/etc", ["A=1", "B=2"], False)
    assert asked["user"] == {"uid": 8, "gid": 6, "additionalGids": [7, 9]}
    assert asked["capabilities"] == {"bounding": ["CAP_KILL", "CAP_CHOWN"], "effective": ["CAP_CHOWN"],
                                     "permitted": ["CAP_CHOWN"], "inheritable": []}


def test_an_exported_runtime_has_the_file_of_every_command():
    exported = {name for _, name in export.package_files()}
    assert {f"contain_lab/cli/{file}.py" for file in oci.ELSEWHERE.values()} <= exported
