"""JupyterLab on a copy of the labs, and a browser: one of each for all tests of this folder."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest
from browser import ROOT, TOKEN, wait_for
from playwright.sync_api import BrowserContext, sync_playwright

FLAGS = ("--no-sandbox --no-proxy-server --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync --disable-dev-shm-usage").split()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where JupyterLab listens."""
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
            wait_for(lambda: answers(number))
            yield number
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path="/usr/bin/chromium", headless=True, args=FLAGS,
            viewport={"width": 1280, "height": 1500})
        yield browser
        browser.close()
