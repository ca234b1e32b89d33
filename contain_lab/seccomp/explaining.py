"""Which rule of a profile a call meets: "the errno of a blocked call says which rule", on request.

The profile is interpreted here, and not the program that was made of it: the tests hold one against the other.
"""

from contain_lab.errors import name_of
from contain_lab.seccomp import numbers, rules
from contain_lab.seccomp.numbers import X32_BIT
from contain_lab.seccomp.rules import KILL_PROCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from contain_lab.seccomp.rules import Condition, Profile

WORDS = {"EQ": "==", "NE": "!=", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}


def explain_call(profile: "Profile", number: int, args: "Sequence[int]", architecture: str, machine: str) -> str:
    """What happens to a call and which rule says so, in one line.

    number, args: as the program that calls passes them, up to six arguments; architecture: the program's, "i386".
    """
    value, why = decide(profile, number, args, architecture, machine)
    architecture = "x32" if architecture == "x86_64" and number & X32_BIT else architecture
    name = next((name for name, each in numbers.table(architecture).items() if each == number), f"call {number}")
    return f"{name}: {shown_action(value)}, as {why}"


def decide(profile: "Profile", number: int, args: "Sequence[int]", architecture: str, machine: str) -> tuple[int, str]:
    """What the filter returns for a call, and where the profile says so."""
    if architecture == "x86_64" and X32_BIT <= number < 0xFFFFFFFF:
        architecture = "x32"
    if architecture not in rules.architectures(profile, machine):
        return KILL_PROCESS, f"{architecture} is not among architectures"
    of_calls, newest = rules.by_number(profile, architecture)
    for value, conditions, index in of_calls.get(number, []):
        if all(holds(each, args, architecture not in rules.NARROW) for each in conditions):
            return value, f"{shown_rule(profile, index)}{shown_conditions(conditions)}"
    if -1 < newest < number and number not in of_calls:
        return rules.beyond(profile), "it is newer than all calls that the profile names"
    return rules.default_action(profile), "defaultAction says of all that no rule fits"


def holds(condition: "Condition", args: "Sequence[int]", wide: bool) -> bool:
    """Whether a condition holds of a call's arguments; wide: whether they have 64 bits."""
    index, operator, value, second = condition
    bits = (1 << 64 if wide else 1 << 32) - 1
    given, value, second = (args[index] if index < len(args) else 0) & bits, value & bits, second & bits
    if operator == "SCMP_CMP_MASKED_EQ":
        return given & value == second & value
    return {"EQ": given == value, "NE": given != value, "LT": given < value, "LE": given <= value,
            "GT": given > value, "GE": given >= value}[operator.removeprefix("SCMP_CMP_")]


def shown_rule(profile: "Profile", index: int) -> str:
    """An entry of `syscalls` as people find it: "syscalls[2] (mkdir, mkdirat, rmdir, ...)"."""
    names = profile["syscalls"][index]["names"]
    return f"syscalls[{index}] ({', '.join([*names[:3], '...'] if len(names) > 4 else names)}) says"


def shown_conditions(conditions: "tuple[Condition, ...]") -> str:
    """Conditions as people write them: " where args[1] == 0xa"."""
    said = [f"args[{index}] & {value:#x} == {second & value:#x}" if operator == "SCMP_CMP_MASKED_EQ" else
            f"args[{index}] {WORDS[operator.removeprefix('SCMP_CMP_')]} {value:#x}"
            for index, operator, value, second in conditions]
    return f" where {' and '.join(said)}" if said else ""


def shown_action(value: int) -> str:
    """What a filter returns, by its name: "ERRNO(EPERM)", "ALLOW"."""
    kind, number = value & 0xFFFF0000, value & 0xFFFF
    name = next(name for name, each in reversed(rules.ACTIONS.items()) if each & 0xFFFF0000 == kind)
    return name.removeprefix("SCMP_ACT_") + (f"({name_of(number)})" if name in rules.NUMBERED else "")
