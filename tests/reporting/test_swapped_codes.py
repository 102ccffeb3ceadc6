import json

import numpy as np
import pandas as pd
import pytest
import torch

from drl.config.drawings import ItemJob
from drl.errors import UserError
from drl.evaluation.montage import save_png
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.pictures import first_seeds
from drl.reporting.swapped_codes import draw, table
from tests.reporting.jobs import draw_figure

SETTINGS = ItemJob(
    study="code_swap",
    drawn_by="swapped_codes",
    scale="lite",
    datasets=[["a", "Data A"], ["b", "Data B"]],
    recipes=[["drl_2d", "DRL"], ["vdrl_2d", "VDRL"]],
)
PAIRS = [("a", "drl_2d"), ("a", "vdrl_2d"), ("b", "drl_2d"), ("b", "vdrl_2d")]


@pytest.fixture
def metrics(tmp_path):
    files = []
    for k, (dataset, recipe) in enumerate(PAIRS):
        for seed in (0, 1):
            path = tmp_path / f"{dataset}_{recipe}_{seed}.csv"
            row = {"scale": "lite", "study": "code_swap", "dataset": dataset, "recipe": recipe, "seed": seed, "t": 0.6}
            numbers = {"error_own_code": 0.1 * k + seed / 100, "error_other_code": 0.5 + 0.1 * k, "evaluations": 80}
            write_metrics(path, [row | {"metric": metric, "value": value} for metric, value in numbers.items()])
            save_png(path.with_suffix(".png"), torch.full((3, 10, 10), 20 * k + 100 * seed, dtype=torch.uint8))
            files.append(path)
    return files


def test_numbers_are_means_over_seeds(metrics):
    numbers = table(read_all(metrics), SETTINGS)
    own = numbers[(numbers["dataset"] == "b") & (numbers["recipe"] == "drl_2d")].set_index("metric")
    assert own.loc["error_own_code", ["mean", "sd", "n_seeds", "t"]].tolist() == pytest.approx(
        [0.205, 0.01 / 2**0.5, 2, 0.6]
    )
    assert own.loc["error_other_code", ["mean", "sd"]].tolist() == pytest.approx([0.7, 0])


def test_a_panel_a_dataset_and_recipe_with_its_picture_and_errors(metrics):
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS, first_seeds(metrics))
    titles = [f"Data {d}, {r}, $t$ = 0.6" for d in "AB" for r in ("DRL", "VDRL")]
    assert [panel.get_title() for panel in picture.axes] == titles
    for k, panel in enumerate(picture.axes):
        assert (np.asarray(panel.get_images()[0].get_array()) == 20 * k).all()
        own, other = 0.1 * k + 0.005, 0.5 + 0.1 * k
        assert panel.get_xlabel() == f"error to $x_0$: own code {own:.3f}, another's {other:.3f}"


def test_all_files_come_out(metrics, tmp_path):
    draw_figure("figure_6", metrics, tmp_path / "f.svg", SETTINGS)
    card = json.loads((tmp_path / "f.svg.json").read_text())
    assert set(card["outputs"]) == {"f.svg", "f.png", "f.csv"}
    assert {name for name in card["inputs"] if name.endswith(".png")} == {f"{d}_{r}_0.png" for d, r in PAIRS}
    assert set(pd.read_csv(tmp_path / "f.csv")["t"]) == {0.6}


def test_a_missing_picture_or_model_is_one_line(metrics, tmp_path):
    with pytest.raises(UserError, match=r"figure_6: .* nothing of recipe 'vdrl_2d' on dataset 'b'"):
        draw_figure("figure_6", metrics[:-2], tmp_path / "f.svg", SETTINGS)
    (tmp_path / "a_vdrl_2d_0.png").unlink()
    with pytest.raises(UserError, match=r"a_vdrl_2d_0\.png: is missing") as caught:
        draw_figure("figure_6", metrics, tmp_path / "f.svg", SETTINGS)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("f.*"))
