"""The student's package beside the notebook: my_runtime/<room>.py, written by Build cells, and what has passed.

A step stands in its room's file once, and is updated in place; what else stands there stays: other functions, and
the student's own edits. Above each step a comment names lab and date. Imports of a cell are merged at the top.
What the magic wrote last is kept in my_runtime/written.json (a hash for each step), so that an edit made in the file
is noticed and never overwritten. progress.json has the checks that pass: {id: {date, source: {step: hash}}}.
"""

from __future__ import annotations

import ast
import builtins
import datetime
import difflib
import hashlib
import json
from pathlib import Path
from types import FunctionType
from typing import Any

from contain_lab import files, syscalls
from contain_lab.labkit.generator.build import BEGIN, END, free_names
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.standing import FOLDER
from contain_lab.labkit.table import find_check, find_step

HEAD = '"""Steps of a container runtime, written in the labs. `contain-lab run --with {folder}` uses them."""\n'
INIT = '"""A container runtime of my own, step by step."""\n'
TOO_MANY = 40  # lines of a difference that are shown


class Workspace:
    """A student's folder; nothing is made before the first step is written."""

    def __init__(self, folder: str | Path = FOLDER) -> None:
        self.folder = Path(folder).absolute()

    # ---- steps

    def write_step(self, cell: ast.Module, source: str, function: ast.FunctionDef, room: str, lab: str) -> bool:
        """Put a function of a cell into the file of its room; False where it stood there already.

        cell, source: the whole cell, parsed and as text. Errors: Refused, with the file as it was: for a name that
        the file would not have, and for a function that was edited in the file.
        """
        path = self.folder / f"{room}.py"
        text = path.read_text(encoding="utf-8") if path.exists() else HEAD.format(folder=self.folder.name)
        there = parse_file(path, text)
        new = ast.get_source_segment(source, function, padded=True) or ""
        new = "\n".join(line for line in [*(f"@{ast.unparse(each)}" for each in function.decorator_list),
                                          *new.split("\n")] if line.strip() not in (BEGIN, END))
        self._refuse_unknown(cell, there, function, path)
        old = find_function(there, function.name)
        stands = segment(text, old) if old else ""
        if stands.strip() == new.strip():
            self._remember(function.name, new)
            return False
        if old:
            self._refuse_edited(function.name, stands, new, path)
        text = put_function(text, old, f"# lab {lab}, {datetime.date.today()}\n{new}")
        text = merge_imports(text, [node for node in cell.body if isinstance(node, ast.Import | ast.ImportFrom)])
        self.folder.mkdir(mode=0o755, exist_ok=True)
        if not (self.folder / "__init__.py").exists():
            files.write(str(self.folder / "__init__.py"), INIT, 0o644)
        files.write(str(path), text, 0o644)
        self._remember(function.name, new)
        return True

    def _refuse_unknown(self, cell: ast.Module, there: ast.Module, function: ast.FunctionDef, path: Path) -> None:
        known = bound_names(cell.body, imports_only=True) | bound_names(there.body) | {function.name}
        known |= set(dir(builtins)) | {"__name__", "__file__"} | inner_names(function)
        if unknown := [name for name in free_names(function) if name not in known]:
            names, them = ", ".join(unknown), "it" if len(unknown) == 1 else "them"
            raise Refused(f"{function.name} uses {names}, and {self.folder.name}/{path.name} would not have {them}: "
                          "what another cell defines stays in the notebook",
                          meant(unknown) or f"import {names} in this cell, or write {them} into the function")

    def _refuse_edited(self, name: str, stands: str, new: str, path: Path) -> None:
        """What stands in the file is overwritten only if it is what a cell wrote."""
        if digest(stands) == self._read("written.json").get(name):
            return
        place = f"{self.folder.name}/{path.name}"
        lines = list(difflib.unified_diff(stands.strip().splitlines(), new.strip().splitlines(),
                                          place, "this cell", lineterm="", n=2))
        more = [f"… {len(lines) - TOO_MANY} lines more"] if len(lines) > TOO_MANY else []
        raise Refused("\n".join([f"{name} was edited in {place}, and this cell would overwrite that:",
                                 *lines[:TOO_MANY], *more]),
                      f"copy the lines that you want into this cell, delete {name} from {place}, "
                      "and run the cell again")

    def _remember(self, name: str, source: str) -> None:
        self._write("written.json", {**self._read("written.json"), name: digest(source)})

    def source(self, step: str) -> str:
        """The student's function of this name, "" where there is none or its file is no Python."""
        path = self.folder / f"{find_step(step)[1].room}.py"
        try:
            text = path.read_text(encoding="utf-8")
            function = find_function(ast.parse(text), step)
        except (OSError, SyntaxError, ValueError):
            return ""
        return segment(text, function) if function else ""

    # ---- what has passed

    def record(self, check: str, passed: bool) -> None:
        """Keep that a check passes, with the date and the steps it was passed with; or that it no longer does."""
        known = self._read("progress.json")
        before = known.pop(check, None)
        if passed:
            sources = {step: digest(self.source(step)) for step in find_check(check)[1].steps}
            same = before and before["source"] == sources
            known[check] = before if same else {"date": str(datetime.date.today()), "source": sources}
        if self.folder.is_dir():
            self._write("progress.json", known)

    def progress(self) -> dict[str, Any]:
        """The checks that pass: {id: {"date": ..., "source": {step: hash}}}."""
        return self._read("progress.json")

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, name: str, value: dict[str, Any]) -> None:
        files.write(str(self.folder / name), json.dumps(value, indent=1, sort_keys=True) + "\n", 0o644)


def meant(unknown: list[str]) -> str:
    """A hint for names that are calls or constants of `syscalls`; "" where one is none."""
    if any(not isinstance(getattr(syscalls, name, None), int | FunctionType) for name in unknown):
        return ""
    return (f"did you mean {', '.join(f'syscalls.{name}' for name in unknown)}? "
            "`from contain_lab import syscalls` in this cell brings it in")


# ---- the text of a file

def parse_file(path: Path, text: str) -> ast.Module:
    """A student's file as a tree. Errors: Refused with the line of a syntax error."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise Refused(f"{path.parent.name}/{path.name} cannot be read as Python: "
                      f"syntax error in line {error.lineno}: {error.msg}",
                      "mend that line, or delete the file and run the Build cells again") from None


def find_function(module: ast.Module, name: str) -> ast.FunctionDef | None:
    """The last function of this name at the top of a module: the one that counts."""
    found = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name]
    return found[-1] if found else None


def first_line(function: ast.FunctionDef) -> int:
    """The number of a function's first line, its decorators' among them."""
    return min([function.lineno, *(each.lineno for each in function.decorator_list)])


def segment(text: str, function: ast.FunctionDef) -> str:
    """The lines of a function, decorators included."""
    return "\n".join(text.split("\n")[first_line(function) - 1:function.end_lineno])


def put_function(text: str, old: ast.FunctionDef | None, new: str) -> str:
    """Put a function, with its comment line, in the place of another, or at the end."""
    if old is None:
        return f"{text.rstrip()}\n\n\n{new.rstrip()}\n"
    lines = text.split("\n")
    start = first_line(old) - 1
    if start and lines[start - 1].startswith("# lab "):
        start -= 1
    return "\n".join([*lines[:start], *new.rstrip().split("\n"), *lines[old.end_lineno:]])


def merge_imports(text: str, wanted: list[ast.Import | ast.ImportFrom]) -> str:
    """Add those of the imports that a file has not yet, one name a line, after the ones at its top."""
    body = ast.parse(text).body
    there = {line for node in body if isinstance(node, ast.Import | ast.ImportFrom) for line in one_by_one(node)}
    new = [line for node in wanted for line in one_by_one(node) if line not in there]
    new = list(dict.fromkeys(new))
    if not new:
        return text
    top = 0
    for node in body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (docstring or isinstance(node, ast.Import | ast.ImportFrom)):
            break
        top = node.end_lineno or top
    lines = text.split("\n")
    after_docstring = bool(top) and not lines[top - 1].startswith(("import ", "from "))
    return "\n".join([*lines[:top], *([""] if after_docstring else []), *new, *lines[top:]])


def one_by_one(node: ast.Import | ast.ImportFrom) -> list[str]:
    """An import as one line for each name."""
    names = [f"{each.name} as {each.asname}" if each.asname else each.name for each in node.names]
    if isinstance(node, ast.Import):
        return [f"import {name}" for name in names]
    return [f"from {'.' * node.level}{node.module or ''} import {name}" for name in names]


def bound_names(body: list[ast.stmt], imports_only: bool = False) -> set[str]:
    """The global names that statements at the top of a module bind."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(each.asname or each.name).split(".")[0] for each in node.names}
        elif imports_only:
            continue
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        else:
            found |= {each.id for each in ast.walk(node)
                      if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    return found


def inner_names(function: ast.FunctionDef) -> set[str]:
    """Names that classes and the patterns of `match` bind inside a function."""
    found = {node.name for node in ast.walk(function)
             if isinstance(node, ast.ClassDef | ast.MatchAs | ast.MatchStar) and node.name}
    return found | {node.rest for node in ast.walk(function) if isinstance(node, ast.MatchMapping) and node.rest}


def digest(source: str) -> str:
    """A short hash of a step's source."""
    return hashlib.sha256(source.strip().encode()).hexdigest()[:16]
