"""`make lab`: JupyterLab on 127.0.0.1 alone, with a token, open on the index of the labs."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Server(NamedTuple):
    port: int
    token: str
    page: str


def get(server: Server, path: str, token: str = "") -> tuple[int, object]:
    """(status, JSON) of a GET."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Authorization": f"token {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


def address_in(log: Path, process: subprocess.Popen[bytes]) -> Server:
    """What the server prints, once it does."""
    end = time.monotonic() + 60
    pattern = r"http://127\.0\.0\.1:(\d+)(/\S*)\?token=(\w+)"
    while not (said := re.search(pattern, log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)
    return Server(int(said[1]), said[3], said[2])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`make lab`, while its first port is taken by somebody else."""
    folder = tmp_path_factory.mktemp("jupyter")
    ours = {f"JUPYTERLAB_{what}_DIR": str(folder / what) for what in ("SETTINGS", "WORKSPACES")}
    environment = {**os.environ, **ours, "JUPYTER_RUNTIME_DIR": str(folder / "runtime")}
    with socket.create_server(("127.0.0.1", 0)) as taken, (folder / "log").open("wb") as log:
        command = ["make", "lab", f"PORT={taken.getsockname()[1]}"]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=environment, start_new_session=True)
        try:
            yield address_in(folder / "log", process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def test_it_opens_on_the_index_of_the_labs(server: Server):
    assert server.page == "/lab/tree/index.ipynb"
    status, folder = get(server, "/api/contents/", server.token)
    assert status == 200
    names = {item["name"] for item in folder["content"]}
    assert names >= {path.name for path in (ROOT / "labs").glob("*.ipynb")} >= {"index.ipynb"}


def test_without_the_token_nothing_is_shown(server: Server):
    assert get(server, "/api/contents/")[0] == 403


def test_it_listens_on_this_machine_alone(server: Server):
    sockets = [line.split() for kind in ("tcp", "tcp6")
               for line in Path(f"/proc/net/{kind}").read_text().splitlines()]
    listening = [fields[1] for fields in sockets if fields[3] == "0A"]
    ours = f":{server.port:04X}"
    assert [each for each in listening if each.endswith(ours)] == [f"0100007F{ours}"]
