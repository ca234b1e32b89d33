"""What a container must not get out of an `exec` into it: attacks, and accidents of the runtime."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from bundles import Bundle, marked, until

from contain_lab import capabilities

pytestmark = [pytest.mark.hardening, pytest.mark.needs("root", "busybox")]
WATCH = "while :; do ls -l /proc/[0-9]*/exe /proc/[0-9]*/cwd /proc/[0-9]*/fd >> /shared/seen; done"


@pytest.fixture
def watched(own_bundle: Bundle, tmp_path: Path) -> Bundle:
    """A container of a user namespace with all capabilities in it, that writes down whatever it sees of processes."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    own_bundle.config["mounts"].append({"destination": "/shared", "type": "bind", "source": str(shared),
                                        "options": ["bind"]})
    every = [f"CAP_{name}" for name in capabilities.syscalls.CAPABILITIES]
    own_bundle.process["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), every)
    own_bundle.linux["namespaces"].append({"type": "user"})
    own_bundle.linux["uidMappings"] = own_bundle.linux["gidMappings"] = [
        {"containerID": 0, "hostID": 100000, "size": 65536}]
    subprocess.run(["chown", "-hR", "100000:100000", str(own_bundle.rootfs)], check=True)
    for folder in [tmp_path, *tmp_path.parents][:-1]:
        folder.chmod(folder.stat().st_mode | 0o011)
    return own_bundle


def test_no_python_and_nothing_of_the_host_is_seen_from_inside(watched, tmp_path):
    watched.up(f"({WATCH}) 2> /dev/null")
    seen = tmp_path / "shared/seen"
    until(seen.exists)
    for _ in range(10):
        watched.command("exec", watched.id, "true")
    said = seen.read_text()
    assert "busybox" in said
    assert [word for word in ("bin/python", "lib/python", "/state", "contain_lab:hook") if word in said] == []
    assert {line.split(" -> ")[1] for line in said.splitlines() if "/cwd -> " in line} == {"/"}


def test_a_script_whose_interpreter_is_the_runtime_ends_with_126(own_bundle):
    (own_bundle.rootfs / "bin/bad").write_text("#!/proc/self/exe\n")
    (own_bundle.rootfs / "bin/bad").chmod(0o755)
    own_bundle.up()
    done = own_bundle.run_command("exec", own_bundle.id, "/bin/bad")
    assert (done.code, done.out) == (126, "")


def test_what_stands_in_the_place_of_ptmx_makes_no_terminal(own_bundle):
    own_bundle.config["mounts"] = [each for each in own_bundle.config["mounts"] if each["destination"] != "/dev/pts"]
    own_bundle.up("mkdir -p /dev/pts; mkfifo /dev/pts/ptmx; sleep 60")
    until(lambda: own_bundle.run_command("exec", own_bundle.id, "test", "-e", "/dev/pts/ptmx").code == 0)
    line = [own_bundle.runtime, "--root", str(own_bundle.folder / "state"), "exec", "--tty", own_bundle.id, "sh"]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "/dev/pts/ptmx in the container is not the maker of terminals" in done.stderr


def test_nothing_becomes_inheritable_by_a_capability_that_is_added(bundle):
    bundle.up()
    status = ("grep", "-E", "CapInh|CapAmb", "/proc/self/status")
    assert bundle.command("exec", "--cap", "CAP_NET_RAW", bundle.id, *status).out.split()[1::2] == ["0" * 16] * 2


def test_a_process_that_has_the_number_of_a_container_is_not_entered(bundle):
    bundle.up()
    path = bundle.folder / "state" / bundle.id / "state.json"
    kept = json.loads(path.read_text())
    os.kill(kept["pid"], signal.SIGKILL)
    os.waitpid(kept["pid"], 0)
    path.write_text(json.dumps({**kept, "pid": os.getpid()}))
    done = bundle.run_command("exec", bundle.id, "true")
    assert (done.code, "it is stopped" in done.err) == (1, True)


def test_a_runtime_that_is_killed_takes_its_process_with_it(bundle):
    bundle.up()
    line = [bundle.runtime, "--root", str(bundle.folder / "state"), "exec", bundle.id, "sleep", "61"]
    before = set(marked(bundle.id))
    with subprocess.Popen(line, stdin=subprocess.DEVNULL) as running:
        until(lambda: any(Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\x0061")
                          for pid in set(marked(bundle.id)) - before))
        running.kill()
    until(lambda: set(marked(bundle.id)) <= before)
    assert bundle.status() == "running"
