"""What is told of containers: a line for `ps`, a document for `inspect`."""

import time

from contain_lab.engine import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.engine.records import Record
    from contain_lab.spec import Config

UNITS = ((604800, "week"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def ago(seconds: float) -> str:
    """A span of time in words, rounded down: ago(130) -> "2 minutes"."""
    size, unit = next((each for each in UNITS if seconds >= each[0]), UNITS[-1])
    number = max(int(seconds // size), 0)
    return f"{number} {unit}{'' if number == 1 else 's'}"


def line(record: "Record", now: float) -> dict[str, str]:
    """A line of `ps`; now: in seconds since 1970."""
    status = records.status(record)
    if status == "running":
        said = f"Up {ago(now - record['began'])}{' (paused)' if records.is_paused(record) else ''}"
    elif status == "exited":
        said = f"Exited ({record.get('exitCode', records.KILLED)}) {ago(now - record.get('ended', now))} ago"
    else:
        said = "Created"
    return {"id": record["id"], "image": record["image"], "command": " ".join(record["args"]),
            "created": f"{ago(now - record['created'])} ago", "status": said, "name": record["name"]}


def document(record: "Record", config: "Config", place: str) -> "dict[str, Any]":
    """What `inspect` says of a container, in Docker's words. place: where its config.json is."""
    status, process = records.status(record), config["process"]
    running, user = status == "running", config["process"]["user"]
    paused = running and records.is_paused(record)
    return {
        "Id": record["id"], "Name": record["name"], "Image": record["image"], "Created": stamp(record["created"]),
        "State": {
            "Status": "paused" if paused else status, "Running": running, "Paused": paused,
            "Pid": record["pid"] if running else 0,
            "ExitCode": record.get("exitCode", records.KILLED) if status == "exited" else None,
            "OOMKilled": record.get("oomKilled", False),
            "StartedAt": stamp(record.get("began")), "FinishedAt": stamp(record.get("ended")),
        },
        "Mounts": [{"Type": "bind", "Source": entry["source"], "Destination": entry["destination"],
                    "RW": not {"ro", "rro"} & {*entry["options"]}}
                   for entry in config["mounts"] if entry["type"] == "bind"],
        "Config": {
            "Hostname": config["hostname"], "User": f"{user['uid']}:{user['gid']}", "Tty": process["terminal"],
            "Cmd": process["args"], "Env": process["env"], "WorkingDir": process["cwd"],
            "Capabilities": process["capabilities"]["bounding"], "NoNewPrivileges": process["noNewPrivileges"],
            "Seccomp": bool(config["linux"]["seccomp"]), "ReadonlyRootfs": config["root"]["readonly"],
            "Namespaces": [entry["type"] for entry in config["linux"]["namespaces"]], "AutoRemove": record["remove"],
        },
        "ConfigPath": place,
    }


def stamp(seconds: float | None) -> str | None:
    """A moment as RFC 3339 has it, in UTC; None for one that has not come."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
