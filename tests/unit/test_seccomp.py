"""The seccomp room without the kernel: numbers, what is refused and how, our own profile, the folder of programs."""

import os
import re
import subprocess
from hashlib import blake2b
from pathlib import Path

import pytest

from contain_lab import capabilities, seccomp
from contain_lab.errors import ContainLabError, InvalidConfig, Unsupported
from contain_lab.seccomp import cache, compiler, explaining, numbers, profile

DOCKER = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read", "kill"], "action": "SCMP_ACT_ALLOW"}]}


# ---- numbers

MODES = {"x86_64": [("x86_64", "-m64"), ("i386", "-m32"), ("x32", "-mx32")], "aarch64": [("aarch64", "-mabi=lp64")]}
OF_NO_CALL = ("syscalls", "arch_specific_syscall")


def headers(mode: str) -> dict[str, int]:
    """The numbers in the kernel's headers of this machine, by name."""
    command = ["cc", mode, "-E", "-dM", f"-I/usr/include/{os.uname().machine}-linux-gnu", "-"]
    done = subprocess.run(command, input="#include <asm/unistd.h>\n", text=True, capture_output=True, check=True)
    macros = dict(re.findall(r"^#define (\w+) (.+)$", done.stdout, re.MULTILINE))

    def value(text: str) -> int:
        words = re.findall(r"\w+", text)
        return sum(int(word, 0) if word[0].isdigit() else value(macros[word]) for word in words)

    calls = {name.removeprefix("__NR_"): text for name, text in macros.items() if name.startswith("__NR_")}
    return {name: value(text) for name, text in calls.items() if name not in OF_NO_CALL}


@pytest.mark.needs("cc")
@pytest.mark.parametrize(("architecture", "mode"), MODES[os.uname().machine])
def test_the_numbers_are_those_of_this_machines_headers(architecture, mode):
    theirs, ours = headers(mode), numbers.table(architecture)
    assert len(theirs) > 290
    assert {name: ours.get(name) for name in theirs} == theirs
    newest = max(number for number in theirs.values() if number & ~numbers.X32_BIT < 512)
    more = {name for name, number in ours.items() if number <= newest and name not in theirs}
    assert more <= {"uretprobe", "uprobe"}  # these filled a gap later


def test_numbers_of_other_machines_are_as_published():
    known = {("aarch64", "openat"): 56, ("aarch64", "newfstatat"): 79, ("aarch64", "clone3"): 435,
             ("aarch64", "seccomp"): 277, ("arm", "openat"): 322, ("arm", "set_tls"): 0xF0005,
             ("arm", "sync_file_range2"): 341, ("arm", "seccomp"): 383,
             ("i386", "socketcall"): 102, ("x32", "ioctl"): 514 | numbers.X32_BIT}
    assert {key: numbers.table(key[0])[key[1]] for key in known} == known
    assert "memfd_secret" not in numbers.table("arm")
    assert "uselib" not in numbers.table("x32")


# ---- what is refused

def changed(**parts: object) -> dict:
    return {**DOCKER, **parts}


def rule(**parts: object) -> dict:
    return changed(syscalls=[{"names": ["kill"], "action": "SCMP_ACT_ERRNO", **parts}])


def argument(**parts: object) -> dict:
    return rule(args=[{"index": 0, "op": "SCMP_CMP_EQ", "value": 1, **parts}])


@pytest.mark.parametrize(("config", "message"), [
    (changed(defaultAction=None), "linux.seccomp.defaultAction: missing"),
    (changed(defaultAction="SCMP_ACT_PERHAPS"), "linux.seccomp.defaultAction: 'SCMP_ACT_PERHAPS' is no action"),
    (changed(defaultAction="SCMP_ACT_ALLOW", defaultErrnoRet=1),
     "linux.seccomp.defaultErrnoRet: it goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE, not with SCMP_ACT_ALLOW"),
    (changed(defaultErrnoRet=4096), "linux.seccomp.defaultErrnoRet: 4096 is not between 0 and 4095"),
    (changed(architectures=["SCMP_ARCH_PDP11"]), "linux.seccomp.architectures: 'SCMP_ARCH_PDP11' is none"),
    (rule(names=[]), "linux.seccomp.syscalls[0].names: empty or missing"),
    (rule(action="ERRNO"), "linux.seccomp.syscalls[0].action: 'ERRNO' is no action"),
    (rule(action="SCMP_ACT_KILL", errnoRet=1),
     "linux.seccomp.syscalls[0].errnoRet: it goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE, not with SCMP_ACT_KILL"),
    (rule(errnoRet=-1), "linux.seccomp.syscalls[0].errnoRet: -1 is not between 0 and 4095"),
    (argument(index=6), "linux.seccomp.syscalls[0].args[0].index: a call has the arguments 0 to 5, not 6"),
    (argument(op="=="), "linux.seccomp.syscalls[0].args[0].op: '==' is no operator"),
    (argument(value=1 << 64),
     f"linux.seccomp.syscalls[0].args[0].value: {1 << 64} is not between 0 and 2^64-1"),
    (argument(valueTwo=-1), "linux.seccomp.syscalls[0].args[0].valueTwo: -1 is not between 0 and 2^64-1"),
])
def test_what_the_specification_does_not_allow_is_named(config, message):
    with pytest.raises(InvalidConfig) as caught:
        seccomp.compile(config, "x86_64")
    assert caught.value.message == message


@pytest.mark.parametrize("config", [changed(defaultAction="SCMP_ACT_NOTIFY"), rule(action="SCMP_ACT_NOTIFY")])
def test_a_listener_is_refused(config):
    with pytest.raises(Unsupported, match="SCMP_ACT_NOTIFY: this runtime hands no calls to a listenerPath"):
        seccomp.compile({**config, "listenerPath": "/run/listener"}, "x86_64")


def test_a_machine_whose_calls_are_not_known_is_named():
    with pytest.raises(Unsupported, match="system calls of riscv64 are not known here"):
        seccomp.compile(DOCKER, "riscv64")


def test_flags():
    assert seccomp.filter_flags({}) == 0
    names = [f"SECCOMP_FILTER_FLAG_{name}" for name in ("TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV")]
    assert [seccomp.filter_flags({"flags": [name]}) for name in names[:3]] == [0, 2, 4]
    assert seccomp.filter_flags({"flags": names[:3]}) == 6
    with pytest.raises(Unsupported, match="WAIT_KILLABLE_RECV"):
        seccomp.filter_flags({"flags": names})
    with pytest.raises(InvalidConfig, match="'NO_SUCH' is no flag"):
        seccomp.filter_flags({"flags": ["NO_SUCH"]})


def test_a_filter_is_shown_by_its_length():
    assert repr(seccomp.compile(DOCKER, "x86_64")) == f"<{len(seccomp.compile(DOCKER, 'x86_64')) // 8} instructions>"


# ---- explain

@pytest.mark.parametrize(("number", "args", "architecture", "said"), [
    (83, (), "", "mkdir: ERRNO(ENOSPC), as syscalls[0] (mkdir, mkdirat) says"),
    (62, (1, 10), "", "kill: ERRNO(EPERM), as syscalls[1] (kill, tkill, tgkill, ...) says where args[1] == 0xa"),
    (62, (1, 11), "", "kill: ALLOW, as defaultAction says of all that no rule fits"),
    (37, (1, 10), "i386", "kill: KILL_PROCESS, as i386 is not among architectures"),
    (16 | numbers.X32_BIT, (), "", "call 1073741840: KILL_PROCESS, as x32 is not among architectures"),
    (5000, (), "", "call 5000: ALLOW, as it is newer than all calls that the profile names"),
])
def test_explain_names_the_rule(number, args, architecture, said):
    condition = {"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}
    config = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
        {"names": ["kill", "tkill", "tgkill", "nothing", "more"], "action": "SCMP_ACT_ERRNO", "args": [condition]}]}
    assert seccomp.explain(config, number, args, architecture, "x86_64") == said


# ---- our own profile

def outcome(kept: tuple[str, ...], name: str, *args: int, architecture: str = "x86_64") -> str:
    made = seccomp.default_profile(kept)
    number = numbers.table(architecture)[name]
    machine = "x86_64" if architecture in ("x86_64", "i386") else "aarch64"
    return explaining.shown_action(explaining.decide(made, number, args, architecture, machine)[0])


def test_every_call_that_is_known_was_decided_and_once():
    groups = [*profile.ALLOWED, *profile.REFUSED, profile.GONE, *set(" ".join(profile.WITH.values()).split()),
              "clone socket socketcall personality"]
    decided = " ".join(groups).split()
    assert sorted(decided) == sorted({*decided})
    assert {*decided} == set().union(*(numbers.table(each) for each in numbers.RUNS))


def test_every_capability_that_it_asks_about_exists():
    assert set(profile.WITH) <= set(capabilities.BITS)


@pytest.mark.parametrize(("kept", "name", "args", "said"), [
    ((), "openat", (), "ALLOW"), ((), "mount", (), "ERRNO(EPERM)"), (("CAP_SYS_ADMIN",), "mount", (), "ALLOW"),
    ((), "keyctl", (), "ERRNO(EPERM)"), (("CAP_SYS_ADMIN",), "keyctl", (), "ERRNO(EPERM)"),
    ((), "open_by_handle_at", (), "ERRNO(EPERM)"), (("CAP_BPF",), "bpf", (), "ALLOW"),
    ((), "clone3", (), "ERRNO(ENOSYS)"), (("CAP_SYS_ADMIN",), "clone3", (), "ALLOW"),
    ((), "clone", (0x11,), "ALLOW"), ((), "clone", (0x10000011,), "ERRNO(EPERM)"),
    ((), "clone", (0x7E020011,), "ERRNO(EPERM)"), ((), "clone", (0x1_0000_0000_0011,), "ALLOW"),
    ((), "clone", (0xF_0002_0011,), "ERRNO(EPERM)"), (("CAP_SYS_ADMIN",), "clone", (0x10000011,), "ALLOW"),
    ((), "socket", (2,), "ALLOW"), ((), "socket", (16,), "ALLOW"), ((), "socket", (38,), "ERRNO(ENOSYS)"),
    ((), "socket", (40,), "ERRNO(ENOSYS)"), ((), "socket", (0x1_0000_0028,), "ERRNO(ENOSYS)"),
    ((), "personality", (0xFFFFFFFF,), "ALLOW"), ((), "personality", (0x40000,), "ERRNO(ENOSYS)"),
    ((), "file_getattr", (), "ALLOW"),
])
@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_what_our_profile_says(architecture, kept, name, args, said):
    assert outcome(kept, name, *args, architecture=architecture) == said


def test_a_32_bit_program_has_no_way_around_it():
    assert outcome((), "socketcall", 1, architecture="i386") == "ERRNO(ENOSYS)"
    assert outcome((), "socketcall", 3, architecture="i386") == "ALLOW"
    assert outcome((), "umount", architecture="i386") == "ERRNO(EPERM)"


# ---- the folder of programs

def test_a_program_is_kept_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "made/here"
    first = seccomp.cached(DOCKER, str(folder), "x86_64")
    assert first == seccomp.compile(DOCKER, "x86_64")
    monkeypatch.setattr(compiler, "compile_profile", lambda *_: pytest.fail("compiled again"))
    assert seccomp.cached(DOCKER, str(folder), "x86_64") == first
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [each.stat().st_mode & 0o777 for each in folder.iterdir()] == [0o600]


def test_another_profile_or_machine_is_another_program(tmp_path: Path):
    for machine in ("x86_64", "aarch64"):
        for config in (DOCKER, changed(defaultErrnoRet=2)):
            assert seccomp.cached(config, str(tmp_path), machine) == seccomp.compile(config, machine)
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("spoil", [lambda data: b"", lambda data: data[:-2], lambda data: data[:-1] + b"z",
                                   lambda data: data[:40] + b"00" + data[42:]])
def test_a_damaged_file_is_made_anew(tmp_path: Path, spoil):
    due = seccomp.cached(DOCKER, str(tmp_path), "x86_64")
    kept = next(tmp_path.iterdir())
    whole = kept.read_bytes()
    kept.write_bytes(spoil(whole))
    assert seccomp.cached(DOCKER, str(tmp_path), "x86_64") == due
    assert kept.read_bytes() == whole


@pytest.mark.parametrize("of", ["file", "folder"])
def test_what_others_may_write_is_refused(tmp_path: Path, of: str):
    seccomp.cached(DOCKER, str(tmp_path), "x86_64")
    place = tmp_path if of == "folder" else next(tmp_path.iterdir())
    place.chmod(0o722)
    with pytest.raises(ContainLabError, match=f"{place}: others may write here, so no seccomp filter is taken from it"):
        seccomp.cached(DOCKER, str(tmp_path), "x86_64")


@pytest.mark.needs("root")
def test_another_users_file_is_refused(tmp_path: Path):
    seccomp.cached(DOCKER, str(tmp_path), "x86_64")
    os.chown(next(tmp_path.iterdir()), 12345, 0)
    with pytest.raises(ContainLabError, match="others may write here"):
        seccomp.cached(DOCKER, str(tmp_path), "x86_64")


def test_a_link_is_not_followed(tmp_path: Path):
    seccomp.cached(DOCKER, str(tmp_path), "x86_64")
    kept = next(tmp_path.iterdir())
    kept.rename(tmp_path / "elsewhere")
    kept.symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        seccomp.cached(DOCKER, str(tmp_path), "x86_64")


def test_where_nothing_can_be_kept_the_program_is_used_all_the_same(tmp_path: Path):
    (tmp_path / "file").touch()
    assert seccomp.cached(DOCKER, f"{tmp_path}/file/below", "x86_64") == seccomp.compile(DOCKER, "x86_64")


def test_another_compiler_has_another_version():
    """Kept programs are found by the version: where this fails, raise cache.VERSION and write both down here."""
    made = [seccomp.compile(each, machine) for each in (DOCKER, EVERYTHING) for machine in ("x86_64", "aarch64")]
    assert (cache.VERSION, blake2b(b"".join(made), digest_size=8).hexdigest()) == (1, "d8186210795e6e95")


EVERYTHING = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_ARM"],
              "syscalls": [{"names": ["socket", "read", "ioctl"], "action": "SCMP_ACT_ALLOW", "args": [
                  {"index": place, "op": f"SCMP_CMP_{op}", "value": 1 << 32 | 7, "valueTwo": 3}
                  for place, op in enumerate("EQ NE LT GE GT MASKED_EQ".split())]}]}


# ---- the way to execve

def test_nothing_heavy_is_loaded(tmp_path: Path):
    heavy = "json re enum typing socket dataclasses contextlib hashlib".split()
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from contain_lab import seccomp; "
            "seccomp.cached(seccomp.default_profile(()), sys.argv[2], 'x86_64'); print(*sys.modules)")
    root = str(Path(seccomp.__file__).parents[2])
    done = subprocess.run(["/usr/bin/python3", "-IS", "-c", code, root, str(tmp_path)], text=True, capture_output=True,
                          check=True)
    assert sorted({*heavy} & {*done.stdout.split()}) == []
    assert "contain_lab.seccomp.compiler" in done.stdout.split()
