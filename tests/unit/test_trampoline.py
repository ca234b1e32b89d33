"""The program that waits: its bytes are what its assembly says, and it is a file that the kernel loads."""

import os
import struct
import subprocess

import pytest

from contain_lab.container import trampoline
from contain_lab.errors import Unsupported


@pytest.mark.needs("as", "objcopy")
def test_the_bytes_are_what_the_assembler_makes_of_the_lines(tmp_path):
    number, lines = trampoline.MACHINES[os.uname().machine]
    syntax = ".intel_syntax noprefix\n" if number == 62 else ""
    code = "\n".join(text for _, text in lines)
    (tmp_path / "a.s").write_text(f'{syntax}{code}\n.ascii "{trampoline.TEXT.decode().strip()}\\n"\n')
    subprocess.run(["as", "-o", "a.o", "a.s"], cwd=tmp_path, check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", "a.o", "a"], cwd=tmp_path, check=True)
    assert (tmp_path / "a").read_bytes() == trampoline.program(os.uname().machine)[trampoline.HEADERS:]


@pytest.mark.parametrize("machine", trampoline.MACHINES)
def test_it_is_an_elf_file_of_its_machine(machine):
    data = trampoline.program(machine)
    assert data[:4] == b"\x7fELF"
    assert struct.unpack_from("<HH", data, 16) == (2, trampoline.MACHINES[machine][0])
    assert data.endswith(trampoline.TEXT)
    assert len(data) < 512


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


@pytest.mark.parametrize(("program", "code", "out"), [
    (("/bin/sh", "name", "-c", "echo $0 $A; exit 5"), 5, "name b\n"), (("/nowhere", "x"), 127, ""),
    (("/etc/passwd", "x"), 126, "")])
def test_it_becomes_the_program_it_is_told(program, code, out):
    handle = trampoline.open_sealed()
    done = subprocess.run([trampoline.NAME, *program], executable=f"/proc/self/fd/{handle}", pass_fds=[handle],
                          capture_output=True, text=True, env={"A": "b"})
    os.close(handle)
    assert (done.returncode, done.stdout) == (code, out)
    assert (done.stderr == trampoline.TEXT.decode()) == (code in (126, 127))
