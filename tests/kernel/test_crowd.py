"""Two hundred containers at once, batch by batch; RUNTIME=runc runs the same against another runtime."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bundles import Bundle, groups, marked, until

pytestmark = [pytest.mark.blackbox, pytest.mark.needs("root", "busybox")]
HOW_MANY, AT_ONCE = 200, 16


def in_parallel(bundle: Bundle, *words: str) -> list[tuple[int, str]]:
    """Each of many containers' commands, with its name as the last word: [(exit code, output)]."""
    def one(number: int) -> tuple[int, str]:
        done = subprocess.run([bundle.runtime, "--root", str(bundle.folder / "state"), *words, f"{bundle.id}-{number}"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60)
        return done.returncode, done.stdout
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(HOW_MANY)))


def test_many_containers_run_at_once_and_none_is_lost_or_left(bundle):
    before = Path("/proc/self/mountinfo").read_text().count(str(bundle.folder))
    bundle.process["args"] = ["sh", "-c", "hostname; exit 7"]
    bundle.write()
    assert in_parallel(bundle, "run", "--bundle", str(bundle.folder)) == [(7, "box\n")] * HOW_MANY
    assert bundle.command("list", "-q").out == ""
    assert Path("/proc/self/mountinfo").read_text().count(str(bundle.folder)) == before
    assert (groups(f"{bundle.id}*"), groups(f"cl-{bundle.id}*"), marked(bundle.id)) == ([], [], [])


def test_one_name_is_given_once_however_many_ask(bundle):
    bundle.process["args"] = ["sleep", "60"]
    bundle.write()
    line = [bundle.runtime, "--root", str(bundle.folder / "state"), "create", "--bundle", str(bundle.folder), bundle.id]
    asking = [subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
              for _ in range(AT_ONCE)]
    assert sorted(each.wait(60) for each in asking)[:2] == [0, 1]
    found = json.loads(bundle.command("list", "--format", "json").out)
    assert [each["id"] for each in found] == [bundle.id]
    pid = bundle.state()["pid"]
    bundle.command("delete", "--force", bundle.id)
    until(lambda: os.waitpid(pid, os.WNOHANG)[0])
    assert marked(bundle.id) == []
