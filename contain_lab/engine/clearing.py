"""Remove what killed commands left: states, records, layers, groups, images in the making."""

import os

from contain_lab import cgroups, files, image
from contain_lab.container import verbs
from contain_lab.engine import records
from contain_lab.engine.preparing import containers_root, runs_root


def sweep(tries: int = 1) -> list[str]:
    """Remove what killed commands left of containers, as far as it is at hand: the ids.

    A state is made after the record, and goes before it. What is mounted anywhere is left alone. tries: how often a
    group that is not empty yet is tried.
    """
    swept = verbs.sweep(runs_root(), tries=tries)[0]
    removed = [ident for ident in swept if records.settle(ident)]
    lost = records.unnamed()
    mounted = "".join(_mounts(pid) for pid in os.listdir("/proc") if pid.isdigit()) if lost else ""
    return removed + [ident for ident in lost
                      if f"{containers_root()}/{ident}/" not in mounted and records.settle(ident, named=False)]


GROUP_SECONDS = 30  # for this long an empty group may be one whose container is being made


def sweep_groups() -> list[str]:
    """Remove the empty groups of containers whose state is gone, as one that was swept where no group could be seen."""
    kept = {name for root in (runs_root(), files.oci_dir()) if os.path.isdir(root) for name in os.listdir(root)}
    lost = [(controller, name) for controller, name in cgroups.abandoned("cl-", GROUP_SECONDS)
            if name.removeprefix("cl-") not in kept and name not in kept]
    for controller, name in lost:
        cgroups.remove_group(name, (controller,))
    return sorted({name for _, name in lost})


def _mounts(pid: str) -> str:
    try:
        return files.get(f"/proc/{pid}/mountinfo")
    except OSError:  # it has ended since
        return ""


def clean() -> tuple[list[str], list[str]]:
    """Remove what killed commands left: states, layers, groups, half-made images.

    Returns a line for each thing removed, and one for each that could not be.
    """
    swept = [verbs.sweep(root) for root in (runs_root(), files.oci_dir())]
    removed = [f"container {name}" for names, _ in swept for name in names]
    records.everything()  # puts in order what it finds
    removed += [f"layer {ident}" for ident in sweep()]
    removed += [f"image in the making {name}" for name in image.sweep()]
    removed += [f"group {name}" for name in sweep_groups()]
    return removed, [line for _, failed in swept for line in failed]
