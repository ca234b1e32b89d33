"""The package's own step, taken by a student's in whatever way, solves nothing."""

from pathlib import Path

import pytest

from contain_lab.labkit import judge
from contain_lab.namespaces import uts

pytestmark = pytest.mark.needs("root")
WAYS = {
    "calls": "from contain_lab.namespaces import uts\n    uts.set_hostname(name)",
    "reloads": "import importlib\n    from contain_lab.namespaces import uts\n"
               "    importlib.reload(uts).set_hostname(name)",
    "reads": f"space = {{}}\n    exec(open({uts.__file__!r}).read(), space)\n    space['set_hostname'](name)",
    "imports_anew": "import sys, importlib\n    del sys.modules['contain_lab.namespaces.uts']\n"
                    "    importlib.import_module('contain_lab.namespaces.uts').set_hostname(name)",
}


@pytest.mark.parametrize("way", WAYS)
def test_no_points_for_ours(tmp_path: Path, way: str):
    package = tmp_path / "my_runtime"
    package.mkdir()
    (package / "namespaces.py").write_text(f"def set_hostname(name):\n    {WAYS[way]}\n")
    verdict = judge.run_check("uts.hostname", package)
    assert not verdict.passed
    assert verdict.message in ("borrowed", "raised")
