"""Bad input and failures: an error, and nothing left; RUNTIME=runc runs the same against another runtime."""

import json
import os
from pathlib import Path

import pytest

pytestmark = [pytest.mark.blackbox, pytest.mark.needs("root", "busybox")]


def refused(bundle, *words: str) -> str:
    """What is said where create fails; nothing is left of it."""
    done = bundle.try_create(*words)
    assert done.code != 0
    assert done.err
    assert bundle.run_command("state", bundle.id).code != 0
    return done.err


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"ociVersion": "1.0.2"', "\0", '{"ociVersion": 3}'])
def test_a_config_that_is_no_json_object_is_refused(bundle, text):
    bundle.folder.joinpath("config.json").write_text(text)
    assert bundle.run_command("create", "--bundle", str(bundle.folder), bundle.id).code != 0
    assert bundle.run_command("state", bundle.id).code != 0


def test_a_folder_without_a_config_is_no_bundle(bundle, tmp_path):
    done = bundle.run_command("create", "--bundle", str(tmp_path), bundle.id)
    assert done.code != 0
    assert "config.json" in done.err


@pytest.mark.parametrize(("path", "value"), [
    ("process.args", []), ("process.cwd", "relative"), ("process.cwd", None), ("root.path", "nowhere"),
    ("process.args", "sh"), ("linux.namespaces", [{"type": "disk"}]), ("hostname", 3),
    ("linux.namespaces", [{"type": "uts"}, {"type": "uts"}, {"type": "mount"}]),
])
def test_a_config_that_says_nonsense_is_refused(bundle, path, value):
    *folders, last = path.split(".")
    part = bundle.config
    for folder in folders:
        part = part[folder]
    part[last] = value
    assert refused(bundle)


@pytest.mark.parametrize("name", ["a/b", "..", "/", "a b", ""])
def test_a_name_that_is_no_name_is_refused(bundle, name):
    bundle.write()
    assert bundle.run_command("create", "--bundle", str(bundle.folder), name).code != 0
    assert not Path(bundle.folder / "b").exists()


@pytest.mark.parametrize("program", ["nowhere-at-all", "/etc/passwd", "/bin"])
def test_a_program_that_cannot_be_executed_is_an_error_of_create(bundle, program):
    bundle.process["args"] = [program]
    assert program in refused(bundle)


def test_a_host_name_without_its_namespace_is_refused(bundle):
    bundle.linux["namespaces"] = [{"type": kind} for kind in ("mount", "pid", "ipc", "network")]
    before = os.uname().nodename
    refused(bundle)
    assert os.uname().nodename == before


def test_a_parameter_of_the_host_is_refused(bundle):
    bundle.linux["sysctl"] = {"kernel.panic": "7"}
    before = Path("/proc/sys/kernel/panic").read_text()
    refused(bundle)
    assert Path("/proc/sys/kernel/panic").read_text() == before


def test_a_bind_of_what_is_not_there_is_refused(bundle):
    bundle.config["mounts"].append({"destination": "/etc", "type": "bind", "source": "/nowhere/at/all",
                                    "options": ["bind"]})
    assert "/nowhere/at/all" in refused(bundle)


def test_an_unknown_file_system_is_refused(bundle):
    bundle.config["mounts"].append({"destination": "/tmp", "type": "nofs", "source": "x"})
    assert "no such device" in refused(bundle)


def test_a_terminal_without_a_socket_is_refused(bundle):
    bundle.process["terminal"] = True
    assert "socket" in refused(bundle)


def test_a_failed_create_leaves_no_process_and_no_mount(bundle):
    mounts = Path("/proc/self/mountinfo").read_text()
    bundle.process["args"] = ["nowhere-at-all"]
    refused(bundle)
    assert Path("/proc/self/mountinfo").read_text() == mounts
    bundle.process["args"] = ["sh", "-c", "echo after"]
    assert bundle.lived().out == "after\n"


def test_an_error_is_in_the_log_that_was_asked_for(bundle):
    log = bundle.folder / "log"
    done = bundle.run_command("--log", str(log), "--log-format", "json", "state", "cl-test-nobody")
    assert done.code != 0
    last = json.loads(log.read_text().splitlines()[-1])
    assert last["level"] == "error"
    assert "cl-test-nobody" in last["msg"] or "not exist" in last["msg"]
