"""The package's own step, taken by a student's in whatever way, solves nothing."""

import importlib
from pathlib import Path

import pytest

from contain_lab import rootfs
from contain_lab.labkit import judge
from contain_lab.labkit.table import LABS, find_step
from contain_lab.labkit.judge.verdict import Verdict
from contain_lab.namespaces import uts

ALL = [step.name for lab in LABS for step in lab.steps]
pytestmark = pytest.mark.needs("root")
STEPS = {  # check: (its step's module, which is a file or a folder; the step; its arguments)
    "uts.hostname": (uts, "set_hostname", "name"), "mounts.proc": (rootfs, "mount_proc", "root, target, options")}
WAYS = {
    "calls": "import {module}\n    {module}.{step}({args})",
    "reloads": "import importlib, {module}\n    importlib.reload({module}).{step}({args})",
    "reads": "space = {{'__name__': '{module}', '__package__': '{module}'}}\n"
             "    exec(open('{file}').read(), space)\n    space['{step}']({args})",
    "imports_anew": "import sys, importlib\n    del sys.modules['{module}']\n"
                    "    importlib.import_module('{module}').{step}({args})",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("check", STEPS)
def test_no_points_for_ours(tmp_path: Path, check: str, way: str):
    module, step, args = STEPS[check]
    package = tmp_path / "my_runtime"
    package.mkdir()
    body = WAYS[way].format(module=module.__name__, file=module.__file__, step=step, args=args)
    (package / f"{module.__name__.split('.')[1]}.py").write_text(f"def {step}({args}):\n    {body}\n")
    verdict = judge.run_check(check, package)
    assert not verdict.passed
    assert verdict.message in ("borrowed", "raised")


def judged(step: str, body: str, folder: Path) -> Verdict:
    """The verdict of the first check of a step, on a my_runtime that holds this."""
    check = next(check for lab in LABS for check in lab.checks if step in check.steps)
    package = folder / "my_runtime"
    package.mkdir()
    for room in {find_step(each)[1].room for each in check.steps}:
        (package / f"{room}.py").write_text(body)
    return judge.run_check(check.id, package)


@pytest.mark.needs("image busybox")
@pytest.mark.parametrize("step", ALL)
def test_the_source_of_no_step_can_be_read(tmp_path: Path, step: str):
    """Also where its room is a folder: every file of the module is covered."""
    file = importlib.import_module(find_step(step)[1].module).__file__
    verdict = judged(step, f"def {step}(*args):\n    space = {{'__name__': 'taken'}}\n"
                           f"    exec(open({file!r}).read(), space)\n    return space[{step!r}](*args)\n", tmp_path)
    assert f"KeyError: '{step}'" in verdict.text, verdict.text


@pytest.mark.needs("image busybox")
@pytest.mark.parametrize("step", ALL)
def test_no_step_of_ours_is_found_in_memory(tmp_path: Path, step: str):
    """Whatever other names it has: all that Python keeps is looked through."""
    verdict = judged(step, f"import gc\n\n\ndef {step}(*args):\n    for each in gc.get_objects():\n"
                           f"        if getattr(each, '__name__', '') == {step!r} and "
                           "str(each.__module__).startswith('contain_lab.'):\n            return each(*args)\n"
                           "    raise LookupError('nothing is found')\n", tmp_path)
    assert "LookupError: nothing is found" in verdict.text, verdict.text
