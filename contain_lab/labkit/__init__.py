"""The lab kit: notebooks from one source per lab, checks that look at the kernel, their run under nbval.

table           which lab builds which steps, and what its checks are worth
generator       solutions/NN_concept.py -> labs/ and solutions/NN_concept.ipynb
nbval_plugin    what nbval 0.11.0 gets wrong for these labs, repaired

A notebook begins with `from contain_lab.labkit import *`: the names of NOTEBOOK, imported when asked for.
"""

import importlib

NOTEBOOK = {
    "begin": "lab",
    "where_i_stand": "lab",
    "check": "checking",
    "hint": "hints",
    "predict": "predictions",
    "reveal": "predictions",
    "recall": "recalls",
    "order": "puzzles",
    "background": "live",
    "show_namespaces": "namespace_table",
    "mount_tree": "mount_picture",
    "try_propagation": "propagation",
    "process_tree": "process_picture",
    "id_maps": "id_map_picture",
    "timeline": "timeline_picture",
    "play_namespaces": "namespace_play",
    "play_start": "start_play",
    "measure": "measuring",
    "strace_runtime": "wild",
    "ordinary_user": "ordinary",
    "podman_run": "podman",
    "clean_up": "leftovers",
}
"""What a cell may call, and the file here that has it. No file is named like a function: it would hide it."""

__all__ = list(NOTEBOOK)


def __getattr__(name: str) -> object:
    """Import what a notebook asks for."""
    if name not in NOTEBOOK:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{NOTEBOOK[name]}"), name)
