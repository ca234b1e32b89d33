"""Play: tick namespaces, start a process in them, and see what it sees beside what the host sees.

    play_namespaces()                 boxes to tick, a button, a table
    play_namespaces("uts", "pid")     the same table as text

The process sets a host name and mounts a file system: the table tells who notices. The host is played (see
`play.process`), and nothing of it reaches the machine. What differs between machines is said in words, not numbers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from contain_lab.labkit.play.process import NEW_PROC
from contain_lab.labkit.questions.question import Shown
from contain_lab.labkit.sentence import Refused, Sentence

HEAD = ("", "the host sees", "the process sees")
HOLDS = {
    "uts": "the host name", "ipc": "queues and shared memory", "pid": "the numbers of processes",
    "mount": "the tree of files", "network": "interfaces, addresses, ports", "user": "ids and privileges",
    "cgroup": "where the paths of control groups begin", "time": "the clocks since boot",
    NEW_PROC: "mounted by the process in there: needs mount",
}
SECONDS = 20

Row = tuple[str, str, str]


def play_namespaces(*ticked: str) -> Shown | Sentence:
    """Boxes to tick; ticked: kinds of namespaces (and "a new /proc"), for the table of these as text.

    Errors: Refused for a kind that there is not, and for what the kernel refuses to start.
    """
    if ticked:
        return Sentence(as_text(look(list(ticked))))
    said = (f"Tick namespaces and start a process in them: {', '.join(HOLDS)}.\n"
            'in text: play_namespaces("uts", "pid")')
    return Shown(said, _widget)


def look(ticked: list[str]) -> list[Row]:
    """Start a process in these namespaces: (what, what the host sees, what the process sees). Errors: Refused."""
    if unknown := [each for each in ticked if each not in HOLDS]:
        raise Refused(f"play_namespaces: {unknown[0]!r} is no kind of namespace", f"there are {', '.join(HOLDS)}")
    if NEW_PROC in ticked and "mount" not in ticked:
        raise Refused(f"{NEW_PROC} would cover the host's", 'tick "mount", too')
    done = subprocess.run([sys.executable, "-m", "contain_lab.labkit.play.process", *ticked], capture_output=True,
                          text=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise Refused(f"play_namespaces: {done.stderr.strip().splitlines()[-1]}", "contain-lab doctor says more")
    seen = json.loads(done.stdout)
    if "error" in seen["inside"]:
        raise Refused(f"the process did not start: {seen['inside']['error']}", "only root may do this without user")
    return rows(**seen)


def rows(before: dict[str, Any], inside: dict[str, Any], host: dict[str, Any]) -> list[Row]:
    """The table; before, host: what the host saw first, and last."""
    refused = {what: f" (to change it: {errno})" for what, errno in inside["refused"].items()}
    days = round((inside["boot"] - host["boot"]) / 86400)
    return [
        ("host name, when the process has set \"box\"", host["host name"],
         inside["host name"] + refused.get("host name", "")),
        ("shared memory segments", str(host["segments"]), str(inside["segments"])),
        ("number of the process", "one of the machine's", "1" if inside["pid"] == 1 else "one of the machine's"),
        ("processes that /proc shows", "all of the machine", _processes(inside, host) + refused.get("processes", "")),
        ("mounts, when the process has mounted a tmpfs", _more(before["mounts"], host["mounts"]),
         _more(before["mounts"], inside["mounts"]) + refused.get("mounts", "")),
        ("network interfaces", "the machine's", "the machine's" if inside["links"] == host["links"] else
         " ".join(inside["links"])),
        ("user id", str(host["uid"]), str(inside["uid"])),
        ("paths of control groups begin at", "the machine's root",
         "the machine's root" if inside["cgroup"] == host["cgroup"] else "the process's own group"),
        ("time since boot", "the machine's", f"{days} days more" if days else "the machine's"),
    ]


def _processes(inside: dict[str, Any], host: dict[str, Any]) -> str:
    return "all of the machine" if inside["proc"] == host["proc"] else str(inside["processes"])


def _more(before: int, now: int) -> str:
    return {0: "as before", 1: "one more"}.get(now - before, f"{now - before} more")


def as_text(table: list[Row]) -> str:
    """The table with aligned columns."""
    lines = [HEAD, *table]
    first, second = (max(len(line[at]) for line in lines) for at in (0, 1))
    return "\n".join(f"{what:{first}}  {host:{second}}  {process}" for what, host, process in lines)


def _widget() -> Any:
    from contain_lab.labkit import page

    def answer(content: dict[str, Any]) -> dict[str, Any]:
        try:
            table = look(content["ticked"])
        except Refused as error:
            return {"said": f"{error.message}: {error.hint}", "rows": []}
        own = sum(host != process for _, host, process in table)
        return {"said": f"The process ran. {own} of {len(table)} lines differ from the host's.", "rows": table}

    return page.boxes(HEAD, list(HOLDS.items()), answer)
