"""The program that waits: its bytes are what its assembly says, and it is a file that the kernel loads."""

import contextlib
import os
import pty
import signal
import struct
import subprocess

import pytest

from contain_lab.container import trampoline
from contain_lab.errors import Unsupported


@pytest.mark.needs("as", "objcopy")
@pytest.mark.parametrize("with_init", [False, True])
def test_the_bytes_are_what_the_assembler_makes_of_the_lines(tmp_path, with_init):
    assert assembled(tmp_path, os.uname().machine, with_init, "") == code_of(os.uname().machine, with_init)


@pytest.mark.needs("aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy")
@pytest.mark.parametrize("with_init", [False, True])
def test_so_are_the_bytes_for_arm64(tmp_path, with_init):
    assert assembled(tmp_path, "aarch64", with_init, "aarch64-linux-gnu-") == code_of("aarch64", with_init)


def assembled(folder, machine, with_init, tools):
    syntax = ".intel_syntax noprefix\n" if machine == "x86_64" else ""
    code = "\n".join(text for _, text in trampoline.lines(machine, with_init))
    (folder / "a.s").write_text(f'{syntax}{code}\n.ascii "{trampoline.TEXT.decode().strip()}\\n"\n')
    subprocess.run([f"{tools}as", "-o", "a.o", "a.s"], cwd=folder, check=True)
    subprocess.run([f"{tools}objcopy", "-O", "binary", "-j", ".text", "a.o", "a"], cwd=folder, check=True)
    return (folder / "a").read_bytes()


def code_of(machine, with_init):
    return trampoline.program(machine, with_init)[trampoline.HEADERS:]


@pytest.mark.parametrize("machine", trampoline.MACHINES)
def test_it_is_an_elf_file_of_its_machine(machine):
    data = trampoline.program(machine)
    assert data[:4] == b"\x7fELF"
    assert struct.unpack_from("<HH", data, 16) == (2, trampoline.MACHINES[machine][0])
    assert data.endswith(trampoline.TEXT)
    assert len(data) < 512
    assert len(data) < len(trampoline.program(machine, with_init=True)) < 768


def test_another_machine_is_refused():
    with pytest.raises(Unsupported, match="machine vax"):
        trampoline.program("vax")


def test_nobody_can_change_it():
    handle = trampoline.open_sealed()
    with pytest.raises(PermissionError):
        os.pwrite(handle, b"x", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(handle, 0)
    os.close(handle)


def become(*program: str, with_init: bool = False) -> "subprocess.Popen[str]":
    handle = trampoline.open_sealed(with_init)
    process = subprocess.Popen([trampoline.NAME, *program], executable=f"/proc/self/fd/{handle}", pass_fds=[handle],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"A": "b"})
    os.close(handle)
    return process


@pytest.mark.parametrize("with_init", [False, True])
@pytest.mark.parametrize(("program", "code", "out"), [
    (("/bin/sh", "name", "-c", "echo $0 $A; exit 5"), 5, "name b\n"), (("/nowhere", "x"), 127, ""),
    (("/etc/passwd", "x"), 126, "")])
def test_it_becomes_the_program_it_is_told(program, code, out, with_init):
    process = become(*program, with_init=with_init)
    assert process.communicate(timeout=10) == (out, trampoline.TEXT.decode() if code in (126, 127) else "")
    assert process.returncode == code


# ---- the init

TELL = "trap 'echo TERM; exit 3' TERM; trap 'echo HUP' HUP; trap 'echo INT' INT; echo ready; "


def test_an_init_ends_as_its_program_does():
    process = become("/bin/sh", "sh", "-c", "exit 255", with_init=True)
    process.communicate(timeout=10)
    assert process.returncode == 255
    process = become("/bin/sh", "sh", "-c", "kill -SEGV $$", with_init=True)
    process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGSEGV


def test_a_signal_that_is_sent_to_an_init_reaches_its_program():
    process = become("/bin/sh", "sh", "-c", f"{TELL}while :; do sleep 0.05; done", with_init=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for number, said in ((signal.SIGHUP, "HUP\n"), (signal.SIGINT, "INT\n"), (signal.SIGTERM, "TERM\n")):
        process.send_signal(number)
        assert process.stdout.readline() == said
    assert process.wait(10) == 3
    process.communicate()


def test_the_program_of_an_init_has_its_signals_as_they_were():
    process = become("/bin/grep", "grep", "SigBlk", "/proc/self/status", with_init=True)
    assert process.communicate(timeout=10)[0].split()[1] == "0" * 16


def test_a_key_of_the_terminal_reaches_the_program_of_an_init_once():
    pid, terminal = pty.fork()
    if pid == 0:
        handle = trampoline.open_sealed(with_init=True)
        os.set_inheritable(handle, True)
        script = "trap 'echo INT' INT; echo ready; sleep 0.3; sleep 0.3; exit 4"
        words = (trampoline.NAME, "/bin/sh", "sh", "-c", script)
        os.execve(f"/proc/self/fd/{handle}", words, {})
    said = os.read(terminal, 100)
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4
    with contextlib.suppress(OSError):    # EIO: everybody has closed the other end
        while more := os.read(terminal, 1000):
            said += more
    os.close(terminal)
    assert said.replace(b"\r", b"").count(b"INT\n") == 1
