"""The trampoline: a static program of some 300 bytes that waits for `start`, then executes the user's program.

man: memfd_create(2), execve(2), elf(5). The last step of a start executes it from a sealed memfd, so no Python process
is ever inside a container with the user's program: what waits costs kilobytes instead of megabytes, and /proc/1/exe
is these bytes, which nobody can write to, instead of the machine's interpreter (CVE-2019-5736). It is called as

    contain_lab:init PROGRAM ARG0 ARG1 ...     with the fifo as descriptor 3 and the lock as 4, or neither

Machine code for x86-64 and arm64, each instruction beside its bytes; a test assembles the one and compares the other.
"""

import fcntl
import os
import struct

from contain_lab.container import init
from contain_lab.errors import Unsupported

TEXT = b"contain_lab: execve of the program has failed\n"
NAME = "contain_lab:init"

START = "# started"  # where the lines of `init` stand, if there is one

X86_64 = (  # GNU assembler, Intel syntax; system calls: read 0, write 1, close 3, execve 59, exit_group 231
    ("", "_start:"),
    ("4889e3", "mov rbx, rsp"),
    # read descriptor 3: a byte comes when the container is started; again after a signal
    ("", "wait:"),
    ("31c0", "xor eax, eax"),
    ("bf03000000", "mov edi, 3"),
    ("488d7424f0", "lea rsi, [rsp-16]"),
    ("ba01000000", "mov edx, 1"),
    ("0f05", "syscall"),
    ("4883f8fc", "cmp rax, -4"),
    ("74e7", "je wait"),
    # close 3 and 4: the fifo, and the lock that says `created`
    ("b803000000", "mov eax, 3"),
    ("bf03000000", "mov edi, 3"),
    ("0f05", "syscall"),
    ("b803000000", "mov eax, 3"),
    ("bf04000000", "mov edi, 4"),
    ("0f05", "syscall"),
    ("", START),
    # execve argv[1] with argv + 2 and envp, which stands behind argv's end
    ("488b0b", "mov rcx, [rbx]"),
    ("4883f903", "cmp rcx, 3"),
    ("7214", "jb failed"),
    ("488b7b10", "mov rdi, [rbx+16]"),
    ("488d7318", "lea rsi, [rbx+24]"),
    ("488d54cb10", "lea rdx, [rbx+rcx*8+16]"),
    ("b83b000000", "mov eax, 59"),
    ("0f05", "syscall"),
    # also where too few arguments came: a script whose interpreter is /proc/self/exe (CVE-2019-5736)
    ("", "failed:"),
    # it failed: exit code 127 for ENOENT, else 126, as shells have it
    ("bd7e000000", "mov ebp, 126"),
    ("4883f8fe", "cmp rax, -2"),
    ("7502", "jne say"),
    ("ffc5", "inc ebp"),
    # what is said on standard error, then exit_group
    ("", "say:"),
    ("b801000000", "mov eax, 1"),
    ("bf02000000", "mov edi, 2"),
    ("488d3510000000", "lea rsi, [rip+text]"),
    ("ba2e000000", "mov edx, 46"),
    ("0f05", "syscall"),
    ("b8e7000000", "mov eax, 231"),
    ("89ef", "mov edi, ebp"),
    ("0f05", "syscall"),
    ("", "text:"),
)
ARM64 = (  # system calls: close 57, read 63, write 64, exit_group 94, execve 221
    ("", "_start:"),
    ("f3030091", "mov x19, sp"),
    # as above: a byte comes on descriptor 3
    ("", "wait:"),
    ("600080d2", "mov x0, #3"),
    ("e14300d1", "sub x1, sp, #16"),
    ("220080d2", "mov x2, #1"),
    ("e80780d2", "mov x8, #63"),
    ("010000d4", "svc #0"),
    ("1f1000b1", "cmn x0, #4"),
    ("40ffff54", "b.eq wait"),
    # descriptors 3 and 4 are closed
    ("600080d2", "mov x0, #3"),
    ("280780d2", "mov x8, #57"),
    ("010000d4", "svc #0"),
    ("800080d2", "mov x0, #4"),
    ("010000d4", "svc #0"),
    ("", START),
    # the program is executed
    ("630240f9", "ldr x3, [x19]"),
    ("7f0c00f1", "cmp x3, #3"),
    ("e3000054", "b.lo failed"),
    ("600a40f9", "ldr x0, [x19, #16]"),
    ("61620091", "add x1, x19, #24"),
    ("620e038b", "add x2, x19, x3, lsl #3"),
    ("42400091", "add x2, x2, #16"),
    ("a81b80d2", "mov x8, #221"),
    ("010000d4", "svc #0"),
    # also where too few arguments came: a script whose interpreter is /proc/self/exe (CVE-2019-5736)
    ("", "failed:"),
    # it failed: 127 for ENOENT, else 126
    ("d40f80d2", "mov x20, #126"),
    ("1f0800b1", "cmn x0, #2"),
    ("9416949a", "cinc x20, x20, eq"),
    # what is said on standard error, then exit_group
    ("400080d2", "mov x0, #2"),
    ("e1000010", "adr x1, text"),
    ("c20580d2", "mov x2, #46"),
    ("080880d2", "mov x8, #64"),
    ("010000d4", "svc #0"),
    ("e00314aa", "mov x0, x20"),
    ("c80b80d2", "mov x8, #94"),
    ("010000d4", "svc #0"),
    ("", "text:"),
)
MACHINES = {"x86_64": (62, X86_64, init.X86_64), "aarch64": (183, ARM64, init.ARM64)}  # e_machine of elf(5), code

BASE, HEADERS = 0x400000, 64 + 56
MFD_CLOEXEC, MFD_ALLOW_SEALING = 1, 2
F_ADD_SEALS, ALL_SEALS = 1033, 0x1F  # seal, shrink, grow, write, future write


held = {False: 0, True: 0}  # a descriptor of it, without and with an init, where it was made before it is needed


def lines(machine: str, with_init: bool) -> "list[tuple[str, str]]":
    """The code for a machine: (bytes, assembly) a line. with_init: the program becomes a child of process 1."""
    _, code, between = MACHINES[machine]
    at = code.index(("", START))
    return [*code[:at], *(between if with_init else ()), *code[at + 1:]]


def program(machine: str, with_init: bool = False) -> bytes:
    """The trampoline as an ELF file for a machine (as uname -m has it). Errors: Unsupported."""
    if machine not in MACHINES:
        raise Unsupported(f"machine {machine}: the waiting program is known for {' and '.join(MACHINES)} only")
    number = MACHINES[machine][0]
    code = bytes.fromhex("".join(bytes_ for bytes_, _ in lines(machine, with_init))) + TEXT
    size = HEADERS + len(code)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, number, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x10000) + code


def open_sealed(with_init: bool = False) -> int:
    """A descriptor of the trampoline, in memory, that nobody can change any more. man: memfd_create(2)."""
    handle = os.memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING)
    os.write(handle, program(os.uname().machine, with_init))
    fcntl.fcntl(handle, F_ADD_SEALS, ALL_SEALS)
    return handle
