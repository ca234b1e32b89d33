"""The compiled modules of the OCI command line in one file: to look for forty costs each start a millisecond more.

The set-up makes the file: `python -m contain_lab.cli.packed FILE`. A module whose source has changed since is imported
as ever, so a file that is out of date costs time and nothing else.
"""

import marshal
import posix
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

    Kept = tuple[str, tuple[int, int], bool, int, int]  # source, stamp, is a package; code: where, how long

HEAD = 8  # bytes that say how long the index is; it comes next, then the code of each module


class Packed:
    """Finds and loads the modules that a file holds. Errors: OSError, ValueError and more for a file that cannot be."""

    def __init__(self, path: str) -> None:
        self.handle = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
        self.codes = HEAD + int.from_bytes(posix.pread(self.handle, HEAD, 0), "little")
        magic, self.kept = marshal.loads(posix.pread(self.handle, self.codes - HEAD, HEAD))
        if magic != MAGIC_NUMBER:
            raise ValueError("of another Python")

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        """Where a module is to be had; None: not here, or not as its source is now."""
        kept: Kept | None = self.kept.get(name)
        if kept is None or stamp(kept[0]) != kept[1]:
            return None
        found = ModuleSpec(name, self, origin=kept[0], is_package=kept[2])  # type: ignore[arg-type]
        if kept[2]:
            found.submodule_search_locations = [kept[0].rpartition("/")[0]]
        found.has_location = True
        return found

    def create_module(self, spec: "ModuleSpec") -> None:
        """As the import system makes them."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run the code of a module."""
        *_, start, length = self.kept[module.__name__]
        exec(marshal.loads(posix.pread(self.handle, length, self.codes + start)), vars(module))


def stamp(path: str) -> tuple[int, int]:
    """What tells one state of a file from another: its time in nanoseconds, its size; zeros where it is gone."""
    try:
        found = posix.stat(path)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def install(path: str) -> None:
    """Look in this file first, whatever is imported from now on; where it cannot be used, all is as it was."""
    try:
        sys.meta_path.insert(0, Packed(path))
    except (OSError, OverflowError, ValueError, EOFError, TypeError):
        return


# ---- making the file

def pack(path: str) -> None:
    """Compile what the command line may import, and write the file, whole or not at all."""
    import os

    from contain_lab import files
    from contain_lab.cli import export

    kept: dict[str, Kept] = {}
    codes = b""
    for source, place in export.package_files():
        compiled: CodeType = compile(files.get(source), source, "exec", dont_inherit=True)
        code, name = marshal.dumps(compiled), place.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        kept[name] = source, stamp(source), place.endswith("/__init__.py"), len(codes), len(code)
        codes += code
    index = marshal.dumps((MAGIC_NUMBER, kept))
    with open(f"{path}.cl-new", "wb") as file:
        file.write(len(index).to_bytes(HEAD, "little") + index + codes)
    os.replace(f"{path}.cl-new", path)


if __name__ == "__main__":
    pack(sys.argv[1])
