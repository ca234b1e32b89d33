"""The kernel in which builds and tests run a notebook: this interpreter's, in an empty folder.

Two things of the surroundings must not decide what a notebook shows: a stray kernel named python3 below
~/.local, and the variable PYTEST_CURRENT_TEST, for which ipykernel leaves file descriptors 1 and 2 alone, so
that what subprocesses print is missing.
"""

from __future__ import annotations

import os
import subprocess
from typing import Any

FOLDER = "cl-labs-"  # the working folder's prefix: each run makes its my_runtime from nothing


def start_options(**more: str) -> dict[str, Any]:
    """Keyword arguments for a kernel manager's start_kernel; more: variables for the kernel's environment.

    The kernel's own stderr is dropped: it says at each start that it talks without encryption.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return {"env": {**environment, **more}, "stderr": subprocess.DEVNULL}


def this_interpreter() -> Any:
    """A kernel spec manager (jupyter_client) that knows one kernel, whatever name it is asked for."""
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

    class ThisInterpreter(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())

    return ThisInterpreter()
