"""Cgroup: which group /proc/self/cgroup shows as "/". man: cgroup_namespaces(7).

The groups that a process is in when it unshares become the root of what it sees: so join first, then unshare.
"""

from contain_lab import syscalls
from contain_lab.syscalls import CLONE_NEWCGROUP


def unshare_cgroup() -> None:
    """Move into a cgroup namespace of our own."""
    syscalls.unshare(CLONE_NEWCGROUP)
