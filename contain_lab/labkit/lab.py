"""What a lab opens with: begin("01") readies the notebook and draws the runtime so far.

The picture shows the steps of a default container, room by room, the student's own among them, and how many
checks of the lab have passed. It comes from the plan, the table of labs and the student's folder: no step is
named here.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from contain_lab import engine, features
from contain_lab.errors import NotFound
from contain_lab.labkit import judge, leftovers, progress, standing, table
from contain_lab.labkit.pictures import Picture
from contain_lab.labkit.pictures import runtime as runtime_picture
from contain_lab.labkit.pictures import standing as standing_picture
from contain_lab.labkit.pictures.bar import Bar
from contain_lab.labkit.sentence import Refused
from contain_lab.labkit.workspace import Workspace


def begin(number: str) -> Bar:
    """Ready this notebook for a lab, and draw where the student stands; the drawing follows what the student does.

    Errors: Refused for a lab that there is not, or that cannot run on this machine.
    """
    try:
        lab = table.find_lab(number)
    except NotFound as error:
        raise Refused(error.message, error.hint) from None
    ready_commands()
    ready_magics()
    judge.ready_images(lab)
    refuse_machine(lab)
    leftovers.note_beginning()
    rows = plan_rows()
    return Bar(lambda: runtime_picture.draw(lab, rows, standing.read()))


def where_i_stand() -> Picture:
    """All labs, a line each: how many steps are the student's, how many checks have passed; below, what is next."""
    return standing_picture.draw(standing.read(), progress.where(progress.read(Workspace())))


def ready_commands() -> None:
    """Let `!contain-lab` find ours, without colours: what a cell shows is compared by the tests."""
    ours = str(Path(sys.executable).parent)
    if ours not in os.environ.get("PATH", "").split(":"):
        os.environ["PATH"] = f"{ours}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    os.environ.setdefault("NO_COLOR", "1")
    # what `!` forks executes a program at once, and Python 3.12 warns of every fork of a threaded process
    warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)


def ready_magics() -> None:
    """Make %%build known, where there is a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        shell.run_line_magic("load_ext", "contain_lab.labkit.build")


def refuse_machine(lab: table.Lab) -> None:
    """Stop at once where this machine lacks what a lab needs, with the reason and the way out."""
    if lacking := features.missing(lab.needs):
        reasons = "; ".join(f"{each.name}: {each.reason}" for each in lacking)
        hints = "; ".join(dict.fromkeys(each.hint for each in lacking if each.hint))
        raise Refused(f"lab {lab.number} cannot run on this machine: {reasons}",
                      hints or "contain-lab doctor says more")


def plan_rows() -> list[tuple[str, str]]:
    """(room, step) of a default container, in order, each once; nothing is done."""
    rows = engine.prepare("busybox", ["true"], engine.Asked(hostname="box")).rows()
    return list(dict.fromkeys((room.__name__.split(".")[1], name) for room, name, *_ in rows))
