"""Commands whose packages are not installed say which, in one line."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from drl.cli.extras import PIPELINE, missing_in, need
from drl.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_the_packages_are_those_of_the_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = {Requirement(line).name for line in project["optional-dependencies"]["pipeline"]}
    assert set(PIPELINE.values()) == extra
    assert not extra & {Requirement(line).name for line in project["dependencies"]}


def test_a_package_that_is_there_is_no_error(monkeypatch):
    need("pandas", "costs")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"costs: needs pandas, which .*; pip install 'drl\[pipeline\]'"):
        need("pandas", "costs")


def test_other_modules_are_not_taken_for_packages_of_the_pipeline():
    assert missing_in(ModuleNotFoundError(name="drl.methods.mine"), "pretrain") is None
    assert missing_in(ModuleNotFoundError(name="scipy.sparse"), "fine-tune").startswith("fine-tune: needs scipy,")


def test_a_command_without_its_package_ends_with_one_line(tmp_path):
    code = "import sys; sys.modules['pandas'] = None; from drl.cli.main import main; main()"
    run = subprocess.run([sys.executable, "-c", code, "costs", tmp_path], capture_output=True, text=True, check=False)
    line = "drl: costs: needs pandas, which plain drl does not install; pip install 'drl[pipeline]'\n"
    assert (run.returncode, run.stderr) == (2, line)
