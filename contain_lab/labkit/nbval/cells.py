"""A notebook, its cells and its kernel under nbval 0.11.0, with the repairs that `nbval.plugin` lists."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from itertools import zip_longest
from queue import Empty
from typing import Any

import pytest
from nbval import plugin as nbval_plugin
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from contain_lab.labkit import host
from contain_lab.labkit.nbval import kernel

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LONGEST_STEP = 0.5  # seconds between two looks at whether the kernel lives
DIED = "the kernel died in this cell"
WAS_DEAD = "not run: the kernel had died in an earlier cell"


class KernelDied(Exception):
    """The kernel's process ended while a cell was running."""


class LeftBehind(Exception):
    """A notebook left something on the host."""


class LabKernel(RunningKernel):  # type: ignore[misc]
    """A kernel of this interpreter, in an empty folder of its own; knows when it died, and the last reply."""

    def __init__(self, kernel_name: str, cwd: str | None = None, startup_timeout: float = 60) -> None:
        """Not nbval's: that one leaves a file open, and the environment as it is. cwd is not used."""
        from jupyter_client.manager import KernelManager

        del kernel_name, cwd
        self.reply: dict[str, Any] = {}
        self.mark = secrets.token_hex(8)
        self.folder = tempfile.TemporaryDirectory(prefix=kernel.FOLDER)
        self.km = KernelManager(kernel_spec_manager=kernel.this_interpreter())
        self.km.start_kernel(cwd=self.folder.name, **kernel.start_options(**{host.MARK: self.mark}))
        self.kc = self.km.client()
        self.kc.start_channels()
        self.kc.wait_for_ready(timeout=startup_timeout)
        self._ensure_iopub_up()

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the reply to a request. Errors: queue.Empty at the time-out; KernelDied, at once."""
        end = time.monotonic() + (timeout or 0)
        while True:
            left = LONGEST_STEP if timeout is None else end - time.monotonic()
            try:
                message = self.get_message("shell", timeout=max(0, min(LONGEST_STEP, left)))
            except Empty:
                if not self.is_alive():
                    raise KernelDied from None
                if left <= 0:
                    raise
                continue
            if message["parent_header"].get("msg_id") == msg_id:
                self.reply = message["content"]
                return

    def stop(self) -> None:
        """End the kernel, drop its sockets and its folder. Once is enough, twice does no harm."""
        if hasattr(self, "km"):
            super().stop()
            self.folder.cleanup()


class LabFile(IPyNbFile):  # type: ignore[misc]
    """A notebook; its last test is that the host is as it was."""

    running: LabCell

    def setup(self) -> None:
        """Note how the host is, then start nbval's kernel as ours."""
        self.host = host.look()
        original, nbval_plugin.RunningKernel = nbval_plugin.RunningKernel, LabKernel
        try:
            super().setup()
        finally:
            nbval_plugin.RunningKernel = original
        self.captured: dict[str, str] = {}  # output widget -> the request whose output it takes

    def teardown(self) -> None:
        """Stop the kernel, also one that died."""
        if self.kernel is not None:
            self.kernel.stop()

    def collect(self) -> Iterator[pytest.Item]:
        """nbval's cells, called by their own ids (and points), and one test more."""
        for item in super().collect():
            grader = item.cell.metadata.get("nbgrader", {})
            points = grader.get("points") if grader.get("grade") else None
            name = item.cell.get("id") or item.name
            cell = LabCell.from_parent(self, name=name if points is None else f"{name} [{points} points]",
                                       cell_num=item.cell_num, cell=item.cell, options=item.options)
            if points is not None:
                cell.user_properties.append(("points", points))
            yield cell
        yield HostLeftClean.from_parent(self, name="host left clean")

    def get_kernel_message(self, timeout: float | None = None, stream: str = "iopub") -> Any:
        """The next message that nbval understands: nothing that an output widget takes, no clear_output."""
        while True:
            message = super().get_kernel_message(timeout=timeout, stream=stream)
            kind, content = message["msg_type"], message["content"]
            if kind == "comm_msg" and "msg_id" in (state := content["data"].get("state", {})):
                self.captured[content["comm_id"]] = state["msg_id"]
            if kind in ("stream", "display_data", "execute_result", "error", "clear_output") \
                    and message["parent_header"].get("msg_id") in self.captured.values():
                continue
            if kind == "clear_output" and not content.get("wait"):
                self.running.test_outputs.clear()
            if kind not in ("clear_output", "update_display_data"):
                return message


class LabCell(IPyNbCell):  # type: ignore[misc]
    """A code cell: fails when it should, and says why in its first line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.colors = nbval_plugin.nocolors  # reports go into files
        self.difference = ""

    def setup(self) -> None:
        """Not nbval's: after a time-out it marks later cells xfail, so a good one would count as xpassed."""

    def reportinfo(self) -> tuple[Any, int, str]:
        """Where a report says that this is: the file and our name."""
        return self.path, 0, self.nodeid

    def runtest(self) -> None:
        """Run and compare as nbval does; then fail what it lets pass."""
        self.parent.running = self
        self.parent.timed_out = False
        if not self.parent.kernel.is_alive():
            self.raise_cell_error(WAS_DEAD)
        try:
            super().runtest()
        except KernelDied:
            self.raise_cell_error(DIED)
        if self.parent.timed_out:
            self.raise_cell_error(f"still running after {self.config.option.nbval_cell_timeout:g} seconds")
        reply = self.parent.kernel.reply
        if reply.get("status") == "error" and not self.options["check_exception"]:
            self.raise_cell_error("the reply is an error", f"{reply['ename']}: {reply['evalue']}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """The reason in the first line, then nbval's report; without colour codes."""
        del style
        text, error = ANSI.sub("", super().repr_failure(excinfo)), excinfo.value
        if isinstance(error, NbCellError):
            return f"{self._reason(error)}\n{text}"
        return text

    def format_output_compare(self, key: str, left: Any, right: Any) -> None:
        """Note the first line that differs (left is stored), then nbval's own report."""
        old, new = str(left).split("\n"), str(right).split("\n")
        pairs = zip_longest(old, new, fillvalue="")
        old_line, new_line = next((pair for pair in pairs if pair[0] != pair[1]), (left, right))
        self.difference = f"{key} differs: stored {old_line[:100]!r}, now {new_line[:100]!r}"
        super().format_output_compare(key, left, right)

    def _reason(self, error: NbCellError) -> str:
        """What differs, or the exception, or nbval's own words: one line."""
        raised = [each for each in self.test_outputs or () if each.output_type == "error"]
        if self.difference:
            return self.difference
        if self.parent.timed_out or not (raised or error.inner_traceback):
            return str(error)
        said = f"{raised[-1].ename}: {raised[-1].evalue}" if raised else error.inner_traceback
        return ANSI.sub("", said).strip().split("\n")[0]


class HostLeftClean(pytest.Item):
    """The last test of a notebook: of what has our names, nothing stands on the host that did not before."""

    def runtest(self) -> None:
        """Stop the kernel, wait for what goes by itself, name what stays, and end what stays of processes."""
        mark = self.parent.kernel.mark  # type: ignore[union-attr]
        self.parent.kernel.stop()  # type: ignore[union-attr]
        left = host.left_since(self.parent.host, mark)  # type: ignore[union-attr]
        for process in host.processes(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, 9)
        if left:
            raise LeftBehind(f"left on the host: {', '.join(left)}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """What was left, without a traceback of ours."""
        del style
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Any, int, str]:
        """Where a report says that this is."""
        return self.path, 0, self.nodeid
