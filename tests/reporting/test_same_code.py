import json

import numpy as np
import pytest
import torch

from drl.config.drawings import ItemJob
from drl.errors import UserError
from drl.evaluation.montage import save_png
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.pictures import first_seeds
from drl.reporting.same_code import draw, table
from tests.reporting.jobs import draw_figure

# In the order of the configuration, which need not be that of the sizes.
SIZES = {"drl_nd-d8": 8, "drl_nd-d2": 2, "drl_nd-d16": 16}
SETTINGS = ItemJob(
    study="one_code",
    drawn_by="same_code",
    scale="lite",
    datasets=[["a", "Data A"], ["b", "Data B"]],
    recipes=[[name, "DRL"] for name in SIZES],
)


def distance(row: int, size: int, seed: int) -> float:
    return 10 * (row + 1) - size / 2 + seed


@pytest.fixture
def metrics(tmp_path):
    files = []
    for k, dataset in enumerate("ab"):
        for recipe, size in SIZES.items():
            for seed in (0, 1):
                path = tmp_path / f"{dataset}_{recipe}_{seed}.csv"
                row = {"scale": "lite", "study": "one_code", "dataset": dataset, "recipe": recipe, "seed": seed}
                numbers = {"mean_pairwise_distance": distance(k, size, seed), "code_size": size}
                write_metrics(path, [row | {"metric": metric, "value": value} for metric, value in numbers.items()])
                save_png(path.with_name(f"{path.stem}.png"), torch.full((1, 4, 4), 100 * k + size, dtype=torch.uint8))
                files.append(path)
    return files


def test_numbers_are_means_over_seeds(metrics):
    numbers = table(read_all(metrics), SETTINGS)
    own = numbers[(numbers["dataset"] == "b") & (numbers["recipe"] == "drl_nd-d8")].set_index("metric")
    assert own.loc["mean_pairwise_distance", ["mean", "sd", "n_seeds"]].tolist() == pytest.approx([16.5, 0.5**0.5, 2])
    assert own.loc["code_size", ["mean", "sd"]].tolist() == [8, 0]


def test_a_row_a_dataset_a_square_a_size_and_the_distances_in_order_of_size(metrics):
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS, first_seeds(metrics))
    assert len(picture.axes) == 2 * 4
    for k, title in enumerate(("Data A", "Data B")):
        *squares, last = picture.axes[4 * k : 4 * k + 4]
        assert [square.get_title() for square in squares] == [f"{title}, {d}-d code" for d in (8, 2, 16)]
        shown = [int(np.asarray(square.get_images()[0].get_array())[0, 0]) for square in squares]
        assert shown == [100 * k + d for d in (8, 2, 16)]
        (line,) = last.containers
        assert line.lines[0].get_xdata().tolist() == [2, 8, 16]
        expected = [distance(k, d, 0) + 0.5 for d in (2, 8, 16)]
        assert line.lines[0].get_ydata().tolist() == pytest.approx(expected)
        bars = [segment[:, 1].tolist() for segment in line.lines[2][0].get_segments()]
        assert bars == [pytest.approx([y - 0.5**0.5, y + 0.5**0.5]) for y in expected]
        assert [label.get_text() for label in last.get_xticklabels()] == ["2", "8", "16"]
        assert last.get_ylim()[0] == 0
        assert last.get_ylim()[1] > max(expected) + 0.5**0.5
        assert (last.get_xlabel(), last.get_ylabel()) == ("size of the code", "mean distance\nof two samples")
    assert "n = 2 seeds; error bars: ± one standard deviation" in picture.get_supxlabel()


def test_one_seed_has_no_error_bars_and_says_so(metrics):
    first = [path for path in metrics if path.name.endswith("_0.csv")]
    picture = draw(table(read_all(first), SETTINGS), SETTINGS, first_seeds(first))
    assert not picture.axes[3].containers[0].has_yerr
    assert picture.get_supxlabel() == "one seed, so no error bars"


def test_all_files_come_out(metrics, tmp_path):
    draw_figure("figure_7", metrics, tmp_path / "f.svg", SETTINGS)
    card = json.loads((tmp_path / "f.svg.json").read_text())
    assert set(card["outputs"]) == {"f.svg", "f.png", "f.csv"}
    assert {name for name in card["inputs"] if name.endswith(".png")} == {f"{d}_{r}_0.png" for d in "ab" for r in SIZES}


def test_a_missing_picture_or_model_is_one_line(metrics, tmp_path):
    with pytest.raises(UserError, match=r"figure_7: .* nothing of recipe 'drl_nd-d16' on dataset 'b'"):
        draw_figure("figure_7", metrics[:-2], tmp_path / "f.svg", SETTINGS)
    gone = tmp_path / "a_drl_nd-d2_0.png"
    gone.unlink()
    with pytest.raises(UserError) as caught:
        draw_figure("figure_7", metrics, tmp_path / "f.svg", SETTINGS)
    assert str(caught.value).startswith(f"{gone}: is missing")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("f.*"))
