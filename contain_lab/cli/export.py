"""`contain-lab export my_runtime -o ./my-runtime`: an OCI runtime of the student's steps, which Podman takes.

It is one file: a zip archive (PEP 441) with the package and the student's steps in it, and the real interpreter in
its first line. So it can be handed on: it needs nothing of this folder.
"""

import argparse
import io
import os
import stat
import sys
import zipfile

from contain_lab import steps
from contain_lab.errors import ContainLabError, NotFound

ROOMS = "errors trace steps syscalls files spec namespaces rootfs cgroups capabilities seccomp container".split()
MAIN = '''"""An OCI runtime made by a student: its steps are in my_runtime/, the rest is contain_lab's."""
import gc
gc.disable()
from contain_lab.cli import exported, oci
oci.command(exported.main)
'''


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("package", metavar="FOLDER", help="the student's package, my_runtime")
    parser.add_argument("-o", "--output", default="./my-runtime", metavar="FILE", help="default: ./my-runtime")


def main(options: argparse.Namespace) -> int:
    """Write the file, and say how it is used."""
    names = check(options.package.rstrip("/"))
    write(options.package.rstrip("/"), options.output)
    print(f"{options.output}: an OCI runtime with {', '.join(names)} of yours")
    print(f"podman --runtime {os.path.abspath(options.output)} run --rm IMAGE COMMAND")
    return 0


def check(package: str) -> list[str]:
    """The names of the functions of a student's package. Errors: NotFound, or what is wrong with a file of it."""
    steps.check_owner(package)
    names = [name for file in python_files(package) for name in steps.functions(file)]
    if not names:
        raise NotFound(f"{package}: no step in it", "run a Build cell of a lab first")
    return sorted(names)


def python_files(folder: str) -> list[str]:
    """The files of Python in a folder, by name."""
    return [f"{folder}/{name}" for name in sorted(os.listdir(folder)) if name.endswith(".py")]


def write(package: str, output: str) -> None:
    """Write the archive, whole or not at all. Errors: OSError, ContainLabError where a folder has the name."""
    if os.path.isdir(output):
        raise ContainLabError(f"{output}: it is a folder", "name a file with -o")
    data = io.BytesIO(f"#!{interpreter()} -IS\n".encode())
    data.seek(0, io.SEEK_END)
    with zipfile.ZipFile(data, "a") as archive:
        add(archive, "__main__.py", MAIN)
        for path, name in [*package_files(), *((file, f"my_runtime/{os.path.basename(file)}")
                                               for file in python_files(package))]:
            with open(path, encoding="utf-8") as file:
                add(archive, name, file.read())
    beside = f"{output}.cl-{os.getpid()}"
    with open(beside, "wb") as made:
        made.write(data.getvalue())
    os.chmod(beside, 0o755)
    os.replace(beside, output)


def add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    """Add a file; its date is always the same, so that the same steps make the same bytes."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    archive.writestr(info, text)


def package_files() -> list[tuple[str, str]]:
    """The files of our package that a runtime needs: (path, name in the archive)."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    commands = ("__init__", "oci", "oci_exec", "oci_pause", "oci_update", "oci_asked", "exported")
    found = ["__init__.py", *(f"cli/{name}.py" for name in commands)]
    for room in ROOMS:
        inside = os.listdir(f"{own}/{room}") if os.path.isdir(f"{own}/{room}") else []
        found += [f"{room}/{name}" for name in sorted(inside) if name.endswith(".py")] or [f"{room}.py"]
    return [(f"{own}/{name}", f"contain_lab/{name}") for name in found]


def interpreter() -> str:
    """The real interpreter, not the one of a virtual environment: it is started anew for every verb."""
    return os.path.realpath(sys.executable)
