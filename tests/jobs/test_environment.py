"""What lies in the folder of a job is not imported in place of Python's own modules."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHADOWS = ("random", "torch", "json", "numpy", "typing", "yaml", "click", "pathlib")


@pytest.fixture
def shadowed(tmp_path):
    """Return a folder with modules that say that they were imported, and with the project's package."""
    (tmp_path / "drl").symlink_to(ROOT / "drl")
    (tmp_path / "config").symlink_to(ROOT / "config")
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the working folder')\n")
    return tmp_path


def test_python_m_drl_does_not_import_from_the_working_folder(shadowed):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-m", "drl", "describe", "drl", "--scale", "demo"]
    run = subprocess.run(command, cwd=shadowed, env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_jobs_find_the_package_beside_the_snakefile_and_nothing_else(shadowed):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from drl.jobs.environment import use_this_python\n"
        f"use_this_python({str(ROOT / 'workflow/package')!r})\n"
        "import subprocess\n"
        "subprocess.run('python -c \"import random, drl; print(drl.__file__)\"; python -m drl --version', shell=True)"
    )
    run = subprocess.run([sys.executable, "-P", "-c", code], cwd=shadowed, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    found, version = run.stdout.splitlines()
    assert found == str(ROOT / "drl" / "__init__.py")
    assert version.startswith("drl, version")
