"""What our runtime does in user and time namespaces, and runc 1.1 does not: no black box."""

import os
from pathlib import Path

import pytest
from apart import namespace
from bundles import Bundle, map_ids

pytestmark = pytest.mark.needs("root", "busybox", "user namespace")


def test_a_device_of_the_config_is_shown_where_the_host_has_it(mapped: Bundle):
    mapped.linux["devices"] = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 7},
                               {"path": "/dev/full", "type": "c", "major": 1, "minor": 7},
                               {"path": "/dev/pipe", "type": "p"}]
    assert mapped.says("stat -c %t:%T /dev/mine /dev/full; stat -c %F /dev/pipe").split() == ["1:7", "1:7", "fifo"]


def test_a_device_that_the_host_has_not_is_named(mapped: Bundle):
    mapped.linux["devices"] = [{"path": "/dev/mine", "type": "c", "major": 77, "minor": 77}]
    assert "device /dev/mine: the host has no node of c 77:77" in mapped.try_create().err


@pytest.mark.needs("time namespace")
@pytest.mark.parametrize("with_user", [False, True])
def test_the_clocks_of_a_time_namespace_are_moved(bundle: Bundle, with_user: bool):
    if with_user:
        map_ids(bundle)
    bundle.linux["namespaces"].append({"type": "time"})
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 500_000_000, "nanosecs": 0}}
    bundle.config["ociVersion"] = "1.1.0"
    before = namespace("self", "time_for_children")
    assert float(bundle.says("cut -d' ' -f1 /proc/uptime")) > 500_000_000
    assert namespace("self", "time_for_children") == before




@pytest.mark.parametrize("kind", ["user", "pid", "ipc"])
def test_a_fifo_is_no_namespace_to_wait_for(bundle: Bundle, tmp_path: Path, kind: str):
    os.mkfifo(tmp_path / "fifo")
    namespaces = bundle.linux["namespaces"]
    bundle.linux["namespaces"] = [each for each in namespaces if each["type"] != kind] + [
        {"type": kind, "path": str(tmp_path / "fifo")}]
    done = bundle.try_create()
    assert done.code != 0
    assert f"{tmp_path}/fifo: it is no {kind} namespace" in done.err
    assert bundle.run_command("state", bundle.id).code != 0
