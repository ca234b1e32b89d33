"""A machine that boots once per session, and is gone at its end."""

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

NAME = f"cl-test-{os.getpid()}"
Vm = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def vm(cli: str, tmp_path_factory: pytest.TempPathFactory) -> Vm:
    """Call `contain-lab vm VERB` for our machine."""
    said = tmp_path_factory.mktemp("vm")

    def call(verb: str, *words: str, name: str = NAME, code: int | None = 0, given: str = "",
             timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        with open(said / "out", "w+") as out, open(said / "err", "w+") as err:  # a machine that stays holds no pipe
            done = subprocess.run([cli, "vm", verb, "--name", name, *words], input=given, stdout=out, stderr=err,
                                  text=True, timeout=timeout)
            out.seek(0)
            err.seek(0)
            done.stdout, done.stderr = out.read(), err.read()
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    return call


@pytest.fixture(scope="session")
def machine(vm: Vm) -> Iterator[str]:
    """The name of a machine that is up."""
    vm("up", timeout=900)
    yield NAME
    vm("destroy")
