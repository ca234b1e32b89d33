"""The life of a container by its verbs; RUNTIME=runc runs the same against another runtime."""

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

pytestmark = [pytest.mark.blackbox, pytest.mark.needs("root", "busybox")]


def test_a_container_is_created_running_stopped_and_gone(bundle):
    bundle.process["args"] = ["sleep", "60"]
    bundle.create()
    assert bundle.status() == "created"
    bundle.start()
    assert bundle.status() == "running"
    bundle.command("kill", bundle.id, "KILL")
    os.waitpid(bundle.state()["pid"] or -1, 0)
    assert bundle.status() == "stopped"
    bundle.command("delete", bundle.id)
    assert bundle.run_command("state", bundle.id).code != 0


def test_a_created_container_has_not_run_its_program(own_bundle):
    own_bundle.process["args"] = ["touch", "/done"]
    own_bundle.create()
    assert not (own_bundle.rootfs / "done").exists()
    pid = own_bundle.state()["pid"]
    own_bundle.start()
    os.waitpid(pid, 0)
    assert (own_bundle.rootfs / "done").exists()


def test_the_state_is_as_the_specification_has_it(bundle):
    bundle.config["annotations"] = {"org.example.key": "ü"}
    bundle.up()
    state = bundle.state()
    assert state["id"] == bundle.id
    assert state["bundle"] == str(bundle.folder)
    assert state["annotations"] == {"org.example.key": "ü"}
    assert state["ociVersion"].startswith("1.")
    assert Path(f"/proc/{state['pid']}/root").exists()


@pytest.mark.parametrize(("program", "code"), [("exit 0", 0), ("exit 3", 3), ("exit 255", 255)])
def test_the_exit_code_is_the_programs(bundle, program, code):
    assert bundle.lived(program).code == code


@pytest.mark.parametrize("word", ["TERM", "SIGTERM", "15"])
def test_a_signal_arrives_by_its_name_or_number(own_bundle, word):
    pid = own_bundle.up("trap 'exit 42' TERM; touch /ready; while :; do sleep 0.02; done")
    while not (own_bundle.rootfs / "ready").exists():
        pass
    own_bundle.command("kill", own_bundle.id, word)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42


def test_a_created_container_is_killed_and_deleted(bundle):
    bundle.create()
    pid = bundle.state()["pid"]
    bundle.command("kill", bundle.id, "KILL")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert bundle.status() == "stopped"
    bundle.command("delete", bundle.id)


def test_a_created_container_is_deleted_by_force(bundle):
    bundle.create()
    pid = bundle.state()["pid"]
    bundle.command("delete", "--force", bundle.id)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_a_running_container_is_deleted_by_force_only(bundle):
    bundle.up()
    assert bundle.run_command("delete", bundle.id).code != 0
    assert bundle.status() == "running"
    bundle.command("delete", "--force", bundle.id)
    assert bundle.run_command("state", bundle.id).code != 0


def test_deleting_by_force_what_is_not_there_is_no_error(bundle):
    assert bundle.run_command("delete", "--force", "cl-test-nobody").code == 0
    assert bundle.run_command("delete", "cl-test-nobody").code != 0


def test_the_same_bundle_lives_twice(bundle):
    assert bundle.says("echo one") == "one"
    bundle.command("delete", bundle.id)
    assert bundle.says("echo two") == "two"


def test_two_containers_share_a_bundle(bundle):
    bundle.up()
    other = f"{bundle.id}-b"
    bundle.command("create", "--bundle", str(bundle.folder), other)
    bundle.command("start", other)
    bundle.command("delete", "--force", other)
    assert bundle.status() == "running"


def test_a_name_is_taken_once(bundle):
    bundle.up()
    assert bundle.try_create().code != 0
    assert bundle.status() == "running"


def test_a_container_is_started_once(bundle):
    bundle.up()
    assert bundle.run_command("start", bundle.id).code != 0
    assert bundle.status() == "running"


def test_a_container_that_has_ended_is_neither_started_nor_killed(bundle):
    bundle.lived("true")
    assert bundle.run_command("start", bundle.id).code != 0
    assert bundle.run_command("kill", bundle.id, "KILL").code != 0
    bundle.command("delete", bundle.id)


@pytest.mark.parametrize("words", [("start",), ("state",), ("kill",), ("delete",)])
def test_who_is_not_there_cannot_be_asked(bundle, words):
    done = bundle.run_command(*words, "cl-test-nobody")
    assert done.code != 0
    assert done.err


def test_the_pid_is_in_the_file_that_was_asked_for(bundle):
    bundle.create("--pid-file", str(bundle.folder / "pid"))
    assert (bundle.folder / "pid").read_text() == str(bundle.state()["pid"])


def test_a_terminal_comes_over_the_console_socket(bundle, tmp_path):
    bundle.process.update(terminal=True, consoleSize={"height": 31, "width": 97},
                          args=["sh", "-c", "tty; stty size; sleep 60"])
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s"))
    server.listen()
    server.settimeout(10)
    taken: list[int] = []

    def take() -> None:
        connection = server.accept()[0]
        taken.extend(socket.recv_fds(connection, 64, 1)[1])
        connection.close()
    thread = threading.Thread(target=take)
    thread.start()
    bundle.create("--console-socket", str(tmp_path / "s"))
    thread.join()
    server.close()
    bundle.start()
    said = b""
    while said.count(b"\n") < 2:
        said += os.read(taken[0], 100)
    os.close(taken[0])
    assert said.split() == [b"/dev/pts/0", b"31", b"97"]
