"""What drawing needs: a figure is drawn in seconds, and torch alone takes as long to import."""

import subprocess
import sys
from pathlib import Path

import pytest

import drl.reporting
from tests.job_settings import BUILT, ITEMS

MODULES = sorted(f"drl.reporting.{path.stem}" for path in Path(drl.reporting.__file__).parent.glob("[!_]*.py"))


@pytest.mark.parametrize("modules", [("drl.reporting.figure",), ("drl.reporting.table",), tuple(MODULES)])
def test_nothing_that_draws_imports_torch(modules):
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "    heavy = sorted({'torch', 'torchvision', 'sklearn'} & set(sys.modules))\n"
        "    assert not heavy, f'{name} imports {heavy}'\n"
    )
    run = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_all_modules_that_draw_are_among_those():
    assert {f"drl.reporting.{ITEMS[item].drawn_by}" for item in BUILT} <= set(MODULES)
    assert "drl.reporting.pictures" in MODULES
