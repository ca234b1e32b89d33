"""A profile (the runtime specification's linux.seccomp) as rules by number: what both the compiler and `explain` read.

https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config-linux.md#seccomp. The specification leaves open what
happens when several rules fit, so this is as runc and crun have it, by way of libseccomp:
- a rule with the default action says nothing, and is passed over;
- a rule without arguments beats all of the same call with arguments, wherever it stands; of two the first counts;
- of those with arguments the first that fits counts; all of its comparisons must hold, but where two are of the same
  argument each is a rule of its own;
- a name that an architecture does not know is passed over there, so one profile serves old and new kernels;
- a 32-bit program's arguments are compared in their lower halves, for it has no others;
- a call that is newer than all that the profile names fails with ENOSYS, not with what the default says, unless the
  default lets calls through: a C library tries a new call and falls back on an old one only when it hears ENOSYS.
"""

from contain_lab.errors import InvalidConfig, Unsupported
from contain_lab.seccomp import numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Profile = dict[str, Any]
    Condition = tuple[int, str, int, int]  # the argument's index, the operator, value, valueTwo
    Rule = tuple[int, tuple[Condition, ...], int]  # what the filter returns, all conditions, index in `syscalls`

KILL_PROCESS, KILL_THREAD, ERRNO, ALLOW = 0x80000000, 0, 0x50000, 0x7FFF0000
ACTIONS = {"SCMP_ACT_KILL": KILL_THREAD, "SCMP_ACT_KILL_THREAD": KILL_THREAD, "SCMP_ACT_KILL_PROCESS": KILL_PROCESS,
           "SCMP_ACT_TRAP": 0x30000, "SCMP_ACT_ERRNO": ERRNO, "SCMP_ACT_TRACE": 0x7FF00000,
           "SCMP_ACT_LOG": 0x7FFC0000, "SCMP_ACT_ALLOW": ALLOW}  # SECCOMP_RET_* of <linux/seccomp.h>
NUMBERED = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")  # these carry a number in the lower half
LENIENT = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE")
OPERATORS = tuple(f"SCMP_CMP_{name}" for name in "EQ NE LT LE GT GE MASKED_EQ".split())
EPERM, ENOSYS, MAX_ERRNO = 1, 38, 4095

# What a kernel runs, as the specification names it: the machine's own first. Others it can never meet.
FAMILIES = {"x86_64": {"SCMP_ARCH_X86_64": "x86_64", "SCMP_ARCH_X86": "i386", "SCMP_ARCH_X32": "x32"},
            "aarch64": {"SCMP_ARCH_AARCH64": "aarch64", "SCMP_ARCH_ARM": "arm"}}
ARCHITECTURES = frozenset(f"SCMP_ARCH_{name}" for name in (
    "X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC "
    "PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB").split())
NARROW = ("i386", "arm")
PRIVATE_TO_ARM = 0xF0000  # ARM's own calls begin here, and are not new


def architectures(profile: "Profile", machine: str) -> list[str]:
    """Those of the profile's architectures that this machine runs, its own always and first: ["x86_64", "i386"].

    Errors: InvalidConfig names one that the specification does not know; Unsupported for another kind of machine.
    """
    if machine not in FAMILIES:
        raise Unsupported(f"linux.seccomp: system calls of {machine} are not known here",
                          f"filters are made for {' and '.join(FAMILIES)}: leave it out of config.json")
    asked = profile.get("architectures") or []
    for name in asked:
        if name not in ARCHITECTURES:
            raise InvalidConfig(f"linux.seccomp.architectures: {name!r} is none", "one is SCMP_ARCH_X86_64")
    own = FAMILIES[machine]
    return [short for name, short in own.items() if short == machine or name in asked]


def default_action(profile: "Profile") -> int:
    """What the filter returns where no rule fits. Errors: InvalidConfig, Unsupported."""
    return action(profile.get("defaultAction"), profile.get("defaultErrnoRet"), "linux.seccomp.",
                  "defaultAction", "defaultErrnoRet")


def action(name: object, number: "int | None", where: str, own: str = "action", its: str = "errnoRet") -> int:
    """What a filter returns for an action of the specification and its errno; own, its: what the two are called.

    Errors: InvalidConfig, Unsupported.
    """
    if name == "SCMP_ACT_NOTIFY":
        raise Unsupported(f"{where}{own}: SCMP_ACT_NOTIFY: this runtime hands no calls to a listenerPath",
                          "take SCMP_ACT_ERRNO")
    if name not in ACTIONS:
        raise InvalidConfig(f"{where}{own}: {name!r} is no action" if name else f"{where}{own}: missing",
                            "they are SCMP_ACT_ALLOW, SCMP_ACT_ERRNO and the like")
    if number is not None and name not in NUMBERED:
        raise InvalidConfig(f"{where}{its}: it goes with SCMP_ACT_ERRNO and SCMP_ACT_TRACE, not with {name}")
    if number is not None and not 0 <= number <= MAX_ERRNO:
        raise InvalidConfig(f"{where}{its}: {number} is not between 0 and {MAX_ERRNO}")
    return ACTIONS[str(name)] | (0 if name not in NUMBERED else EPERM if number is None else number)


def beyond(profile: "Profile") -> int:
    """What the filter returns for a call that is newer than all that the profile names."""
    return default_action(profile) if profile.get("defaultAction") in LENIENT else ERRNO | ENOSYS


def by_number(profile: "Profile", architecture: str) -> "tuple[dict[int, list[Rule]], int]":
    """The rules of each call, in the order in which they are tried, and the newest number that is named (-1: none).

    Where a rule has no conditions, it is the only one of its call. Errors: InvalidConfig, Unsupported.
    """
    table, default = numbers.table(architecture), default_action(profile)
    within = multiplexed() if architecture == "i386" else {}
    found: dict[int, list[Rule]] = {}
    newest = -1
    for index, (value, names, alternatives) in enumerate(entries(profile)):
        for name in names:
            number = table.get(name, -1)
            if number & ~numbers.X32_BIT < PRIVATE_TO_ARM:
                newest = max(newest, number)
            if value == default:
                continue
            if number >= 0:
                found.setdefault(number, []).extend((value, conditions, index) for conditions in alternatives)
            if name in within and (alternatives == [()] or severity(value) < severity(default)):
                call, condition = within[name]
                found.setdefault(table[call], []).append((value, (condition,), index))
    return {number: next(([rule] for rule in rules if not rule[1]), rules) for number, rules in found.items()}, newest


def severity(value: int) -> int:
    """The kernel's order of what filters return, the severest first (seccomp(2): the action as a signed number)."""
    return (value & 0xFFFF0000) - (1 << 32 if value & KILL_PROCESS else 0)


def multiplexed() -> "dict[str, tuple[str, Condition]]":
    """By name: the call of i386 that can do the same, and the condition on its first argument.

    What is asked of other arguments cannot be seen there, for they lie in memory: a rule that has such conditions
    holds there without them where it is severer than the default, and not at all where it is milder.
    """
    return {name: (call, (0, "SCMP_CMP_MASKED_EQ", mask, number))
            for call, runs, mask in (("socketcall", numbers.SOCKETCALL, 0xFFFFFFFF), ("ipc", numbers.IPC, 0xFFFF))
            for name, number in numbers.read(runs).items()}


def entries(profile: "Profile") -> "Iterator[tuple[int, list[str], list[tuple[Condition, ...]]]]":
    """Each entry of `syscalls`: what the filter returns, the names, and the conditions of which one list must hold."""
    for index, entry in enumerate(profile.get("syscalls") or []):
        where = f"linux.seccomp.syscalls[{index}]."
        if not entry.get("names"):
            raise InvalidConfig(f"{where}names: empty or missing")
        value = action(entry.get("action"), entry.get("errnoRet"), where)
        conditions = tuple(condition(arg, f"{where}args[{number}].")
                           for number, arg in enumerate(entry.get("args") or []))
        twice = len({each[0] for each in conditions}) < len(conditions)
        yield value, entry["names"], [(each,) for each in conditions] if twice else [conditions]


def condition(arg: "Profile", where: str) -> "Condition":
    """One entry of `args`. Errors: InvalidConfig."""
    index, operator = arg.get("index") or 0, arg.get("op")
    value, second = arg.get("value") or 0, arg.get("valueTwo") or 0
    if not 0 <= index <= 5:
        raise InvalidConfig(f"{where}index: a call has the arguments 0 to 5, not {index}")
    if operator not in OPERATORS:
        raise InvalidConfig(f"{where}op: {operator!r} is no operator", f"they are {', '.join(OPERATORS)}")
    for name, number in (("value", value), ("valueTwo", second)):
        if not 0 <= number < 1 << 64:
            raise InvalidConfig(f"{where}{name}: {number} is not between 0 and 2^64-1")
    return index, str(operator), value, second
