"""Time: two clocks, the one since boot and the monotonic one, moved by offsets. man: time_namespaces(7).

unshare(2) makes a time namespace for the caller's next children and for whoever enters it; its offsets can be written
until the first process is in it. A child of clone3(2) is in it at once, so nothing could be written any more: unshare,
write, and enter. The time of day is not namespaced.
"""

from contain_lab import files, syscalls
from contain_lab.syscalls import CLONE_NEWTIME


def unshare_time() -> None:
    """Make a time namespace of our own, for whoever enters it: nobody is in it yet."""
    syscalls.unshare(CLONE_NEWTIME)


def write_time_offsets(offsets: tuple[tuple[str, int, int], ...]) -> None:
    """Move the clocks of the new time namespace: each is (clock, seconds, nanoseconds)."""
    files.put("/proc/self/timens_offsets", "".join(f"{clock} {secs} {nanos}\n" for clock, secs, nanos in offsets))
