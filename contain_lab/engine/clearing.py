"""Remove what killed commands left: states, layers, groups, images in the making."""

import os

from contain_lab import files, image
from contain_lab.container import layers, verbs
from contain_lab.engine.preparing import runs_root


def sweep_layers() -> list[str]:
    """Remove the layers whose state is gone, for states are in memory and a boot takes them: their names.

    A state is there before its layer, and goes after it. What is mounted anywhere is left alone.
    """
    folder = f"{files.data_dir()}/containers"
    names = os.listdir(folder) if os.path.isdir(folder) else []
    lost = [name for name in names if not os.path.exists(f"{runs_root()}/{name}")]
    mounted = "".join(_mounts(pid) for pid in os.listdir("/proc") if pid.isdigit()) if lost else ""
    lost = [name for name in lost if f"{folder}/{name}/" not in mounted]
    for name in lost:
        layers.remove_user_layer(f"{folder}/{name}")
    return lost


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
    removed += [f"layer {name}" for name in sweep_layers()]
    removed += [f"image in the making {name}" for name in image.sweep()]
    return removed, [line for _, failed in swept for line in failed]
