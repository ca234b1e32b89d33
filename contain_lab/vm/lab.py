"""JupyterLab inside a machine, its address on 127.0.0.1 outside; what was worked on comes back when it ends."""

import http.client
import os
import secrets
import tempfile
import threading
from collections.abc import Callable

from contain_lab.errors import ContainLabError
from contain_lab.vm import machine, recipe, repository
from contain_lab.vm.session import FOLDER, Session

BEGUN = "/run/contain_lab.lab"  # its time tells what was worked on since
CHANGED = f"find labs -newer {BEGUN} -type f ! -path '*/.ipynb_checkpoints/*' ! -path '*/__pycache__/*' -print0"


def open_lab(name: str, report: Callable[[str], None], say: Callable[[str], None]) -> None:
    """Start JupyterLab, say its address when it answers, and stay until it ends or we are interrupted.

    Then the files in labs/ that were changed inside are brought back. Errors: ContainLabError where it ends by itself.
    """
    port, token, over = machine.look(name).port, secrets.token_hex(16), threading.Event()
    with machine.session(name) as session:
        _quietly(session, ["touch", BEGUN])
    report("JupyterLab starts inside: half a minute, where the machine is emulated…")
    watcher = threading.Thread(target=_say_when_it_answers, args=(port, token, over, report, say))
    watcher.start()
    try:
        with machine.session(name) as session, open(os.devnull, "rb") as nothing:
            code = session.run(["sh", "contain_lab/vm/lab.sh"], env={"JUPYTER_TOKEN": token},
                               handles=(nothing.fileno(), 2, 2))
        raise ContainLabError(f"machine '{name}': JupyterLab ended with {code}", "what it said stands above")
    finally:
        over.set()
        watcher.join()
        report(f"files that came back into labs/: {bring_back(name)}")


def _say_when_it_answers(port: int, token: str, over: threading.Event, report: Callable[[str], None],
                         say: Callable[[str], None]) -> None:
    while not over.wait(0.5):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/api")
            connection.getresponse().read()
            say(f"http://127.0.0.1:{port}/lab?token={token}")
            report("Ctrl-C ends it, and brings what was changed in labs/ back")
            return
        except (OSError, http.client.HTTPException):  # nobody listens inside yet
            continue
        finally:
            connection.close()


def bring_back(name: str) -> int:
    """Bring the files in labs/ that were changed inside since JupyterLab's start; how many. Errors: ContainLabError."""
    with tempfile.TemporaryFile() as file:
        with machine.session(name) as session, open(os.devnull, "r+b") as nothing:
            code = session.run(["sh", "-c", f"{CHANGED} | tar -c --null -T -"], FOLDER,
                               handles=(nothing.fileno(), file.fileno(), nothing.fileno()))
        if code:
            raise ContainLabError(f"machine '{name}': what was changed in labs/ could not be read",
                                  f"contain-lab vm run --name {name} --bring labs true")
        file.seek(0)
        return repository.unpack(file, recipe.repository())


def _quietly(session: Session, argv: list[str]) -> None:
    with open(os.devnull, "r+b") as nothing:
        session.run(argv, handles=(nothing.fileno(),) * 3)
