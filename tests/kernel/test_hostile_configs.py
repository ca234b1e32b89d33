"""Malformed and hostile configs: each is refused with one clear line and a hint, or does no harm; nothing is left."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hostile
import pytest
from bundles import Bundle, groups, map_ids, marked
from hypothesis import HealthCheck, given, settings

from contain_lab import spec
from contain_lab.container.entering import Entry
from contain_lab.container.plan import Plan
from contain_lab.errors import ContainLabError, explain

CALM = {"deadline": None, "derandomize": True, "database": None,
        "suppress_health_check": [HealthCheck.function_scoped_fixture]}
BASE = spec.default(["true"], "/root", "web", ("CAP_CHOWN",))


@settings(max_examples=800, **CALM)
@given(hostile.changes())
def test_whatever_a_config_says_it_is_a_plan_or_refused_in_one_line(made):
    message = refusal(lambda: Plan(spec.validate(hostile.changed(BASE, made)), "/root", "/state/x"))
    assert message.isprintable()
    assert len(message) <= 1000


@settings(max_examples=300, **CALM)
@given(hostile.changes("process"))
def test_so_it_is_with_the_process_of_an_exec(made):
    def plan() -> Plan:
        process = spec.validate_process(hostile.changed(BASE, made)["process"])
        return Entry({"pid": os.getpid(), "undo": []}, {**BASE, "process": process}, ("pid", "mount"))
    message = refusal(plan)
    assert message.isprintable()
    assert len(message) <= 1000


@pytest.mark.needs("root", "busybox")
@settings(max_examples=80, **CALM)
@given(hostile.changes())
def test_a_create_is_refused_with_a_line_and_a_hint_or_leaves_nothing_when_deleted(own_bundle, made):
    check_create(own_bundle, made)


@pytest.mark.needs("root", "busybox", "user namespace", "time namespace")
@settings(max_examples=80, **CALM)
@given(hostile.changes())
def test_so_it_is_with_user_and_time_namespaces_a_filter_and_mapped_ids(own_bundle, made):
    if len(own_bundle.config["mounts"]) == 6:
        map_ids(own_bundle)
        own_bundle.linux["namespaces"].append({"type": "time"})
        own_bundle.linux.update(timeOffsets={"boottime": {"secs": 7}}, seccomp={"defaultAction": "SCMP_ACT_ALLOW"})
        own_bundle.config["mounts"].append({"destination": "/tmp", "type": "bind", "source": str(own_bundle.folder),
                                            "options": ["rbind", "idmap"]})
    check_create(own_bundle, made)


def check_create(own_bundle: Bundle, made: list[tuple[str, Any]]) -> None:
    """Create a container of a config with these changes: refused as it is due, or gone when it is deleted."""
    before = host(own_bundle)
    config = hostile.changed(own_bundle.config, made)
    (own_bundle.folder / "config.json").write_text(json.dumps(config))
    done = own_bundle.run_command("create", "--bundle", str(own_bundle.folder), own_bundle.id)
    if done.code:
        said = [line for line in done.err.splitlines() if "contain-lab-runtime: warning: " not in line]
        assert said[0].startswith("contain-lab-runtime: "), done
        assert [line[:6] for line in said[1:]] == ["hint: "], done
        assert "Traceback" not in done.err
    else:
        own_bundle.command("delete", "--force", own_bundle.id)
    assert host(own_bundle) == before


def refusal(plan: Callable[[], Plan]) -> str:
    """What is said where a config is refused; "" where it makes a plan."""
    message = ""
    try:
        plan().rows()
    except ContainLabError as error:
        message = explain(error)[0]
    return message


def host(bundle: Bundle) -> dict[str, Any]:
    """What a container could leave on this machine."""
    while children():
        os.waitpid(-1, 0)
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(bundle.folder) in line]
    states = bundle.folder / "state"
    return {"mounts": mounts, "processes": marked(bundle.id), "groups": groups(bundle.id) + groups("*cl-up*"),
            "states": os.listdir(states) if states.exists() else [], "name": os.uname().nodename,
            "beside": sorted(os.listdir(bundle.folder.parent))}


def children() -> bool:
    """Whether this process has children."""
    return bool(Path(f"/proc/self/task/{os.getpid()}/children").read_text())
