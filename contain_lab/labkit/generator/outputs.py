"""Execute a solved notebook, and keep an output as it was when it says the same as before.

Two runs differ in inodes, process ids, dates and the like. An output that equals the earlier one under the
rules of `sanitize` is replaced by the earlier one, byte for byte: so a rebuild changes nothing unless
something real has changed, and what is committed is what nbval compares with.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from contain_lab.errors import ContainLabError
from contain_lab.labkit.nbval import kernel
from contain_lab.labkit.nbval.sanitize import sanitize

CELL_TIMEOUT = 120    # seconds
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
UNCOMPARED = {"metadata", "traceback", "output_type", "name", "execution_count",    # as nbval has it
              WIDGET_VIEW, "image/png", "image/jpeg"}


def execute(notebook: Any, name: str) -> None:
    """Run all cells in a fresh kernel of this interpreter, in an empty folder; outputs go into the notebook.

    name: the notebook's, for errors. Errors: ContainLabError with the id of a cell that fails, or that is
    tagged raises-exception and does not.
    """
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    metadata = notebook.metadata.copy()
    with tempfile.TemporaryDirectory(prefix=kernel.FOLDER) as folder:
        client = NotebookClient(notebook, AsyncKernelManager(kernel_spec_manager=kernel.this_interpreter()),
                                timeout=CELL_TIMEOUT, record_timing=False, coalesce_streams=True,
                                store_widget_state=False, resources={"metadata": {"path": folder}})
        try:
            client.execute(cleanup_kc=True, **kernel.start_options())  # by default it cleans up after its own
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise ContainLabError(f"{name}: cell {_last_run(notebook)!r} failed: {_reason(error)}",
                                  "run the notebook in JupyterLab to see more") from error
    notebook.metadata = metadata    # nbclient adds the interpreter's version
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for count, cell in enumerate(code, 1):
        _tidy(cell, name)
        _number(cell, count)


def _last_run(notebook: Any) -> str:
    """The id of the cell that failed: the first with an error among its outputs, else the first not run."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for cell in code:
        if any(each.output_type == "error" for each in cell.outputs) and not _may_raise(cell):
            return str(cell.id)
    return next((str(cell.id) for cell in code if not cell.execution_count), "")


def _reason(error: Exception) -> str:
    said = f"{getattr(error, 'ename', type(error).__name__)}: {getattr(error, 'evalue', error)}"
    return " ".join(said.split())[:300]


def _may_raise(cell: Any) -> bool:
    return "raises-exception" in cell.metadata.get("tags", [])


def _tidy(cell: Any, name: str) -> None:
    """Drop what is true of one run only: a widget's model id, the checkout's place in a traceback."""
    cell.metadata.pop("execution", None)
    if _may_raise(cell) and not any(each.output_type == "error" for each in cell.outputs):
        raise ContainLabError(f"{name}: cell {cell.id!r}: tagged raises-exception, and nothing was raised",
                              "take the tag away, or let the cell fail")
    for output in cell.outputs:
        data = output.get("data", {})
        if len(data) > 1:
            data.pop(WIDGET_VIEW, None)
        for part, key in ((output, "text"), (output, "evalue"), *((data, key) for key in data)):
            if isinstance(part.get(key), str):
                part[key] = without_place(part[key])
        if "traceback" in output:
            output["traceback"] = [without_place(line) for line in output["traceback"]]


def _number(cell: Any, count: int) -> None:
    """Count cells as they stand: a magic that runs a cell of its own would leave a gap."""
    cell.execution_count = count
    for output in cell.outputs:
        if output.output_type == "execute_result":
            output.execution_count = count


def without_place(text: str) -> str:
    """A text without the path of this checkout: contain_lab/steps.py, wherever it was built."""
    return text.replace(f"{Path(__file__).resolve().parents[3]}/", "")


# ---- keep what says the same

def keep_outputs(notebook: Any, earlier: Any) -> list[str]:
    """Give each code cell the outputs it had in an earlier notebook, where these say the same.

    Returns the ids of cells whose outputs are new. A cell is known by its id; one with another source is new,
    because its pictures, which are not compared, are.
    """
    known = {cell.id: cell for cell in earlier.cells if cell.cell_type == "code"} if earlier else {}
    new = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        old = known.get(cell.id)
        if old and old.source == cell.source and comparable(cell.outputs) == comparable(old.outputs):
            cell.outputs = old.outputs
            _number(cell, cell.execution_count)
        else:
            new.append(str(cell.id))
    return new


def take_outputs(notebook: Any, earlier: Any) -> None:
    """Give each code cell what the same cell of an earlier notebook holds, numbered as after a whole run."""
    known = {cell.id: cell for cell in earlier.cells if cell.cell_type == "code"} if earlier else {}
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for count, cell in enumerate(code, 1):
        cell.outputs = known[cell.id].outputs if cell.id in known else []
        cell.execution_count = count


def comparable(outputs: list[Any]) -> dict[str, list[str]]:
    """What nbval compares: each stream, MIME type and field with its sanitized values, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for output in outputs:
        if output.output_type == "stream":
            found[output.name].append(sanitize(output.text))
            continue
        for key, value in {**output, **output.get("data", {})}.items():
            if key not in UNCOMPARED and key != "data":
                found[key].append(sanitize(value) if isinstance(value, str) else repr(value))
    return dict(found)
