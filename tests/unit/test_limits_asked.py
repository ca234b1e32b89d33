"""Limits as people write them, and how a wrong one is refused."""

import os
import re

import pytest

from contain_lab.engine import limits
from contain_lab.engine.asked import Asked
from contain_lab.errors import Unsupported, UsageError


@pytest.mark.parametrize(("text", "size"), [
    ("64m", 64 << 20), ("64M", 64 << 20), ("64MiB", 64 << 20), ("64mb", 64 << 20), ("4096", 4096), ("4096b", 4096),
    ("1.5g", 3 << 29), ("1k", 1024), ("1t", 1 << 40), ("", 0)])
def test_an_amount_has_a_unit(text, size):
    assert limits.amount("--memory", text) == size


@pytest.mark.parametrize("text", ["much", "m", "-1", "0", "0.5", "1e99", "nan", "inf", "64q", "64 mm"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(UsageError, match=re.escape(f"--memory {text}: it is no amount of bytes")):
        limits.amount("--memory", text)


def test_what_is_asked_for_is_what_the_specification_calls_it():
    asked = Asked(memory="64m", memory_swap="-1", memory_reservation="32m", cpus="0.5", cpu_shares="512",
                  cpuset_cpus="0-1", cpuset_mems="0", pids_limit="33", blkio_weight="500")
    assert limits.resources(asked) == {
        "memory": {"limit": 64 << 20, "swap": -1, "reservation": 32 << 20},
        "cpu": {"quota": 50_000, "period": 100_000, "shares": 512, "cpus": "0-1", "mems": "0"},
        "pids": {"limit": 33}, "blockIO": {"weight": 500}}
    assert limits.resources(Asked()) == {}


@pytest.mark.parametrize(("asked", "said"), [
    ({"cpus": "many"}, "--cpus many: it is no number of processors"),
    ({"cpus": "0"}, "--cpus 0: it is no number of processors"),
    ({"cpus": "nan"}, "--cpus nan: it is no number of processors"),
    ({"pids_limit": "few"}, "--pids-limit few: it is no whole number"),
    ({"cpu_shares": "1.5"}, "--cpu-shares 1.5: it is no whole number"),
    ({"memory_swap": "1g"}, "--memory-swap 1g: without --memory there is nothing to add it to"),
    ({"memory": "2g", "memory_swap": "1g"}, "--memory-swap 1g: it is less than --memory 2g"),
    ({"device_read_bps": ["/dev/null:1m"]}, "--device-read-bps /dev/null:1m: /dev/null is no block device"),
    ({"device_write_iops": ["100"]}, "--device-write-iops 100: a device and a rate are due"),
    ({"device_write_bps": ["/dev/vda:"]}, "--device-write-bps /dev/vda:: a device and a rate are due"),
])
def test_what_makes_no_sense_is_refused_by_the_options_name(asked, said):
    with pytest.raises(UsageError) as caught:
        limits.resources(Asked(**asked))
    assert caught.value.message == said


def test_a_rate_is_that_of_a_whole_disk(monkeypatch):
    class What:
        st_mode, st_rdev = 0o60660, os.makedev(8, 1)

    monkeypatch.setattr(limits.os, "stat", lambda path: What())
    monkeypatch.setattr(limits.os.path, "exists", lambda path: path == "/sys/dev/block/8:1/partition")
    with pytest.raises(UsageError, match="is a partition, and only whole disks have limits"):
        limits.rate("--device-read-bps", "/dev/sda1:1m")
    What.st_rdev = os.makedev(8, 0)
    assert limits.rate("--device-read-bps", "/dev/sda:1m") == {"major": 8, "minor": 0, "rate": 1 << 20}


def test_a_rootless_container_has_no_limits_and_says_so():
    with pytest.raises(Unsupported, match="limits of memory, pids: a rootless container has no cgroup of its own"):
        limits.resources(Asked(memory="64m", pids_limit="5", rootless=True))
