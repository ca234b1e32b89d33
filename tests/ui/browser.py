"""What the tests in this folder share: a student at a notebook, in a real browser."""

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "of-the-test"
LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")


def wait_for(holds: Callable[[], object], seconds: float = 60) -> None:
    """Wait until holds() is true."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)


class Student:
    """A page with a notebook of labs/; outside, errors: requests beyond 127.0.0.1, and what the console said."""

    def __init__(self, context: BrowserContext, port: int, notebook: str) -> None:
        self.page, self.port, self.notebook = context.new_page(), port, notebook
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda asked: None if asked.url.startswith(LOCAL) else self.outside.append(asked.url))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.open()

    def open(self) -> None:
        """Show the notebook, with a kernel that waits."""
        self.page.goto(f"http://127.0.0.1:{self.port}/lab/tree/{self.notebook}?reset&token={TOKEN}")
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
        wait_for(self.kernel_is_idle)

    def kernel_is_idle(self) -> bool:
        """Whether the notebook has a kernel that waits. The server is asked: the page says so before there is one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/api/sessions", headers={"Authorization": f"token {TOKEN}"})
        sessions = json.loads(connection.getresponse().read())
        connection.close()
        mine = [each["kernel"] for each in sessions if each["path"] == self.notebook]
        return any(each["connections"] and each["execution_state"] == "idle" for each in mine)

    def cell(self, name: str) -> Locator:
        """The cell that has this id."""
        cells = json.loads((ROOT / "labs" / self.notebook).read_text())["cells"]
        number = next(at for at, each in enumerate(cells) if each["id"] == name)
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def run(self, name: str, source: str = "") -> str:
        """Run a cell, with another source where one is given; the text of what it shows."""
        here = self.cell(name)
        editor = here.locator(".cm-content")
        editor.scroll_into_view_if_needed()
        editor.click()
        if source:
            self.page.keyboard.press("Control+a")
            self.page.keyboard.insert_text(source)
        prompt = here.locator(".jp-InputArea-prompt")
        before = prompt.inner_text()
        self.page.keyboard.press("Control+Enter")
        wait_for(lambda: prompt.inner_text() != before and any(each.isdigit() for each in prompt.inner_text()))
        time.sleep(0.3)  # what it shows comes just before the prompt, and is drawn just after
        return here.locator(".jp-Cell-outputWrapper").inner_text()

    def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, selector: str) -> None:
        """Press Tab until something that the selector matches has the focus."""
        for _ in range(60):
            self.press("Tab")
            if self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"60 times Tab, and {selector} has no focus")
