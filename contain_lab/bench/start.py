"""The scenario `start`: a container from one bundle, from the first command or call to the removal of the last trace.

The bundle is the busybox image with `true`, the default spec's namespaces, mounts, masked paths, capabilities
and filter of system calls, and limits of devices and processes. Its config.json is written once, for all.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence

from contain_lab import capabilities, cgroups, files, image, seccomp, spec
from contain_lab.bench import conditions
from contain_lab.bench.contestant import CALL, RUN, VERBS, Call, Commands, Contestant, without_controllers
from contain_lab.bench.playground import playground
from contain_lab.bench.report import Compared, Measured, Report
from contain_lab.bench.rounds import Rounds
from contain_lab.bench.statistics import ratio
from contain_lab.errors import ContainLabError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain_lab.spec import Config

OURS = "contain-lab-runtime"
NOTE = (f"{OURS} and {Call.name} make groups only where config.json needs them (devices, pids), the others in each "
        "hierarchy")
COMMON_VERSION = "1.0.2"  # of the specification; crun 1.8 refuses newer ones
PAIRS = {VERBS: VERBS, RUN: RUN, CALL: RUN}  # our way: the way of others that it is compared with


def measure(against: Sequence[str], count: int, report: Callable[[str], None]) -> Report:
    """Measure the start of a container, ours beside that of other runtimes.

    against: names of OCI runtimes; count: rounds; report: is told what is going on. Errors: NotFound for the image,
    ContainLabError where nothing can be compared.
    """
    found = {name: find(name) for name in (OURS, *against)}
    programs = {name: path for name, path in found.items() if path}
    before = conditions.conditions(programs)
    with playground() as folder:
        everyone = contestants(programs, folder)
        rounds = Rounds(everyone)
        try:
            rounds.warm_up()
            notes = [NOTE, *retry(rounds)]
            report(f"measuring {len(rounds.seconds)} ways to start a container, {count} rounds")
            rounds.measure(count, lambda number: report(f"round {number} of {count}"))
        finally:
            for each in everyone:
                each.clear()
    before["load"] += f", afterwards {conditions.load()}"
    measured = [Measured(each.name, each.way, rounds.seconds[each]) for each in everyone if each in rounds.seconds]
    missing = [f"{name}: no such command" for name, path in found.items() if not path] + list(rounds.failed.values())
    compared = list(compare(measured))
    if not compared:
        raise ContainLabError(f"bench start: nothing could be compared: {'; '.join(missing)}",
                              "contain-lab doctor says which runtimes are here")
    return Report("start", count, before, measured, compared, missing, notes)


def compare(measured: list[Measured]) -> Iterator[Compared]:
    """Each of ours against each of the others that does the same."""
    ours = [each for each in measured if each.name in (OURS, Call.name)]
    for one in ours:
        for other in measured:
            if other not in ours and other.way == PAIRS[one.way]:
                yield Compared(one, other, ratio(one.seconds, other.seconds))


# ---- who takes part

def find(name: str) -> str:
    """The path of a runtime; "" where there is none."""
    beside = os.path.dirname(sys.executable)
    places = [beside] if name == OURS else []
    path = os.pathsep.join([*places, os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which(name, path=path) or ""


def contestants(programs: dict[str, str], folder: str) -> list[Contestant]:
    """Each runtime by its verbs and by its `run`, and our library."""
    config = make_bundle(folder)
    return [*(Commands(name, way, path, f"{folder}/bundle", f"{folder}/{name}-{way[:3]}")
              for way in (VERBS, RUN) for name, path in programs.items()), Call(config, folder)]


def retry(rounds: Rounds) -> list[str]:
    """Give those that refuse hybrid cgroups a machine that seems to have none; what is to be said of it."""
    tree = cgroups.hierarchies(files.get("/proc/self/mountinfo")).get("unified", "")
    refusing = [each for each, reason in rounds.failed.items() if "hybrid" in reason and isinstance(each, Commands)]
    if not refusing or not tree:
        return []
    space = without_controllers(tree)
    for each in refusing:
        each.space = space
        rounds.again(each)
    rounds.warm_up()
    names = dict.fromkeys(each.name for each in refusing)
    return [f"{name} refuses hybrid cgroups: it is shown an empty cgroup.controllers" for name in names]


def make_bundle(folder: str) -> Config:
    """Write the bundle that all run into a folder; its checked config. The folder's name is that of the cgroup, too."""
    os.makedirs(f"{folder}/bundle")
    config = spec.default(["true"], image.find("busybox").rootfs, "bench", capabilities.DEFAULT, ("PATH=/bin",))
    config["ociVersion"] = COMMON_VERSION
    config["root"]["readonly"] = True  # it is the image itself
    config["linux"]["seccomp"] = seccomp.default_profile(capabilities.DEFAULT)
    config["linux"]["cgroupsPath"] = f"/{os.path.basename(folder)}"
    config["linux"]["resources"] = {"pids": {"limit": 100}, "devices": [
        {"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}]}
    files.write(f"{folder}/bundle/config.json", files.dump_json(config))
    return spec.validate(config)
