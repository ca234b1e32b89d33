"""Rules become a program of classic BPF, which the kernel runs before every system call.

man: seccomp(2), bpf(4); Documentation/userspace-api/seccomp_filter.rst. The program reads `struct seccomp_data`
(number, architecture, instruction pointer, six arguments of 64 bits), 32 bits at a time, and returns what shall happen.

    architecture?  ── its section:  number?  ── a tree of ranges, so that 400 calls cost 8 comparisons
                                                  ── return, or the arguments' comparisons and a return
    none of them   ── kill the process: a number means nothing without its architecture

Jumps go forward only. A block is bytes and knows nothing of its place, so blocks are put together by joining them; a
jump reaches 255 instructions, and where that is too short it goes by way of an unconditional one, which reaches all.
"""

from struct import Struct

from contain_lab.errors import InvalidConfig
from contain_lab.seccomp import rules
from contain_lab.seccomp.numbers import X32_BIT
from contain_lab.seccomp.rules import KILL_PROCESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.seccomp.rules import Condition, Profile, Rule

    Line = tuple[int, int, int, int]  # code, where to go when it holds, when it does not, operand

# <linux/bpf_common.h>: load a word, and it with, return; jump always, if equal, if greater, if greater or equal
LOAD, AND, RETURN, JUMP, EQUAL, GREATER, GREATER_EQUAL = 0x20, 0x54, 0x06, 0x05, 0x15, 0x25, 0x35
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
AUDIT = {"x86_64": 0xC000003E, "i386": 0x40000003, "aarch64": 0xC00000B7, "arm": 0x40000028}  # <linux/audit.h>
NEXT, HOLDS, FAILS = 0, -1, -2  # where a line of a comparison goes: the next line, on in the rule, to the next rule
NO_CALL = 0xFFFFFFFF  # a tracer puts -1 in the place of a number to skip the call: it is not x32's
MOST = 4096  # BPF_MAXINSNS

instruction = Struct("<HBBI").pack  # struct sock_filter


def compile_profile(profile: "Profile", machine: str) -> bytes:
    """The program of a profile, an array of struct sock_filter. machine: as uname(2) names it, "x86_64" or "aarch64".

    Errors: InvalidConfig and Unsupported say what is wrong, with its path in config.json.
    """
    sections = b""
    for architecture in rules.architectures(profile, machine):
        if architecture != "x32":  # it is a range of x86-64's numbers
            body = instruction(LOAD, 0, 0, NUMBER) + section(profile, architecture)
            sections += instruction(EQUAL, 1, 0, AUDIT[architecture]) + jump(body) + body
    program = instruction(LOAD, 0, 0, ARCHITECTURE) + sections + give(KILL_PROCESS)
    if length(program) > MOST:
        raise InvalidConfig(f"linux.seccomp: {length(program)} instructions, and the kernel takes {MOST} at most",
                            "merge rules, or name fewer architectures")
    return program


def length(block: bytes) -> int:
    """The number of instructions in a block."""
    return len(block) // 8


def give(value: int) -> bytes:
    """The end of a program: what shall happen."""
    return instruction(RETURN, 0, 0, value)


def jump(block: bytes) -> bytes:
    """Jump over a block, however long."""
    return instruction(JUMP, 0, 0, length(block))


# ---- the number

def section(profile: "Profile", architecture: str) -> bytes:
    """The tree of one architecture; the number has been loaded."""
    found = ranges(profile, architecture, 0)
    if architecture == "x86_64":
        last = found[-1][1]
        if "x32" in rules.architectures(profile, "x86_64"):
            found += ranges(profile, "x32", X32_BIT)
        else:
            found.append((X32_BIT, give(KILL_PROCESS)))
        found.append((NO_CALL, last))
    return tree(found)


def ranges(profile: "Profile", architecture: str, first: int) -> list[tuple[int, bytes]]:
    """Where a range of numbers begins, and the block that all of it goes to; in order, from `first` on."""
    of_calls, newest = rules.by_number(profile, architecture)
    default, wide = rules.default_action(profile), architecture not in rules.NARROW
    blocks = {number: decision(each, default, wide) for number, each in of_calls.items()}
    usual = give(default)
    after = give(rules.beyond(profile)) if newest >= 0 else usual
    found = [(first, usual)]
    for number in sorted({*blocks, *range(newest + 1, newest + 2 if newest >= 0 else 0)}):
        add(found, number, blocks.get(number, after))
        add(found, number + 1, usual if number < newest else after)
    return found


def add(found: list[tuple[int, bytes]], start: int, block: bytes) -> None:
    """Let another range begin; it takes the place of one that begins there too, and like neighbours become one."""
    if found[-1][0] == start:
        del found[-1]
    if not found or found[-1][1] != block:
        found.append((start, block))


def tree(found: list[tuple[int, bytes]]) -> bytes:
    """A binary search for the range that a number lies in."""
    if len(found) == 1:
        return found[0][1]
    middle = len(found) // 2
    below, above = tree(found[:middle]), tree(found[middle:])
    if length(below) <= 255:
        return instruction(GREATER_EQUAL, length(below), 0, found[middle][0]) + below + above
    return instruction(GREATER_EQUAL, 0, 1, found[middle][0]) + jump(below) + below + above


# ---- the arguments

def decision(of_call: "list[Rule]", default: int, wide: bool) -> bytes:
    """What happens to one call: its rules, tried in their order, and then the default."""
    if not of_call[0][1]:
        return give(of_call[0][0])
    return b"".join(rule(conditions, value, wide) for value, conditions, _ in of_call) + give(default)


def rule(conditions: "tuple[Condition, ...]", value: int, wide: bool) -> bytes:
    """One rule: all conditions hold and it returns, or it is left at its end."""
    block = give(value)
    for condition in reversed(conditions):
        lines = comparison(condition, wide)
        last = len(lines) - 1
        rest = length(block)
        block = b"".join(
            instruction(code, distance(holds, last - place, rest), distance(fails, last - place, rest), operand)
            for place, (code, holds, fails, operand) in enumerate(lines)) + block
    return block


def distance(to: int, left: int, rest: int) -> int:
    """How far a jump goes; left: lines of the comparison behind it, rest: instructions of the rule behind those."""
    return left + rest if to == FAILS else left if to == HOLDS else NEXT


def comparison(condition: "Condition", wide: bool) -> "list[Line]":
    """The lines of one condition: the upper half of the argument decides, or leaves it to the lower half."""
    index, operator, value, second = condition
    high, low = ARGUMENTS + 8 * index + 4, ARGUMENTS + 8 * index
    if operator == "SCMP_CMP_MASKED_EQ":
        return masked(high, value >> 32, second >> 32, NEXT) * wide + masked(low, value & HALF, second & HALF, HOLDS)
    final = {"EQ": EQUAL, "NE": EQUAL, "GE": GREATER_EQUAL, "LT": GREATER_EQUAL, "GT": GREATER, "LE": GREATER}
    code = final[operator.removeprefix("SCMP_CMP_")]
    lines = [(LOAD, NEXT, NEXT, high), (GREATER, HOLDS, NEXT, value >> 32), (EQUAL, NEXT, FAILS, value >> 32)] * wide
    if code == EQUAL and wide:
        del lines[1]
    lines += [(LOAD, NEXT, NEXT, low), (code, HOLDS, FAILS, value & HALF)]
    if operator in ("SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE"):  # the opposites of EQ, GE and GT
        lines = [(code, OPPOSITE[holds], OPPOSITE[fails], operand) for code, holds, fails, operand in lines]
    return lines


HALF = 0xFFFFFFFF
OPPOSITE = {NEXT: NEXT, HOLDS: FAILS, FAILS: HOLDS}


def masked(offset: int, mask: int, value: int, then: int) -> "list[Line]":
    """Half an argument and a mask; nothing where the mask is empty. Bits of the value beside the mask do not count."""
    if not mask:
        return []
    return [(LOAD, NEXT, NEXT, offset), (AND, NEXT, NEXT, mask), (EQUAL, then, FAILS, value & mask)]
