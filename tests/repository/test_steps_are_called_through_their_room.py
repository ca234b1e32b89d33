"""`from room import step` is an error: what replaces, records or fails a step sets the room's attribute.

So it is with `syscalls`: a recording sets its attributes. Constants, classes and modules may be imported.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("namespaces", "rootfs", "cgroups", "capabilities", "seccomp", "syscalls")


def file_of(module: str, root: Path) -> Path | None:
    """The file of a dotted module, or None where there is no such module."""
    place = root / module.replace(".", "/")
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists()), None)


def functions_of(module: str, root: Path) -> set[str]:
    """Names of the functions that a module defines, or takes in from another one."""
    path = file_of(module, root)
    body = ast.parse(path.read_text()).body if path else []
    taken = {alias.asname or alias.name for node in body if isinstance(node, ast.ImportFrom) and node.module != module
             for alias in node.names if alias.name in functions_of(node.module or "", root)}
    return taken | {node.name for node in body if isinstance(node, ast.FunctionDef)}


def taken_functions(path: Path, root: Path = ROOT) -> list[str]:
    """Functions of a room that a file imports by their name, as "file:line name"."""
    of_rooms = re.compile(rf"contain_lab\.({'|'.join(ROOMS)})\b")
    return [f"{path.relative_to(root)}:{node.lineno} {alias.name}"
            for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
            and of_rooms.match(node.module or "") for alias in node.names
            if alias.name == "*" or alias.name in functions_of(node.module or "", root)]


def test_no_file_imports_a_step_or_a_call_by_its_name():
    files = sorted((ROOT / "contain_lab").rglob("*.py"))
    assert [each for path in files for each in taken_functions(path)] == []


def test_such_an_import_is_found(tmp_path: Path):
    room = tmp_path / "contain_lab/namespaces"
    room.mkdir(parents=True)
    (room / "uts.py").write_text("KIND = 'uts'\ndef set_hostname(name): ...\n")
    (room / "__init__.py").write_text("from contain_lab.namespaces.uts import KIND, set_hostname\n")
    caller = tmp_path / "contain_lab/caller.py"
    caller.write_text("from contain_lab.namespaces import set_hostname\n"
                      "from contain_lab.namespaces import uts\n"
                      "from contain_lab.namespaces.uts import KIND\n"
                      "from contain_lab.namespaces.uts import *\n")
    found = [each.removeprefix("contain_lab/") for each in taken_functions(caller, tmp_path)]
    assert found == ["caller.py:1 set_hostname", "caller.py:4 *"]
    found = [each.removeprefix("contain_lab/") for each in taken_functions(room / "__init__.py", tmp_path)]
    assert found == ["namespaces/__init__.py:1 set_hostname"]
