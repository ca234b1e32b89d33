"""nbval 0.11.0, repaired for these labs: `pytest -p contain_lab.labkit.nbval.plugin --nbval`.

Without --nbval it does nothing. With it, the notebooks that nbval collects are collected as `LabFile`, whose
cells are `LabCell`s, run by a `LabKernel`: subclasses of nbval's own, one method for each thing that nbval
gets wrong. They lean on inner parts of nbval: its version is pinned, and a part that is missing stops pytest.

    nbval 0.11.0                                                   here
    subprocess output is missing (PYTEST_CURRENT_TEST)             kernel.start_options
    a dead kernel is noticed after the cell time-out               LabKernel.await_reply
    after a time-out later cells are xfail, or pass as xpass       LabCell.setup
    a cell that swallows the interrupt of a time-out passes        LabCell.runtest
    a cell with a magic that does not exist passes                 LabCell.runtest
    output widgets and clear_output are not understood             LabFile.get_kernel_message
    no reason in the summary, colour codes in reports              LabCell.repr_failure
    the summary is cut at column 80, also in a file                pytest_terminal_summary
    a cell is called by a number that the next edit changes        LabFile.collect
    what a notebook leaves on the host is not noticed              HostLeftClean
    two seconds at each start for rfc3987_syntax                   below
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

# jsonschema, which nbval imports through nbformat, builds this module's grammars at import, for two seconds.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "0.11.0"
INNER_PARTS = {
    "plugin.IPyNbFile": ("setup", "collect", "get_kernel_message", "teardown", "kernel"),
    "plugin.IPyNbCell": ("setup", "runtest", "repr_failure", "reportinfo", "raise_cell_error",
                         "format_output_compare"),
    "kernel.RunningKernel": ("await_reply", "get_message", "is_alive", "stop", "_ensure_iopub_up"),
    "plugin.NbCellError": (),
    "plugin.RunningKernel": (),
}
WIDTH = 200  # columns; a reason that pytest cuts at column 80 is none


def pytest_configure(config: pytest.Config) -> None:
    """With --nbval: see that nbval is the one we know, and give it our rules unless others are named."""
    if not _wanted(config):
        return
    _refuse_other_nbval()
    from contain_lab.labkit.nbval.sanitize import RULES

    config.option.nbval_sanitize_with = config.option.nbval_sanitize_with or str(RULES)


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Generator[None, list[Any], list[Any]]:
    """Take nbval's files as ours."""
    found = yield
    if not _wanted(parent.config) or file_path.suffix != ".ipynb":
        return found
    from nbval.plugin import IPyNbFile

    from contain_lab.labkit.nbval.cells import LabFile

    return [LabFile.from_parent(parent, path=file_path) if isinstance(each, IPyNbFile) else each
            for each in found]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(config: pytest.Config) -> Generator[None, object, object]:
    """Give the summary's lines room for the reason, as far as they go to a file or a pipe."""
    writer = config.get_terminal_writer()
    width = writer.fullwidth
    if _wanted(config) and not writer.hasmarkup:
        writer.fullwidth = max(width, WIDTH)
    try:
        return (yield)
    finally:
        writer.fullwidth = width


def _wanted(config: pytest.Config) -> bool:
    return bool(config.getoption("nbval", False) or config.getoption("nbval_lax", False))


def _refuse_other_nbval() -> None:
    """Raise pytest.UsageError when nbval is of another version or has lost a part that we build on."""
    import importlib

    import nbval

    if nbval.__version__ != VERSION:
        raise pytest.UsageError(f"nbval {nbval.__version__}: its repairs here are for {VERSION}: "
                                f"pip install nbval=={VERSION}")
    for name, parts in INNER_PARTS.items():
        module, _, attribute = name.partition(".")
        part = getattr(importlib.import_module(f"nbval.{module}"), attribute, None)
        missing = [each for each in parts if not hasattr(part, each)] if part else [attribute]
        if missing:
            raise pytest.UsageError(f"nbval.{name}: no {', '.join(missing)}: its repairs in "
                                    "contain_lab.labkit.nbval.cells have nothing to hold on to")
