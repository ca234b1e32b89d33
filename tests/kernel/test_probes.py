"""The probes against the kernel of this machine: they see what is there, and change nothing."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from contain_lab import features
from contain_lab.features import trial


def probe_anew() -> dict[str, features.Feature]:
    features.probe_groups.cache_clear()
    trial.results.cache_clear()
    return {each.name: each for each in features.probe()}


def namespaces_of_this_process() -> dict[str, str]:
    return {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in os.listdir("/proc/self/ns")}


def test_probing_changes_nothing() -> None:
    before = namespaces_of_this_process()
    probe_anew()
    assert namespaces_of_this_process() == before
    assert "cl-probe" not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.needs("root", "nft")
def test_probing_leaves_no_table() -> None:
    probe_anew()
    assert "cl_probe" not in subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout


def test_a_process_with_threads_can_probe() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert "EINVAL" not in probe_anew()["user namespace"].reason
    finally:
        done.set()
        thread.join()


@pytest.mark.needs("root")
def test_a_kind_of_namespace_is_offered_where_unshare_makes_it() -> None:
    found = probe_anew()
    kinds = ("mount", "uts", "ipc", "pid", "net", "cgroup", "user")
    made = [kind for kind in kinds if subprocess.run(["unshare", f"--{kind}", "true"]).returncode == 0]
    assert [kind for kind in kinds if found[f"{kind} namespace"].ok] == made


@pytest.mark.needs("root")
def test_a_user_without_privileges_lacks_root_and_makes_namespaces_as_root_of_a_user_namespace() -> None:
    program = """if True:
        import os
        from contain_lab import features
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        print(*(each.name for each in features.missing(["root", "uts namespace", "kernel"])), sep=",")
    """
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "root"


@pytest.mark.needs("root", "mount namespace")
def test_a_read_only_cgroup_mount_is_seen() -> None:
    found = probe_anew()["cgroup cpu"]
    place = found.reason.removeprefix("at ")
    program = "from contain_lab import features; print(features.find('cgroup cpu').ok)"
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", place, sys.executable, program]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (found.ok, said.stdout.strip()) == (True, "False")
