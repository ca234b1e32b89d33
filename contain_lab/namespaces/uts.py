"""UTS: the host name and the domain name. man: uts_namespaces(7).

A new UTS namespace begins with a copy of both names. What is set in it is seen in it alone.
"""

from contain_lab import syscalls
from contain_lab.syscalls import CLONE_NEWUTS


def unshare_uts() -> None:
    """Move into a UTS namespace of our own."""
    syscalls.unshare(CLONE_NEWUTS)


def set_hostname(name: str) -> None:
    """Give this UTS namespace another host name."""
    syscalls.sethostname(name)


def set_domainname(name: str) -> None:
    """Give this UTS namespace another NIS domain name."""
    syscalls.setdomainname(name)
