"""The notebooks run from top to bottom in a fresh process, and are stored without outputs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.docs.conftest import ROOT

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
RUNNER = Path(__file__).with_name("run_cells.py")
SECONDS = 600  # no notebook hangs; it takes half a minute


def run(notebook: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(RUNNER), str(notebook)]
    return subprocess.run(
        command, cwd=folder, env=settings, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def test_both_notebooks_are_there():
    assert NOTEBOOKS == ["codes_over_t.ipynb", "new_method.ipynb"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_cells_run_in_order(name, tmp_path):
    ended = run(FOLDER / name, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "images" in ended.stdout
    assert not list(tmp_path.iterdir()), "a notebook leaves no files"


def test_codes_of_a_folder_of_photos(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(4):
        Image.linear_gradient("L").rotate(90 * number).resize((40, 30 + number)).save(photos / f"{number}.png")
    text = (FOLDER / "codes_over_t.ipynb").read_text()
    changed = text.replace("FOLDER = None", "FOLDER = 'photos'")
    assert changed != text
    (tmp_path / "own.ipynb").write_text(changed)
    ended = run(tmp_path / "own.ipynb", tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "4 images" in ended.stdout


def test_a_cell_that_fails_is_seen(tmp_path):
    cells = [{"cell_type": "code", "source": ["x = 1\n", "assert x == 2"]}]
    (tmp_path / "bad.ipynb").write_text(json.dumps({"cells": cells}))
    assert run(tmp_path / "bad.ipynb", tmp_path).returncode != 0


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_short_and_stored_without_outputs(name):
    notebook = json.loads((FOLDER / name).read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert 0 < len(code) <= 12
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert max(len("".join(cell["source"]).splitlines()) for cell in code) <= 20
