"""Steps out of a student's cells, by reading alone: nothing of a student's is executed or imported here.

Of a cell its imports, functions, classes, assignments and import guards are taken, as they are written. Calls
that were left in it (`set_hostname("box")`) are not: they would run when the file is loaded.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef

_KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign,
         ast.AnnAssign, ast.AugAssign, ast.If, ast.Try)
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)    # what hostile text makes of ast.parse
_OTHER_MAGICS = re.compile(r"^([ \t]*)(?=[%!?]|[\w.]+\?+[ \t]*$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """A step that a student wrote.

    text: the Python that goes into my_runtime/<room>.py, its `from __future__` lines apart; binds and reads:
    its global names.
    """

    step: str
    room: str
    text: str
    binds: frozenset[str]
    reads: frozenset[str]
    future: tuple[str, ...] = ()


def parse(source: str) -> ast.Module | None:
    """A cell's Python, its magics left out; None where it is not Python."""
    return _read_python(source)[1]


def _read_python(source: str) -> tuple[str, ast.Module | None]:
    """A cell's text with as few lines changed as make it Python, and its tree."""
    for text in (without_cell_magic(source), without_magics(source)):
        try:
            return text, _tree(text)
        except _UNREADABLE:
            continue
    return source, None


def _tree(text: str) -> ast.Module:
    with warnings.catch_warnings():    # "\\d" in a student's string is no concern of the grader's
        warnings.simplefilter("ignore")
        return ast.parse(text)


def syntax_error(source: str) -> str:
    """Why a cell is not Python, in one line; the line counts from the cell's top."""
    try:
        _tree(without_magics(source))
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except _UNREADABLE as error:
        return type(error).__name__
    return ""


def without_cell_magic(source: str) -> str:
    """A cell in which a first line such as %%build is a comment: line numbers stay."""
    return re.sub(r"\A((?:[ \t]*\n)*)[ \t]*%%", r"\1# %%", source)


def without_magics(source: str) -> str:
    """A cell in which lines of IPython's own (%magic, !command, name?) do nothing: line numbers stay."""
    return _OTHER_MAGICS.sub(r"\1pass  # ", without_cell_magic(source))


def definition(tree: ast.Module, step: str) -> Function | None:
    """The last function of a step's name at the top of a cell."""
    found = [node for node in tree.body if isinstance(node, Function) and node.name == step]
    return found[-1] if found else None


def writes(source: str, step: str) -> bool:
    """Whether a cell defines the step, and not as the lab gave it."""
    tree = parse(source)
    function = definition(tree, step) if tree else None
    return function is not None and not is_stub(function)


def is_stub(function: Function) -> bool:
    """Whether there is nothing in a function but, after its docstring, raise NotImplementedError."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if len(body) != 1 or not isinstance(body[0], ast.Raise):
        return False
    raised = body[0].exc.func if isinstance(body[0].exc, ast.Call) else body[0].exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"


def borrows(source: str, step: str) -> str:
    """The module from which a cell imports a function under the step's name; "" where it does not."""
    tree = parse(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ImportFrom) and any(step in (each.name, each.asname) for each in node.names):
            return node.module or "."
    return ""


def take(source: str, step: str, room: str) -> Answer:
    """The answer in a cell that `writes` the step."""
    text, tree = _read_python(source)
    kept = [node for node in tree.body if isinstance(node, _KEPT)] if tree else []
    future = [node for node in kept if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    written = "\n".join(_text(text, node) for node in kept if node not in future)
    return Answer(step, room, written, frozenset(_bound(kept)), frozenset(_read(kept)),
                  tuple(_text(text, node) for node in future))


def _text(source: str, node: ast.stmt) -> str:
    """A statement as it is written, decorators and all."""
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    if first < node.lineno:    # the @ before a decorator belongs to no node
        return "\n".join(source.split("\n")[first - 1:node.end_lineno])
    return ast.get_source_segment(source, node) or ""


def _bound(nodes: Iterable[ast.stmt]) -> set[str]:
    """The names that statements bind at the top of a file."""
    found = set()
    for node in nodes:
        if isinstance(node, Function | ast.ClassDef):
            found.add(node.name)
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                found.add(inner.id)
            elif isinstance(inner, ast.alias):
                found.add((inner.asname or inner.name).split(".")[0])
    return found


def _read(nodes: Iterable[ast.stmt]) -> set[str]:
    return {inner.id for node in nodes for inner in ast.walk(node)
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)}


# ---- the private my_runtime

def files_for(steps: Iterable[str], answers: dict[str, Answer]) -> dict[str, str]:
    """{"namespaces.py": text} that holds these steps, and the student's other answers that they call.

    Each check gets files of its own: so an answer that cannot be loaded costs no more than its own points.
    """
    wanted = [answers[step] for step in steps]
    taken: list[Answer] = []
    while wanted:
        answer = wanted.pop()
        if answer in taken:
            continue
        taken.insert(0, answer)    # what is called stands first, so a name bound twice is the step's own
        missing = answer.reads - answer.binds
        wanted += [other for other in answers.values() if other.room == answer.room and other.binds & missing]
    rooms = dict.fromkeys(answer.room for answer in taken)
    return {f"{room}.py": _file([answer for answer in taken if answer.room == room]) for room in rooms}


def _file(answers: list[Answer]) -> str:
    future = dict.fromkeys(line for answer in answers for line in answer.future)
    return "\n".join([*future, *("\n" + answer.text for answer in answers), ""])
