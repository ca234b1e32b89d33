"""The words between a machine and us: whole frames only, and no client's leavings reach the next one."""

import json
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from contain_lab.errors import ContainLabError
from contain_lab.vm import qemu
from contain_lab.vm.command_server import HEAD, LONGEST, HungUp, Session, frame, take_frames
from contain_lab.vm.session import Session as Outside


def test_frames_come_out_as_they_went_in_whatever_the_pieces():
    sent, data, found = [(b"c", b"\0ab"), (b"i", b""), (b"x", b"\0"), (b"o", bytes(70000))], bytearray(), []
    stream = b"".join(frame(*each) for each in sent)
    for start in range(0, len(stream), 7):
        data += stream[start:start + 7]
        found += take_frames(data)
    assert found == sent
    assert data == b""


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5, 6, 100, HEAD.size + LONGEST - 1])
def test_zeros_end_what_a_killed_client_has_begun(cut: int):
    data = bytearray(frame(b"i", b"q" * LONGEST)[:cut] + bytes(LONGEST + HEAD.size) + frame(b"h", b"n" * 16))
    assert take_frames(data)[-1] == (b"h", b"n" * 16)
    assert data == b""


@pytest.fixture
def machine(tmp_path: Path):
    """A folder with one port, behind which a command server answers, as in a machine."""
    door = socket.socket(socket.AF_UNIX)
    door.bind(f"{tmp_path}/port0")
    door.listen()

    def serve() -> None:
        while True:
            client, _ = door.accept()
            with client:
                if client.recv(1, socket.MSG_PEEK) == b"q":
                    return
                client.setblocking(False)
                Session(client.fileno()).serve()

    server = threading.Thread(target=serve)
    server.start()
    yield str(tmp_path)
    with socket.socket(socket.AF_UNIX) as last:
        last.connect(f"{tmp_path}/port0")
        last.send(b"q")
        server.join()
    door.close()


def run(folder: str, *argv: str, given: bytes = b"") -> tuple[int, bytes, bytes]:
    """A command's exit code, output and errors."""
    results = [os.memfd_create(name) for name in ("in", "out", "err")]
    try:
        os.write(results[0], given)
        os.lseek(results[0], 0, os.SEEK_SET)
        with Outside("cl-unit", folder) as session:
            code = session.run(list(argv), "/", handles=(results[0], results[1], results[2]))
        out, err = (os.pread(each, 1 << 24, 0) for each in results[1:])
    finally:
        for each in results:
            os.close(each)
    return code, out, err


def test_output_errors_and_code_are_the_commands(machine: str):
    assert run(machine, "sh", "-c", "echo out; echo err >&2; exit 7") == (7, b"out\n", b"err\n")


def test_input_reaches_the_command_to_its_end(machine: str):
    given = os.urandom(300_000)
    assert run(machine, "cat", given=given) == (0, given, b"")


def test_arguments_arrive_as_they_are_even_long_ones(machine: str):
    words = ["a b", "", "$HOME", "ü\n*", "x" * 3 * LONGEST]
    code, out, _ = run(machine, sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))", *words)
    assert (code, json.loads(out)) == (0, words)


@pytest.mark.parametrize(("argv", "code"), [(["no-such-command"], 127), (["/etc/passwd"], 126),
                                            (["sh", "-c", "kill -9 $$"], 137), (["sh", "-c", "exit 255"], 255)])
def test_exit_codes_are_a_shells(machine: str, argv: list[str], code: int):
    assert run(machine, *argv)[0] == code


def test_a_command_ends_with_the_client_that_hangs_up(machine: str, tmp_path: Path):
    with Outside("cl-unit", machine) as session:
        argv = ["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 98765"]
        asked = {"argv": argv, "cwd": "/", "env": os.environ.copy()}
        text = json.dumps(asked).encode()
        for start in range(0, len(text), LONGEST):
            session.send(b"c", text[start:start + LONGEST])
        session.send(b"r")
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            os.sched_yield()
    assert run(machine, "true")[0] == 0
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_a_machine_that_does_not_run_is_said(tmp_path: Path):
    with pytest.raises(ContainLabError, match="machine 'cl-none': it does not run"):
        Outside("cl-none", str(tmp_path))


def test_a_server_that_does_not_answer_is_said(tmp_path: Path):
    doors = [socket.socket(socket.AF_UNIX) for _ in range(qemu.PORTS)]
    for number, door in enumerate(doors):
        door.bind(f"{tmp_path}/port{number}")
        door.listen()
    with pytest.raises(ContainLabError, match="no answer from its command server"):
        Outside("cl-mute", str(tmp_path), wait=0.05)
    for door in doors:
        door.close()


def test_the_server_tells_a_client_that_has_gone(tmp_path: Path):
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs, pytest.raises(HungUp):
        Session(theirs.fileno()).turn()
