"""Lab 01 in a real browser, as a student meets it: a wrong step, a sentence that helps, the right one, a container."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, sync_playwright

pytestmark = pytest.mark.needs("root", "chromium", "image busybox")
ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK, TOKEN = "01_uts.ipynb", "of-the-test"
FLAGS = ("--no-sandbox --no-proxy-server --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync --disable-dev-shm-usage").split()
LOCAL = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
HEADER = "%%build namespaces\nfrom contain_lab import syscalls\n\n\n"
WRONG = HEADER + "def set_hostname(name: str) -> None:\n    syscalls.sethostname('always-this')"
RIGHT = HEADER + "def set_hostname(name: str) -> None:\n    syscalls.sethostname(name)"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """JupyterLab on a copy of the labs."""
    folder = tmp_path_factory.mktemp("jupyter")
    shutil.copytree(ROOT / "labs", folder / "labs", ignore=shutil.ignore_patterns("my_runtime", ".ipynb_checkpoints"))
    tracker = folder / "settings/@jupyterlab/notebook-extension"
    tracker.mkdir(parents=True)
    (tracker / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')  # every cell is drawn
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = int(free.getsockname()[1])
    command = [ROOT / ".venv/bin/jupyter", "lab", "--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={number}",
               f"--ServerApp.root_dir={folder}/labs", f"--IdentityProvider.token={TOKEN}"]
    settings = {"JUPYTERLAB_SETTINGS_DIR": f"{folder}/settings", "JUPYTERLAB_WORKSPACES_DIR": f"{folder}/workspaces",
                "JUPYTER_RUNTIME_DIR": f"{folder}/runtime"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **settings},
                                   start_new_session=True)
        try:
            yield number
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path="/usr/bin/chromium", headless=True, args=FLAGS,
            viewport={"width": 1280, "height": 1500})
        yield browser
        browser.close()


def kernel_is_idle(port: int) -> bool:
    """Whether the notebook has a kernel that waits: the page says so before there is one, so the server is asked."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/api/sessions", headers={"Authorization": f"token {TOKEN}"})
    sessions = json.loads(connection.getresponse().read())
    connection.close()
    return any(each["kernel"]["connections"] and each["kernel"]["execution_state"] == "idle" for each in sessions)


def wait_for(holds: object, seconds: float = 60) -> None:
    """Wait until holds() is true."""
    end = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.2)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def open_lab(page: Page, port: int) -> None:
    """Show the notebook, with a kernel that waits."""
    wait_for(lambda: answers(port))
    page.goto(f"http://127.0.0.1:{port}/lab/tree/{NOTEBOOK}?reset&token={TOKEN}")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    wait_for(lambda: kernel_is_idle(port))


def cell(page: Page, name: str) -> Locator:
    """The cell of the lab that has this id."""
    cells = json.loads((ROOT / "labs" / NOTEBOOK).read_text())["cells"]
    number = next(at for at, each in enumerate(cells) if each["id"] == name)
    return page.locator(".jp-Notebook .jp-Cell").nth(number)


def run(page: Page, name: str, source: str = "") -> str:
    """Run a cell, with another source where one is given; the text of what it shows."""
    here = cell(page, name)
    editor = here.locator(".cm-content")
    editor.scroll_into_view_if_needed()
    editor.click()
    if source:
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(source)
    before = here.locator(".jp-InputArea-prompt").inner_text()
    page.keyboard.press("Control+Enter")
    prompt = here.locator(".jp-InputArea-prompt")
    wait_for(lambda: prompt.inner_text() != before and any(letter.isdigit() for letter in prompt.inner_text()))
    time.sleep(0.3)  # what it shows comes just before the prompt, and is drawn just after
    return here.locator(".jp-Cell-outputWrapper").inner_text()


def test_a_student_comes_from_a_wrong_step_to_a_container(port: int, context: BrowserContext, tmp_path: Path):
    page, outside, errors = context.new_page(), [], []
    page.on("request", lambda request: None if request.url.startswith(LOCAL) else outside.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    open_lab(page, port)
    empty = run(page, "begin")
    run(page, "build-set_hostname", WRONG)
    said = run(page, "check-hostname")
    assert "always-this" in said
    assert all(word in said for word in ("saw", "expected", "why", "look"))
    run(page, "build-set_hostname", RIGHT)
    assert "set_hostname works" in run(page, "check-hostname")
    started = run(page, "run-mine")
    assert "set_hostname" in started
    assert started.splitlines()[-1].strip() == "box"
    page.screenshot(path=tmp_path / "lab.png")
    open_lab(page, port)
    assert run(page, "begin") != empty, "the progress is gone after a reload"
    assert (outside, errors) == ([], [])
