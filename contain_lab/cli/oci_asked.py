"""contain-lab-runtime list, ps, spec, features: what only answers. runc-list(8), runc-ps(8), runc-spec(8), features.md.

https://github.com/opencontainers/runtime-spec/blob/v1.2.0/features.md
"""

import json
import os
import subprocess
import time

from contain_lab import capabilities, files, spec
from contain_lab.cli.oci import last
from contain_lab.container import processes, state, verbs
from contain_lab.errors import ContainLabError, NotFound, UsageError
from contain_lab.rootfs import options
from contain_lab.seccomp import FLAGS, rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from contain_lab.cli.oci import Given

COLUMNS = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")


def do_list(root: str, given: "Given") -> None:
    """list: a table, JSON, or the ids alone."""
    found = [{**each, "created": moment(each["created"]), "owner": user_name(each["owner"])}
             for each in verbs.list_states(root)]
    if "--quiet" in given:
        print("".join(f"{each['id']}\n" for each in found), end="")
    elif wants_json(given):
        print(json.dumps(found))
    else:
        rows = [COLUMNS, *(tuple(str(each[name.lower()]) for name in COLUMNS) for each in found)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            print("   ".join(map(str.ljust, row, widths)).rstrip())


def wants_json(given: "Given") -> bool:
    """Whether --format asks for JSON. Errors: UsageError."""
    form = last(given, "--format", "table")
    if form not in ("table", "json"):
        raise UsageError(f"--format {form}: no such format", "table or json")
    return form == "json"


def moment(seconds: float) -> str:
    """A time as RFC 3339 has it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def user_name(uid: int) -> str:
    """The name of a user, or "#" and the number."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def do_ps(root: str, given: "Given", name: str, *options: str) -> None:
    """ps: the processes of a container, as ps(1) shows them, or their pids as JSON."""
    kept = state.read_state(root, name)
    pids = [] if state.status(root, kept) == "stopped" and not kept.get("shared") else processes.of_container(kept)
    if wants_json(given):
        print(json.dumps(pids))
        return
    try:
        said = subprocess.run(["ps", *(options or ("-ef",))], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise NotFound("ps: no such program on this machine", "install procps, or ask for --format json") from None
    if said.returncode:
        raise ContainLabError(f"ps: {said.stderr.strip().splitlines()[0]}", "what follows the id is for ps(1)")
    for line in of_processes(said.stdout, set(pids)):
        print(line)


def of_processes(table: str, pids: set[int]) -> list[str]:
    """The head of what ps(1) says, and the lines of these processes. Errors: UsageError where it shows no pids."""
    head, *lines = table.splitlines()
    titles = head.split()
    if "PID" not in titles:
        raise UsageError("ps: there is no column PID", "ask ps(1) for one: -ef, or -o pid,args")
    at = titles.index("PID")
    return [head, *(line for line in lines if int(line.split()[at]) in pids)]


def do_spec(root: str, given: "Given") -> None:
    """spec: write a config.json to begin with."""
    path = os.path.join(last(given, "--bundle", "."), "config.json")
    if os.path.lexists(path):
        raise ContainLabError(f"{path}: it is there already", "move it away first")
    config = spec.default(["sh"], "rootfs", "contain-lab", capabilities.DEFAULT,
                          ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"),
                          terminal=True)
    files.write(path, json.dumps(config, indent=4) + "\n", 0o644)


def do_features(root: str, given: "Given") -> None:
    """features: what this runtime can do, as JSON."""
    print(json.dumps(features(), indent=4))


def features() -> "dict[str, Any]":
    """The object that features.md describes."""
    return {
        "ociVersionMin": "1.0.0", "ociVersionMax": spec.VERSION, "hooks": list(spec.shape.HOOKS),
        "mountOptions": sorted(options.known()),
        "linux": {
            "namespaces": sorted(spec.NAMESPACES), "capabilities": list(capabilities.BITS),
            "cgroup": {"v1": True, "v2": True, "systemd": False, "systemdUser": False, "rdma": False},
            "seccomp": {"enabled": True, "actions": list(rules.ACTIONS), "operators": list(rules.OPERATORS),
                        "archs": sorted(name for family in rules.FAMILIES.values() for name in family),
                        "knownFlags": list(FLAGS), "supportedFlags": list(FLAGS)},
            "mountExtensions": {"idmap": {"enabled": True}},
            "apparmor": {"enabled": False}, "selinux": {"enabled": False}, "intelRdt": {"enabled": False},
        },
    }
