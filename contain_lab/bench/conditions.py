"""The conditions of a measurement: what a number is worth nothing without."""

from __future__ import annotations

import os
import platform
import subprocess

from contain_lab import features


def conditions(programs: dict[str, str]) -> dict[str, str]:
    """Kernel, cores, load, Python, cgroups, and what each program says of its version: {what: words}.

    programs: {name: path}.
    """
    kernel = os.uname()
    return {
        "kernel": f"{kernel.sysname} {kernel.release} {kernel.machine}",
        "cores": f"{len(os.sched_getaffinity(0))}",
        "load": load(),
        "cgroups": features.find("cgroup").reason,
        "Python": platform.python_version(),
        **{name: version(path) for name, path in programs.items()},
    }


def load() -> str:
    """The load of the machine over one and five minutes."""
    return "{:.2f} {:.2f}".format(*os.getloadavg())


def version(path: str) -> str:
    """The first line that a program says of its version; of a script also its interpreter."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    said = (done.stdout.splitlines() or ["says nothing of its version"])[0]
    with open(path, "rb") as file:
        first = file.readline(200)
    return f"{said}, {first[2:].decode(errors='replace').strip()}" if first.startswith(b"#!") else said
