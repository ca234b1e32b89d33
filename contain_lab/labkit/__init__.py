"""The lab kit: notebooks from one source per lab, checks that look at the kernel, their run under nbval.

table        which lab builds which steps, and what its checks are worth
generator    solutions/NN_concept.py -> labs/ and solutions/NN_concept.ipynb
questions    predict, recall, order; their words are in content/
judge        a process of its own that runs checks/ and says what messages/ has for it
sandbox      where a student's step runs
looking      what the kernel shows of a process, from outside
pictures     the live system drawn, with a text twin; play: what can be played with; page: their scripts
nbval        what nbval 0.11.0 gets wrong for these labs, repaired
intruder     attacks, and the board

A notebook begins with `from contain_lab.labkit import *`: the names of NOTEBOOK, imported when asked for.
"""

import importlib

NOTEBOOK = {
    "begin": "lab",
    "where_i_stand": "lab",
    "check": "checking",
    "hint": "hints",
    "predict": "questions.predictions",
    "reveal": "questions.predictions",
    "recall": "questions.recalls",
    "order": "questions.puzzles",
    "background": "live",
    "show_namespaces": "pictures.namespace_table",
    "mount_tree": "pictures.mount_tree",
    "try_propagation": "play.propagation",
    "process_tree": "pictures.process_tree",
    "id_maps": "pictures.id_rulers",
    "timeline": "pictures.start_timeline",
    "play_namespaces": "play.namespaces",
    "play_start": "play.start",
    "measure": "measuring",
    "strace_runtime": "wild",
    "ordinary_user": "ordinary",
    "podman_run": "podman",
    "clean_up": "leftovers",
}
"""What a cell may call, and the module here that has it. No file is named like a function: it would hide it."""

__all__ = list(NOTEBOOK)


def __getattr__(name: str) -> object:
    """Import what a notebook asks for."""
    if name not in NOTEBOOK:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{NOTEBOOK[name]}"), name)
