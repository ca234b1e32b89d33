"""Filters in the real kernel: what a process below one sees, and what runc's does with the same profile."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contain_lab import seccomp
from contain_lab.seccomp import explaining, numbers, rules

MACHINE = os.uname().machine
CALLS = numbers.table(MACHINE)
ROOT = Path(__file__).resolve().parents[2]
PROBE = Path(__file__).parent / "seccomp_probe.py"
SIGSYS = 31


def probe(profile: dict, *calls: tuple) -> subprocess.CompletedProcess[str]:
    """Make calls, (name, argument, ...), below a filter."""
    asked = json.dumps([[CALLS[name], *args] for name, *args in calls])
    program = seccomp.compile(profile).hex()
    return subprocess.run([sys.executable, "-IS", PROBE, asked, program, str(seccomp.filter_flags(profile))],
                          text=True, capture_output=True)


def seen(profile: dict, *calls: tuple) -> list[int]:
    """The errno of each call below a filter, 0 for none."""
    done = probe(profile, *calls)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def refusing(name: str, action: str = "SCMP_ACT_ERRNO", **more: object) -> dict:
    """A profile that allows all but one call."""
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [name], "action": action, **more}]}


# ---- the step

LOADS = """
import sys, os
sys.path.insert(0, sys.argv[1])
from contain_lab import capabilities, seccomp
program = seccomp.compile({"defaultAction": "SCMP_ACT_ALLOW",
                           "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]})
if "nobody" in sys.argv:
    os.setresuid(65534, 65534, 65534)
if "no_new_privs" in sys.argv:
    capabilities.set_no_new_privs()
try:
    seccomp.load_seccomp_filter(program, 0)
except OSError as error:
    sys.exit(f"{error.call}: {error.errno}")
os.execv("/bin/sh", ["sh", "-c", "grep ^Seccomp: /proc/self/status; mkdir /tmp/no_such_place/x 2>&1"])
"""


def load_and_execute(*how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-IS", "-c", LOADS, str(ROOT), *how], text=True, capture_output=True)


@pytest.mark.contract
@pytest.mark.parametrize("how", ["as root", "no_new_privs", "nobody no_new_privs"])
@pytest.mark.needs("root")
def test_the_filter_is_on_and_outlives_execve(how: str):
    done = load_and_execute(*how.split())
    assert done.stdout.splitlines()[0] == "Seccomp:\t2", done.stderr
    assert "No space left on device" in done.stdout


@pytest.mark.needs("root")
def test_without_privileges_and_without_no_new_privs_the_kernel_takes_none():
    done = load_and_execute("nobody")
    assert done.stderr.startswith("seccomp(SECCOMP_SET_MODE_FILTER, 0x0, {")
    assert done.stderr.endswith(f" instructions}}): {errno.EACCES}\n")


# ---- what a process sees

def test_errnos_by_number_and_by_argument():
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["getpriority", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
        {"names": ["getsid"], "action": "SCMP_ACT_ERRNO"},
        {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]}]}
    me = ("kill", os.getpid())
    assert seen(profile, ("getpriority", 0, 0), ("getsid", 0), (*me, 0), (*me, 10), ("getppid",)) == [28, 1, 0, 1, 0]


@pytest.mark.parametrize("action", ["KILL", "KILL_THREAD", "KILL_PROCESS", "TRAP"])
def test_some_actions_end_the_process(action: str):
    assert probe(refusing("getsid", f"SCMP_ACT_{action}"), ("getppid",)).returncode == 0
    assert probe(refusing("getsid", f"SCMP_ACT_{action}"), ("getsid", 0)).returncode == -SIGSYS


def test_log_lets_a_call_through_and_trace_without_a_tracer_is_no_call():
    assert seen(refusing("getsid", "SCMP_ACT_LOG"), ("getsid", 0)) == [0]
    assert seen(refusing("getsid", "SCMP_ACT_TRACE"), ("getsid", 0)) == [errno.ENOSYS]


@pytest.mark.parametrize("flag", seccomp.FLAGS)
def test_the_kernel_takes_the_flags(flag: str):
    assert seen({**refusing("getsid"), "flags": [flag]}, ("getsid", 0)) == [errno.EPERM]


def test_a_new_call_is_unknown_and_an_old_one_forbidden():
    program = seccomp.compile({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5, "syscalls": [
        {"names": sorted({*CALLS} - {"getsid", "listns", "rseq_slice_yield"}), "action": "SCMP_ACT_ALLOW"}]})
    asked = json.dumps([[CALLS["getsid"], 0], [CALLS["listns"]], [5000]])
    done = subprocess.run([sys.executable, "-IS", PROBE, asked, program.hex(), "0"], text=True, capture_output=True)
    assert json.loads(done.stdout) == [5, errno.ENOSYS, errno.ENOSYS]


ODD = [0, 1, 0xFFFFFFFF, 0x1_0000_0000, 0x1_0000_0001, (1 << 64) - 1]


@pytest.mark.parametrize("operator", rules.OPERATORS)
def test_the_kernel_compares_as_explain_does(operator: str):
    """getppid(2) looks at none of its arguments, so any may be passed."""
    dice = random.Random(operator)
    args = [{"index": index, "op": operator, "value": dice.choice(ODD), "valueTwo": dice.choice(ODD)}
            for index in (5, 2)]
    either = [{"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 40 + place, "args": [arg]}
              for place, arg in enumerate(args)]
    both = {"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 42, "args": args}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [both, *either]}
    calls = [("getppid", *(dice.choice(ODD) for _ in range(6))) for _ in range(100)]
    due = [explaining.decide(profile, CALLS["getppid"], call[1:], MACHINE, MACHINE)[0] for call in calls]
    assert seen(profile, *calls) == [value & 0xFFFF if value != rules.ALLOW else 0 for value in due]
    assert len({*due}) > 1


# ---- another architecture's door into the same kernel

DOOR = """
import ctypes, mmap, sys
sys.path.insert(0, sys.argv[1])
import seccomp_probe
number = int(sys.argv[2])
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("53 89f8 cd80 5b c3"))  # push rbx; mov eax, edi; int 0x80; pop rbx; ret
door = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
before = door(number)
seccomp_probe.load(bytes.fromhex(sys.argv[3]), 0)
print(before > 0, door(number))
"""


def through_the_old_door(profile: dict, number: int) -> subprocess.CompletedProcess[str]:
    """Make a call of i386 from a 64-bit program, as int 0x80 allows."""
    program = seccomp.compile(profile).hex()
    return subprocess.run([sys.executable, "-IS", "-c", DOOR, PROBE.parent, str(number), program],
                          text=True, capture_output=True)


def through_x32s_numbers(profile: dict, number: int) -> subprocess.CompletedProcess[str]:
    """Make a call of x32 from a 64-bit program, which is only a bit in the number."""
    asked, program = json.dumps([[number]]), seccomp.compile(profile).hex()
    return subprocess.run([sys.executable, "-IS", PROBE, asked, program, "0"], text=True, capture_output=True)


OTHER_DOORS = [("SCMP_ARCH_X86", through_the_old_door, numbers.table("i386")["getppid"], f"True {-errno.EPERM}\n"),
               ("SCMP_ARCH_X32", through_x32s_numbers, numbers.table("x32")["getppid"], f"[{errno.EPERM}]\n")]


def test_no_other_architectures_door_leads_past_a_filter():
    refuse = refusing("getppid")
    for name, go_through, number, said in OTHER_DOORS if MACHINE == "x86_64" else []:
        assert go_through({**refuse, "architectures": [name]}, number).stdout == said
        assert go_through(refuse, number).returncode == -SIGSYS


# ---- our own profile

ATTACKS: list[tuple] = [
    ("mount", 0, 0, 0, 0, 0), ("unshare", 0x10000000), ("setns", -1 & 0xFFFFFFFF, 0), ("keyctl", 0, 0),
    ("bpf", 0, 0, 0), ("open_by_handle_at", 0, 0, 0), ("ptrace", 0xFFFF), ("clone3", 0, 0), ("socket", 40, 1, 0),
    ("socket", 38, 5, 0),
    ("socket", 0x1_0000_0028, 1, 0), ("socket", 2, 1, 0), ("personality", 0xFFFFFFFF), ("personality", 0x0040000),
    ("io_uring_setup", 0, 0), ("userfaultfd", 0xFFFF), ("perf_event_open", 0, 0), ("init_module", 0, 0, 0),
    ("swapon", 0, 0), ("reboot", 0, 0, 0), ("chroot", 0), ("mbind", 0, 0), ("getsid", 0), ("fsopen", 0, 0),
    ("clone", 0x10000000 | 0x20000, 0)]


def test_attacks_are_refused_and_work_is_not():
    refused = seen(seccomp.default_profile(()), *ATTACKS)
    by_name = dict(zip([name for name, *_ in ATTACKS], refused, strict=True))  # the last of a name
    assert refused[:6] == [errno.EPERM] * 6
    assert refused[7:11] == [errno.ENOSYS] * 4
    assert (by_name["socket"], by_name["getsid"]) == (0, 0)
    assert (by_name["personality"], by_name["clone"]) == (errno.ENOSYS, errno.EPERM)


WORK = """
import concurrent.futures, socket, subprocess, tempfile, os, ctypes
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    assert list(pool.map(lambda n: n * n, range(9))) == [n * n for n in range(9)]
with tempfile.TemporaryDirectory() as place:
    open(f"{place}/x", "w").write("x"); os.chown(f"{place}/x", os.getuid(), os.getgid())
with socket.socketpair()[0], socket.socket(): pass
assert subprocess.run(["sh", "-c", "echo $(ls / | wc -l)"], capture_output=True, check=True).stdout.strip() != b"0"
print("done")
"""


def test_ordinary_programs_work_below_it():
    code = ("import sys, os; sys.path.insert(0, sys.argv[1]); from contain_lab import capabilities, seccomp; "
            "capabilities.set_no_new_privs(); seccomp.load_seccomp_filter(seccomp.compile("
            "seccomp.default_profile(capabilities.DEFAULT)), 0); "
            "os.execv(sys.executable, ['python', '-c', sys.argv[2]])")
    done = subprocess.run([sys.executable, "-IS", "-c", code, str(ROOT), WORK], text=True, capture_output=True)
    assert done.stdout == "done\n", done.stderr


# ---- a peer

@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Path]:
    """A bundle with this machine's /usr, in which runc runs the probe."""
    rootfs = tmp_path / "rootfs"
    for name in ("usr", "proc", "dev", "probe"):
        (rootfs / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        (rootfs / name).symlink_to(f"usr/{name}")
    yield tmp_path
    subprocess.run([shutil.which("runc") or "", "--root", tmp_path / "state", "delete", "--force", "cl-seccomp"],
                   capture_output=True)


def runc_sees(bundle: Path, profile: dict, calls: list[tuple]) -> list[int]:
    """What the probe sees in a container of runc's with this profile and no capabilities."""
    asked = json.dumps([[CALLS[name], *args] for name, *args in calls])
    bind = [{"destination": inside, "type": "bind", "source": str(outside), "options": ["rbind", "ro"]}
            for inside, outside in (("/usr", "/usr"), ("/probe", PROBE.parent))]
    config = {
        "ociVersion": "1.0.2", "root": {"path": "rootfs"},
        "process": {"args": ["/usr/bin/python3", "-IS", "/probe/seccomp_probe.py", asked], "cwd": "/",
                    "user": {"uid": 0, "gid": 0}, "noNewPrivileges": True, "env": ["PATH=/usr/bin"]},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, *bind],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}], "seccomp": profile}}
    (bundle / "config.json").write_text(json.dumps(config))
    done = subprocess.run(["runc", "--root", bundle / "state", "run", "--bundle", bundle, "cl-seccomp"], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


DENY = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"],
        "syscalls": [
            {"names": ["getsid", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
            {"names": ["keyctl", "bpf"], "action": "SCMP_ACT_ERRNO"},
            {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97,
             "args": [{"index": 0, "op": "SCMP_CMP_EQ", "value": 2}, {"index": 1, "op": "SCMP_CMP_NE", "value": 1}]},
            {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "args": [
                {"index": 0, "op": "SCMP_CMP_GE", "value": 8}, {"index": 0, "op": "SCMP_CMP_LT", "value": 1}]}]}
DENIED: list[tuple] = [
    ("getsid", 0), ("keyctl", 0, 0), ("bpf", 0, 0, 0), ("socket", 2, 1, 0), ("socket", 2, 2, 0), ("socket", 1, 2, 0),
    ("personality", 0xFFFFFFFF), ("personality", 0), ("getppid",)]


@pytest.mark.needs("root", "runc")
@pytest.mark.parametrize("which", ["a list of what is refused", "our own"])
def test_runc_and_we_refuse_the_same_in_the_same_way(bundle: Path, which: str):
    profile, calls = (seccomp.default_profile(()), ATTACKS) if which == "our own" else (DENY, DENIED)
    ours = seen(profile, *calls)
    theirs = runc_sees(bundle, profile, calls)
    assert dict(zip(map(str, calls), ours, strict=True)) == dict(zip(map(str, calls), theirs, strict=True))
    assert len({*ours}) > 2
