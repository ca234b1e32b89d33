"""IPC: System V queues, semaphores and shared memory, and POSIX message queues. man: ipc_namespaces(7)."""

from contain_lab import syscalls
from contain_lab.syscalls import CLONE_NEWIPC


def unshare_ipc() -> None:
    """Move into an IPC namespace of our own."""
    syscalls.unshare(CLONE_NEWIPC)
