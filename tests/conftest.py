"""What a test may need of the machine, said in one place: `@pytest.mark.needs("root", "podman", "overlay")`.

A need is a feature by the name that `contain-lab doctor` gives it, or else a command. A test whose need is
not met is skipped with the reason. With CI=true a skip is a failure, because a test that nobody runs proves
nothing; `CI_LACKS` lists what the machine there cannot give.
No test skips in another way (tests/repository sees to it).
"""

import functools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv/bin"
PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
CI_LACKS = frozenset({"cgroup2", "capabilities"})


@functools.cache
def why_not(need: str) -> str:
    """Why the machine does not give what a test needs; empty when it does."""
    from contain_lab import features

    known = {each.name: each for each in features.probe()}
    if need in known:
        return "" if known[need].ok else f"{need}: {known[need].reason}"
    return "" if shutil.which(need, path=PATH) else f"{need}: no such command or feature"


def pytest_runtest_setup(item: pytest.Item) -> None:
    needs = [need for mark in item.iter_markers("needs") for need in mark.args]
    if reasons := [reason for need in needs if (reason := why_not(need))]:
        pytest.skip("; ".join(reasons))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    needs = {need for mark in item.iter_markers("needs") for need in mark.args}
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and os.environ.get("CI") == "true" and not needs & CI_LACKS:
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not allow: {call.excinfo.value}"
    return report


@pytest.fixture(scope="session")
def cli() -> str:
    """The path of `contain-lab`, for tests that drive it as a person does."""
    return str(BIN / "contain-lab")


@pytest.fixture(scope="session")
def runtime() -> str:
    """The OCI runtime under test: ours, or the one that RUNTIME names (`blackbox` tests)."""
    asked = os.environ.get("RUNTIME")
    found = shutil.which(asked, path=PATH) if asked else str(BIN / "contain-lab-runtime")
    if not found:
        pytest.fail(f"RUNTIME={asked}: no such command")
    return found
