"""What people do to containers that are there: removal."""

import signal
import time

from contain_lab.container import verbs
from contain_lab.engine import records
from contain_lab.engine.preparing import runs_root
from contain_lab.errors import ContainLabError, NotFound, WrongState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.engine.records import Record

PATIENCE = 10.0  # seconds in which a container's command is to let go of one that was killed


def remove(word: str, force: bool = False) -> None:
    """Remove all that is kept of a container. force: kill it first where it runs. Errors: NotFound, WrongState."""
    record = records.find(word)
    if records.status(record) != "exited":
        if not force:
            raise WrongState(f"container {word}: it is running", "contain-lab rm --force ends it first")
        end(record)
    records.remove(record)


def end(record: "Record") -> None:
    """Kill a container, and wait until its command has let go of it. Errors: ContainLabError where it does not."""
    begun = time.monotonic()
    while time.monotonic() < begun + PATIENCE:
        try:
            record = records.read(record["id"])
            if not record["held"]:
                return
            verbs.kill(runs_root(), record["id"], signal.SIGKILL)
        except (NotFound, WrongState):  # it is about to begin, or to be gone
            if not records.is_there(record):
                return
        time.sleep(0.01)
    raise ContainLabError(f"container {record['name']}: the command that runs it does not let go of it",
                          "if it is stopped, let it go on: fg, or kill -CONT")
