"""Build cells: the package's own source as the solution, and the stub that a student gets of it.

A cell is a magic, a fixed header of imports, and one function. The header is made from the step's global
names: each is bound in the step's module by an import (taken over) or by the module itself (imported from
there), so what runs in the cell runs in `my_runtime` with the same lines. A cell of the source that holds a
function is a teaching version: it wins over the package's source. The stub and nbgrader's ClearSolutions cut
at the same marks.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import textwrap
from dataclasses import dataclass

from contain_lab.errors import ContainLabError
from contain_lab.labkit.generator.source import SourceCell
from contain_lab.labkit.table import Step

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"    # nbgrader's marks


@dataclass(frozen=True, slots=True)
class Answer:
    """A step cut in two: head is its signature and docstring, body what is hidden; hints are comments."""

    step: Step
    header: tuple[str, ...]
    head: str
    body: str
    hints: tuple[str, ...]
    sentence: str
    taught: bool  # a teaching version, not the package's own source

    def solution(self) -> str:
        """The cell's source in the solution, between nbgrader's marks."""
        return self._cell(f"    {BEGIN}\n{self.body}\n    {END}")

    def stub(self) -> str:
        """The cell's source in the lab: hints, and an error that says what to write."""
        said = f"write {self.step.name}: {self.sentence}"
        return self._cell("\n".join([*(f"    {hint}" for hint in self.hints),
                                     f'    raise NotImplementedError("{said}")']))

    def hidden(self) -> list[str]:
        """The lines that no lab may show, without indentation and comments."""
        lines = (" ".join(line.split()) for line in self.body.split("\n"))
        return [line for line in lines if line and not line.startswith("#")]

    def _cell(self, inside: str) -> str:
        return "\n".join([f"%%build {self.step.room}", *self.header, "", "", self.head, inside])


def read_answer(cell: SourceCell, step: Step) -> Answer:
    """What a Build cell of the source makes of its step. Errors: ContainLabError, with the cell's place."""
    module = importlib.import_module(step.module)
    own = inspect.getsource(module)
    taught = _teaching_version(cell, step)
    source = taught or textwrap.dedent(inspect.getsource(inspect.unwrap(getattr(module, step.name))))
    function = _function(source, step.name)
    sentence = (ast.get_docstring(function) or "").split("\n")[0].rstrip(".")
    if len(function.body) < 2 or not sentence:
        raise cell.refused(f"{step.name} has no docstring, or nothing after it",
                    "the stub says the docstring's first line")
    lines, cut = source.rstrip().split("\n"), function.body[0].end_lineno or 0
    begin = min([function.lineno, *(each.lineno for each in function.decorator_list)]) - 1
    return Answer(step, tuple(_header(cell, step, function, own, taught)), "\n".join(lines[begin:cut]),
                  "\n".join(lines[cut:function.end_lineno]), _hints(cell, taught),
                  _as_text(sentence[:1].lower() + sentence[1:]), bool(taught))


def _as_text(sentence: str) -> str:
    return sentence.replace("\\", "\\\\").replace('"', "'")


def _function(source: str, name: str) -> ast.FunctionDef:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise ContainLabError(f"step {name!r}: its source holds no function of this name")


def _teaching_version(cell: SourceCell, step: Step) -> str:
    """The cell's own text when it holds a function, and "" when there are only hints."""
    try:
        written = ast.parse(cell.text).body
    except SyntaxError as error:
        raise cell.refused(f"not Python: {error.msg}") from error
    if not written:
        return ""
    extra = [node for node in written[:-1] if not isinstance(node, ast.Import | ast.ImportFrom)]
    if extra or getattr(written[-1], "name", "") != step.name:
        raise cell.refused("holds more than comments",
                           f"write hints as comments, or imports and `def {step.name}`")
    return cell.text


def _hints(cell: SourceCell, taught: str) -> tuple[str, ...]:
    lines = cell.text.split(f"def {cell.build}")[0] if taught else cell.text
    return tuple(line for line in lines.split("\n") if line.startswith("#"))


# ---- the header of imports

def _header(cell: SourceCell, step: Step, function: ast.FunctionDef, own: str, taught: str) -> list[str]:
    """Import lines for the function's global names, modules first, each `from` once."""
    bound = _imports(taught, step.module) if taught else {}
    bound = {**_bindings(own, step.module), **bound}
    names = [name for name in free_names(function) if name != step.name]
    if unknown := [name for name in names if name not in bound]:
        raise cell.refused(f"{step.name} uses {', '.join(unknown)}: bound neither in the cell "
                           f"nor in {step.module}")
    plain = sorted({f"import {bound[name][1]}" for name in names if not bound[name][0]})
    wanted: dict[str, set[str]] = {}
    for source, what in (bound[name] for name in names):
        if source:
            wanted.setdefault(source, set()).add(what)
    return plain + [f"from {source} import {', '.join(sorted(wanted[source]))}" for source in sorted(wanted)]


def _bindings(source: str, module: str) -> dict[str, tuple[str, str]]:
    """name -> (module to import from or "", what to import) for every global of a module."""
    mine = {}
    for node in ast.parse(source).body:
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                mine[target.id] = (module, target.id)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            mine[node.name] = (module, node.name)
    return {**mine, **_imports(source, module)}


def _imports(source: str, module: str) -> dict[str, tuple[str, str]]:
    """What the import statements of a source bind, also those under TYPE_CHECKING."""
    bound = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for name in node.names:
                whole = f"{name.name} as {name.asname}" if name.asname else name.name
                bound[name.asname or name.name.split(".")[0]] = ("", whole)
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            origin = node.module or module.rpartition(".")[0]
            for name in node.names:
                whole = f"{name.name} as {name.asname}" if name.asname else name.name
                bound[name.asname or name.name] = (origin, whole)
    return bound


def free_names(function: ast.FunctionDef) -> list[str]:
    """The global names that a function reads, annotations and defaults too, without builtins; sorted."""
    read: set[str] = set()
    own = {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else own).add(node.id)
        elif isinstance(node, ast.ExceptHandler | ast.FunctionDef) and node is not function and node.name:
            own.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            own |= {(name.asname or name.name).split(".")[0] for name in node.names}
    return sorted(read - own - set(dir(builtins)))
