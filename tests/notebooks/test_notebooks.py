"""The notebooks run from top to bottom in a fresh process, and are stored without outputs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from tests.docs.conftest import ROOT
from tests.notebooks.run_cells import code_cells

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


@pytest.fixture
def figures_of(tmp_path, monkeypatch):
    """Run codes_over_t.ipynb with a folder of photos in this process, and return its variables and its figures."""
    monkeypatch.chdir(tmp_path)
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))

    def run_with(folder):
        cells = code_cells(FOLDER / "codes_over_t.ipynb")
        changed = [text.replace("FOLDER = None", f"FOLDER = {folder!r}") for text in cells]
        assert changed != cells
        names = {}
        for text in changed:
            exec(text, names)
        return names, shown

    with plt.rc_context({"backend": "Agg"}):
        yield run_with
    plt.close("all")


def save_photos(folder, count, turned=0):
    folder.mkdir(parents=True)
    for number in range(count):
        picture = Image.linear_gradient("L").rotate(turned + number)
        picture.resize((40, 30 + number % 5)).save(folder / f"{number}.png")


def test_class_folders_give_names_and_colours(figures_of, tmp_path, capsys):
    save_photos(tmp_path / "photos" / "cat", 65)
    save_photos(tmp_path / "photos" / "dog", 5, turned=90)
    (tmp_path / "photos" / "cat" / ".DS_Store").write_text("hidden")
    (tmp_path / "photos" / ".ipynb_checkpoints").mkdir()
    names, figures = figures_of("photos")
    assert "60 images: 55 cat, 5 dog" in capsys.readouterr().out
    assert [names["names"][k] for k in names["few"]] == ["cat"] * 5 + ["dog"] * 5
    compared, neighbours, share, scatter = figures
    assert compared.axes[-1].get_ylabel() == "cosine of two codes"
    assert [label.get_text() for label in compared.axes[0].get_yticklabels()] == ["cat", "dog"]
    assert [panel.get_title() for panel in neighbours.axes[:10]] == ["cat"] * 5 + ["dog"] * 5
    assert share.axes[0].lines[0].get_ydata().max() > share.axes[0].lines[1].get_ydata()[0]
    assert [text.get_text() for text in scatter.legends[0].get_texts()] == ["cat", "dog"]
    for panel in scatter.axes:
        assert [len(points.get_offsets()) for points in panel.collections] == [55, 5]
        assert len({tuple(points.get_facecolor()[0]) for points in panel.collections}) == 2


def test_photos_in_one_folder_are_one_class(figures_of, tmp_path, capsys):
    save_photos(tmp_path / "photos", 4)
    names, figures = figures_of("photos")
    assert "4 images: 4 photos" in capsys.readouterr().out
    assert names["codes"].shape == (5, 4, 64)
    assert len(figures) == 3


def test_a_folder_without_images_is_named(figures_of, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no images in .*photos"):
        figures_of("photos")


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
