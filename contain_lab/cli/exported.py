"""The command line of an exported runtime: the student's steps are put in the rooms, then it is contain-lab-runtime.

What a student's step does wrong must not reach the machine: `create` happens in mount, UTS and IPC namespaces of its
own (the container's are made inside these).
"""

import sys

from contain_lab.cli import oci
from contain_lab.errors import ContainLabError


def main() -> int:
    """Run one command of the OCI command line; its exit code."""
    try:
        if "create" in sys.argv:
            put_in_place()
    except (ContainLabError, OSError) as error:
        oci.report(error, {})
        return 1
    return oci.main()


def put_in_place() -> None:
    """Load the student's steps from this archive, and stand apart from the machine."""
    from contain_lab import namespaces, steps
    from contain_lab.container import plan  # it loads the rooms

    first = plan.__name__.partition(".")[0]
    rooms = [room for name, room in sorted(sys.modules.items()) if name.startswith(f"{first}.")]
    steps.use_loaded(read_steps, rooms)
    namespaces.stand_apart()


def read_steps(room: str) -> "tuple[str, str]":
    """Where a room's steps are, and their source; "" where the student has none: (path, source)."""
    loader = sys.modules["__main__"].__spec__.loader  # type: ignore[union-attr]
    path = f"{sys.argv[0]}/my_runtime/{room}.py"
    try:
        return path, loader.get_data(path).decode()  # type: ignore[union-attr]
    except OSError:
        return path, ""
