"""The compiled filter does what the profile says: a small machine for BPF runs it beside `explain`."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contain_lab import seccomp
from contain_lab.errors import InvalidConfig
from contain_lab.seccomp import compiler, explaining, numbers, rules

AUDIT = {**compiler.AUDIT, "x32": compiler.AUDIT["x86_64"]}
KILL_PROCESS, ALLOW, ERRNO, ENOSYS = 0x80000000, 0x7FFF0000, 0x50000, 0x50026
JUMPS = {0x15: lambda a, k: a == k, 0x25: lambda a, k: a > k, 0x35: lambda a, k: a >= k}


def judge(program: bytes, number: int, audit: int, args: tuple[int, ...]) -> int:
    """What a filter returns for a call, as the kernel would run it (linux/net/core/filter.c)."""
    data = struct.pack("<IIQ6Q", number, audit, 0, *args, *[0] * (6 - len(args)))
    accumulator = place = 0
    while True:
        code, holds, fails, operand = struct.unpack_from("<HBBI", program, 8 * place)
        place += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x54:
            accumulator &= operand
        elif code == 0x05:
            place += operand
        else:
            place += holds if JUMPS[code](accumulator, operand) else fails


def verdict(profile: dict, name: str, *args: int, architecture: str = "x86_64", machine: str = "x86_64") -> int:
    """What comes of a call by its name."""
    number = numbers.table(architecture)[name]
    return judge(seccomp.compile(profile, machine), number, AUDIT[architecture], args)


def one(op: str, value: int, second: int = 0, **more: object) -> dict:
    """A profile that allows all but a kill(2) whose second argument a condition holds of."""
    condition = {"index": 1, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": second}
    return {"defaultAction": "SCMP_ACT_ALLOW", **more,
            "syscalls": [{"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [condition]}]}


# ---- comparisons

BIG = 0x1_0000_0005
EDGES = [0, 4, 5, 6, 0xFFFFFFFF, BIG - 1, BIG, BIG + 1, 0x2_0000_0000, 0x2_0000_0006, (1 << 64) - 1]


@pytest.mark.parametrize(("op", "holds"), [
    ("EQ", lambda given, value: given == value), ("NE", lambda given, value: given != value),
    ("LT", lambda given, value: given < value), ("LE", lambda given, value: given <= value),
    ("GT", lambda given, value: given > value), ("GE", lambda given, value: given >= value)])
@pytest.mark.parametrize("value", [0, 5, 0xFFFFFFFF, BIG, (1 << 64) - 1])
def test_all_64_bits_are_compared(op, holds, value):
    program = seccomp.compile(one(op, value), "x86_64")
    assert [judge(program, 62, AUDIT["x86_64"], (1, passed)) != ALLOW for passed in EDGES] == [
        holds(passed, value) for passed in EDGES]


@pytest.mark.parametrize(("mask", "value"), [(0xF0, 0x50), (0xF000000000, 0x5000000000), (0xF0000000F0, 0x50), (0, 0)])
def test_a_mask_is_of_64_bits_too(mask, value):
    profile = one("MASKED_EQ", mask, value)
    for passed in (0, 0x50, 0x5F, 0x5000000000, 0x5000000050, 0xFFFFFFFFFFFFFFFF):
        assert (verdict(profile, "kill", 1, passed) != ALLOW) == (passed & mask == value)


def test_a_32_bit_program_is_judged_by_the_lower_half():
    minus_one = one("EQ", (1 << 64) - 1, architectures=["SCMP_ARCH_X86"])
    assert verdict(minus_one, "kill", 1, 0xFFFFFFFF, architecture="i386") == ERRNO | 1
    assert verdict(minus_one, "kill", 1, 0xFFFFFFFF) == ALLOW


def test_all_conditions_of_a_rule_must_hold_and_one_rule_of_several_suffices():
    def arg(index: int, value: int) -> dict:
        return {"index": index, "op": "SCMP_CMP_EQ", "value": value}

    both = {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [arg(0, 1), arg(1, 9)]}
    other = {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 2, "args": [arg(1, 15)]}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [both, other]}
    seen = [verdict(profile, "kill", *args) for args in [(1, 9), (2, 9), (1, 10), (2, 15)]]
    assert seen == [ERRNO | 1, ALLOW, ALLOW, ERRNO | 2]
    twice = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{**both, "args": [arg(1, 9), arg(1, 15)]}]}
    assert [verdict(twice, "kill", 1, signal) for signal in (9, 15, 10)] == [ERRNO | 1, ERRNO | 1, ALLOW]


def test_a_rule_without_arguments_beats_those_with_some_and_the_first_of_two_counts():
    argument = one("EQ", 9)["syscalls"][0]
    whole = {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 3}
    for syscalls in ([argument, whole], [whole, argument], [whole, {**whole, "errnoRet": 4}]):
        assert verdict({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": syscalls}, "kill", 1, 9) == ERRNO | 3


def test_a_rule_with_the_default_action_is_passed_over():
    same = {"names": ["kill"], "action": "SCMP_ACT_ALLOW"}
    assert verdict({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [same, *one("EQ", 9)["syscalls"]]},
                   "kill", 1, 9) == ERRNO | 1


# ---- actions

@pytest.mark.parametrize(("action", "errno", "value"), [
    ("KILL", None, 0), ("KILL_THREAD", None, 0), ("KILL_PROCESS", None, 0x80000000), ("TRAP", None, 0x30000),
    ("ERRNO", None, 0x50001), ("ERRNO", 0, 0x50000), ("ERRNO", 38, 0x50026), ("TRACE", None, 0x7FF00001),
    ("TRACE", 7, 0x7FF00007), ("LOG", None, 0x7FFC0000), ("ALLOW", None, 0x7FFF0000)])
def test_an_action_becomes_what_the_kernel_calls_it(action, errno, value):
    other = "SCMP_ACT_KILL_PROCESS" if action == "ALLOW" else "SCMP_ACT_ALLOW"
    rule = {"names": ["kill"], "action": f"SCMP_ACT_{action}", "errnoRet": errno}
    assert verdict({"defaultAction": other, "syscalls": [rule]}, "kill") == value


# ---- architectures

def test_an_architecture_that_is_not_listed_is_killed():
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_AARCH64"]}
    assert verdict(profile, "read") == ALLOW
    assert verdict(profile, "read", architecture="i386") == KILL_PROCESS
    assert verdict(profile, "read", architecture="x32") == KILL_PROCESS
    listed = {**profile, "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]}
    assert [verdict(listed, "read", architecture=each) for each in ("x86_64", "x32", "i386")] == [ALLOW] * 3
    assert judge(seccomp.compile(profile, "x86_64"), 0xFFFFFFFF, AUDIT["x86_64"], ()) == ALLOW


def test_each_architecture_has_its_own_numbers():
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": list(rules.ARCHITECTURES),
               "syscalls": [{"names": ["ioctl"], "action": "SCMP_ACT_ERRNO"}]}
    for machine, each in [("x86_64", "x86_64"), ("x86_64", "i386"), ("x86_64", "x32"), ("aarch64", "aarch64"),
                          ("aarch64", "arm")]:
        program = seccomp.compile(profile, machine)
        refused = [number for number in range(1000) if judge(
            program, number | (numbers.X32_BIT if each == "x32" else 0), AUDIT[each], ()) != ALLOW]
        assert refused == [numbers.table(each)["ioctl"] & ~numbers.X32_BIT]


def test_a_call_newer_than_all_that_are_named_is_unknown_not_forbidden():
    allowed = {"names": ["read", "statx"], "action": "SCMP_ACT_ALLOW"}
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [allowed]}
    program = seccomp.compile(profile, "x86_64")
    assert [judge(program, number, AUDIT["x86_64"], ()) for number in (1, 331, 332, 333, 9999)] == [
        ERRNO | 1, ERRNO | 1, ALLOW, ENOSYS, ENOSYS]
    lenient = seccomp.compile({**profile, "defaultAction": "SCMP_ACT_LOG"}, "x86_64")
    assert judge(lenient, 9999, AUDIT["x86_64"], ()) == 0x7FFC0000
    nothing = seccomp.compile({"defaultAction": "SCMP_ACT_ERRNO"}, "x86_64")
    assert judge(nothing, 9999, AUDIT["x86_64"], ()) == ERRNO | 1


def test_what_arm_calls_its_own_is_not_new():
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_ARM"],
               "syscalls": [{"names": ["read", "set_tls"], "action": "SCMP_ACT_ALLOW"}]}
    program = seccomp.compile(profile, "aarch64")
    assert [judge(program, number, AUDIT["arm"], ()) for number in (3, 4, 0xF0004, 0xF0005)] == [
        ALLOW, ENOSYS, ENOSYS, ALLOW]


# ---- i386's calls for many things

def test_what_is_forbidden_on_i386_is_forbidden_through_the_old_doors_too():
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
               "syscalls": [{"names": ["socket", "semop"], "action": "SCMP_ACT_ERRNO"}]}
    seen = [verdict(profile, *call, architecture="i386") for call in [
        ("socketcall", 1), ("socketcall", 2), ("ipc", 1), ("ipc", 0x30001), ("ipc", 2)]]
    assert seen == [ERRNO | 1, ALLOW, ERRNO | 1, ERRNO | 1, ALLOW]


def test_arguments_that_cannot_be_seen_are_taken_for_the_worst():
    condition = [{"index": 0, "op": "SCMP_CMP_EQ", "value": 40}]
    refuse = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
              "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": condition}]}
    allow = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"],
             "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": condition}]}
    assert verdict(refuse, "socketcall", 1, architecture="i386") == ERRNO | 1
    assert verdict(allow, "socketcall", 1, architecture="i386") == ERRNO | 1
    assert verdict(allow, "socket", 40, architecture="i386") == ALLOW
    severest = {**allow, "syscalls": [{"names": ["socket"], "action": "SCMP_ACT_KILL_PROCESS", "args": condition}]}
    assert verdict(severest, "socketcall", 1, architecture="i386") == KILL_PROCESS


# ---- size

def test_a_filter_that_the_kernel_would_not_take_is_refused():
    rule = one("EQ", 9)["syscalls"][0]
    many = [{**rule, "args": [{**rule["args"][0], "value": value}]} for value in range(1000)]
    with pytest.raises(InvalidConfig, match=r"linux.seccomp: 5\d{3} instructions, and the kernel takes 4096"):
        seccomp.compile({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": many}, "x86_64")


def test_a_long_way_is_jumped_in_two():
    """More than 255 instructions lie between a test and where it leads."""
    rule = one("EQ", 9)["syscalls"][0]
    many = [{**rule, "names": ["read"], "args": [{**rule["args"][0], "value": value}]} for value in range(400)]
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [*many, {"names": ["write"], "action": "SCMP_ACT_ERRNO"}]}
    assert [verdict(profile, "read", 0, 399), verdict(profile, "read", 0, 400), verdict(profile, "write")] == [
        ERRNO | 1, ALLOW, ERRNO | 1]


def test_a_call_costs_few_instructions():
    """The tree: of 600 instructions a call meets no more than twenty."""
    program = seccomp.compile(seccomp.default_profile(()), "x86_64")
    body = struct.iter_unpack("<HBBI", program)
    assert sum(1 for code, *_ in body if code == 0x06) > 100
    assert max(depth(program, number) for number in range(480)) <= 20


def depth(program: bytes, number: int) -> int:
    """How many instructions a call without arguments meets."""
    place = count = 0
    loaded = AUDIT["x86_64"]
    while (line := struct.unpack_from("<HBBI", program, 8 * place))[0] != 0x06:
        code, holds, fails, operand = line
        if code == 0x20:
            loaded = {0: number, 4: AUDIT["x86_64"]}.get(operand, 0)
        place += 1 + (operand if code == 0x05 else 0 if code in (0x20, 0x54) else
                      holds if JUMPS[code](loaded, operand) else fails)
        loaded = loaded & operand if code == 0x54 else loaded
        count += 1
    return count


# ---- any profile, any call

NAMES = ["read", "write", "ioctl", "execve", "kill", "socket", "semop", "shmat", "socketcall", "ipc", "clone3",
         "close_range", "set_tls", "sync_file_range2", "mmap2", "file_setattr", "no_such_call"]
ODD = [0, 1, 2, 0xFFFF, 0x10001, 0xFFFFFFFF, 0x1_0000_0000, 0x1_0000_0001, (1 << 64) - 1]
VALUES = st.sampled_from(ODD) | st.integers(0, (1 << 64) - 1)
CONDITIONS = st.builds(lambda index, op, value, second: {"index": index, "op": op, "value": value, "valueTwo": second},
                       st.integers(0, 2), st.sampled_from(rules.OPERATORS), VALUES, VALUES)
RULES = st.builds(lambda names, action, args: {"names": names, "action": action, "args": args},
                  st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), st.sampled_from(sorted(rules.ACTIONS)),
                  st.lists(CONDITIONS, max_size=3) | st.just([]))
PROFILES = st.builds(lambda default, known, syscalls: {
    "defaultAction": default, "architectures": known, "syscalls": syscalls}, st.sampled_from(sorted(rules.ACTIONS)),
    st.lists(st.sampled_from(sorted(rules.ARCHITECTURES))), st.lists(RULES, max_size=8))
PLACES = [("x86_64", "x86_64"), ("x86_64", "i386"), ("x86_64", "x32"), ("aarch64", "aarch64"), ("aarch64", "arm")]


@settings(max_examples=250, deadline=None)
@given(PROFILES, st.sampled_from(PLACES), st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=4))
def test_program_and_explanation_agree_on_any_call(profile, place, arguments):
    machine, architecture = place
    program = seccomp.compile(profile, machine)
    table = numbers.table(architecture)
    bit = numbers.X32_BIT if architecture == "x32" else 0
    near = {table[name] + step for name in NAMES if name in table for step in (-1, 0, 1)}
    for number in (near | {bit, 9999 | bit, 0xFFFFFFFF}) - {-1}:
        for args in arguments:
            seen = tuple(arg & 0xFFFFFFFF for arg in args) if architecture in rules.NARROW else args
            family = "x86_64" if architecture == "x32" else architecture
            expected, why = explaining.decide(profile, number, args, family, machine)
            assert judge(program, number, AUDIT[architecture], seen) == expected, (number, args, why)
