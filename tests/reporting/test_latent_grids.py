import json

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgba

from drl.config.drawings import LatentGridItem
from drl.errors import UserError
from drl.evaluation.montage import save_png
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.latent_grids import CLASSES, draw, table
from drl.reporting.pictures import first_seeds
from drl.reporting.style import mark_demo
from tests.reporting.jobs import draw_figure

SETTINGS = LatentGridItem(
    study="latent_grid",
    drawn_by="latent_grids",
    scale="lite",
    datasets=[["a", "Data A"], ["b", "Data B"]],
    recipes=[["drl_2d", "DRL"], ["drl_2d_focus", "DRL, focused"]],
    extents={"drl_2d": 1.0, "drl_2d_focus": 2.0},
)
PAIRS = [(dataset, recipe) for dataset in "ab" for recipe in ("drl_2d", "drl_2d_focus")]


def silhouette(position: int, seed: int) -> float:
    return 0.1 * position + 0.02 * seed


def codes(position: int, seed: int) -> pd.DataFrame:
    """Codes of four classes at corners whose distance tells which model they are of."""
    corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * (1 + position + 10 * seed)
    return pd.DataFrame({"z_1": corners[:, 0], "z_2": corners[:, 1], "label": [0, 1, 2, 3]})


def write(folder, position, dataset, recipe, seed):
    path = folder / f"{dataset}_{recipe}_{seed}.csv"
    row = {"scale": "lite", "study": "latent_grid", "dataset": dataset, "recipe": recipe, "seed": seed, "n": 4}
    numbers = {"silhouette": silhouette(position, seed), "ink_r2": 0.5 + 0.1 * seed}
    write_metrics(path, [row | {"metric": metric, "value": value} for metric, value in numbers.items()])
    save_png(path.with_suffix(".png"), torch.full((1, 8, 8), 20 * position + 100 * seed, dtype=torch.uint8))
    codes(position, seed).to_csv(path.with_suffix(".codes.csv"), index=False)
    return path


@pytest.fixture
def metrics(tmp_path):
    return [write(tmp_path, k, *pair, seed) for seed in (1, 0) for k, pair in enumerate(PAIRS)]


def test_numbers_are_means_over_seeds(metrics):
    numbers = table(read_all(metrics), SETTINGS)
    assert len(numbers) == 4 * 2
    row = numbers[(numbers["dataset"] == "b") & (numbers["recipe"] == "drl_2d") & (numbers["metric"] == "silhouette")]
    assert row[["mean", "sd", "n_seeds"]].to_numpy()[0].tolist() == pytest.approx([0.21, 0.02 / 2**0.5, 2])


def test_every_panel_shows_its_own_model(metrics):
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS, first_seeds(metrics))
    assert len(picture.axes) == 3 * 4
    names = ["Data A, DRL", "Data A, DRL, focused", "Data B, DRL", "Data B, DRL, focused"]
    for k, (_, recipe) in enumerate(PAIRS):
        scatter, equal, samples = picture.axes[3 * k : 3 * k + 3]
        # seed 0's codes and samples, though seed 1's files come first
        for panel in (scatter, equal):
            shown = np.asarray(panel.collections[0].get_offsets())
            assert set(map(tuple, shown)) == set(codes(k, 0)[["z_1", "z_2"]].itertuples(index=False, name=None))
        assert (np.asarray(samples.get_images()[0].get_array()) == 20 * k).all()
        extent = SETTINGS.extents[recipe]
        (square,) = equal.patches
        assert (square.get_xy(), square.get_width(), square.get_height()) == (
            (-extent, -extent),
            2 * extent,
            2 * extent,
        )
        mean = silhouette(k, 0) / 2 + silhouette(k, 1) / 2
        assert scatter.get_title() == f"{names[k]}\ncodes, axes stretched"
        bounds = f"square [−{extent:g}, {extent:g}]²"
        assert equal.get_title() == f"silhouette {mean:.2f}, ink $R^2$ 0.55\nequal axes, {bounds}"
        assert samples.get_title() == f"samples over\nthe {bounds}"
        # The edges of the picture are the edges of the square.
        assert (samples.get_xlim(), samples.get_ylim()) == ((-extent, extent), (-extent, extent))
        for ticks in (samples.get_xticklabels(), samples.get_yticklabels()):
            assert [tick.get_text() for tick in ticks] == [f"−{extent:g}", "0", f"{extent:g}"]
        assert (scatter.get_xlabel(), scatter.get_ylabel()) == ("$z_1$", "$z_2$")


def test_a_point_has_the_colour_of_its_class_and_the_legend_names_all(metrics):
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS, first_seeds(metrics))
    points = picture.axes[0].collections[0]
    labels = {(row.z_1, row.z_2): row.label for row in codes(0, 0).itertuples()}
    for at, colour in zip(points.get_offsets(), points.get_facecolors(), strict=True):
        assert tuple(colour) == pytest.approx(to_rgba(CLASSES[labels[tuple(at)]]))
    (legend,) = picture.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2", "3"]
    assert len(set(CLASSES)) == 10


def test_codes_fill_the_panel(metrics):
    for pair, width in (("a_drl_2d_0", (0.02, 3)), ("b_drl_2d_0", (2, 2))):
        file = metrics[0].with_name(f"{pair}.codes.csv")
        frame = codes(0, 0)
        frame[["z_1", "z_2"]] *= np.asarray(width)
        frame.to_csv(file, index=False)
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS, first_seeds(metrics))
    narrow, wide = picture.axes[0], picture.axes[6]
    assert 0.02 < narrow.get_xlim()[1] < 0.03
    assert 3 < narrow.get_ylim()[1] < 4
    assert narrow.get_box_aspect() == wide.get_box_aspect() == 1
    # Wider than the square [-1, 1]^2: it is in the panel.
    assert wide.get_xlim()[1] == wide.get_ylim()[1] > 2


@pytest.mark.parametrize("scale", [(0.02, 3), (0.001, 0.002), (50, 0.1)])
def test_the_square_is_a_square_and_all_of_it_and_of_the_codes_is_seen(metrics, scale):
    frame = codes(0, 0)
    frame[["z_1", "z_2"]] = frame[["z_1", "z_2"]] * np.asarray(scale) + 0.5
    frame.to_csv(metrics[0].with_name("a_drl_2d_0.codes.csv"), index=False)
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS, first_seeds(metrics))
    picture.draw_without_rendering()
    panel = picture.axes[1]
    box = panel.patches[0].get_window_extent()
    assert box.width == pytest.approx(box.height)
    (left, right), (low, high) = panel.get_xlim(), panel.get_ylim()
    assert left < min(-1, frame["z_1"].min()) < max(1, frame["z_1"].max()) < right
    assert low < min(-1, frame["z_2"].min()) < max(1, frame["z_2"].max()) < high


def test_it_says_which_numbers_are_means_and_which_are_of_the_first_seed(metrics):
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS, first_seeds(metrics))
    said = picture.legends[0].get_title().get_text()
    assert said == "means over n = 2 seeds; codes and samples: first seed"


def test_all_files_come_out_and_the_card_names_what_was_read(metrics, tmp_path):
    draw_figure("figure_2", metrics, tmp_path / "f.svg", SETTINGS)
    card = json.loads((tmp_path / "f.svg.json").read_text())
    assert set(card["outputs"]) == {"f.svg", "f.png", "f.csv"}
    assert all((tmp_path / name).stat().st_size > 0 for name in card["outputs"])
    assert (card["command"], card["item"], card["code_digest"]) == ("figure", "figure_2", "digest")
    shown = {f"{dataset}_{recipe}_0{suffix}" for dataset, recipe in PAIRS for suffix in (".png", ".codes.csv")}
    assert set(card["inputs"]) == shown | {path.name for path in metrics}
    assert len(pd.read_csv(tmp_path / "f.csv")) == 8


@pytest.mark.parametrize(
    ("column", "cell"), [("z_1", ""), ("z_2", "nan"), ("label", ""), ("label", -1), ("label", 0.5)]
)
def test_a_code_without_a_place_or_a_class_is_one_line(metrics, tmp_path, column, cell):
    file = tmp_path / "b_drl_2d_0.codes.csv"
    frame = codes(0, 0).astype(object)
    frame.loc[1, column] = cell
    frame.to_csv(file, index=False)
    with pytest.raises(UserError, match=rf"{file}: is not a file of codes; .* \(row 3 has '.*' as {column}, "):
        draw_figure("figure_2", metrics, tmp_path / "f.svg", SETTINGS)
    assert not list(tmp_path.glob("f.*"))


@pytest.mark.parametrize("suffix", [".png", ".codes.csv"])
def test_a_missing_file_beside_the_numbers_is_one_line(metrics, tmp_path, suffix):
    gone = tmp_path / f"b_drl_2d_0{suffix}"
    gone.unlink()
    with pytest.raises(UserError) as caught:
        draw_figure("figure_2", metrics, tmp_path / "f.svg", SETTINGS)
    assert str(caught.value).startswith(f"{gone}: is missing")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("f.*"))


def test_a_model_without_numbers_is_named(metrics, tmp_path):
    with pytest.raises(UserError, match=r"figure_2: .* nothing of recipe 'drl_2d_focus' on dataset 'b'"):
        draw_figure("figure_2", [p for p in metrics if "b_drl_2d_focus" not in p.name], tmp_path / "f.svg", SETTINGS)
    assert not list(tmp_path.glob("f.*"))


def test_a_legend_of_several_rows_covers_no_label(metrics):
    one = SETTINGS.model_copy(update={"datasets": SETTINGS.datasets[:1], "recipes": SETTINGS.recipes[:1]})
    frame = pd.DataFrame({"z_1": range(25), "z_2": range(25), "label": range(25)})
    frame.to_csv(metrics[0].with_name("a_drl_2d_0.codes.csv"), index=False)
    picture = draw(table(read_all(metrics), one), one, first_seeds(metrics))
    mark_demo(picture, samples=True)
    picture.draw_without_rendering()
    legend = picture.legends[0].get_window_extent()
    assert legend.y0 >= 0
    assert all(panel.get_tightbbox().y0 >= legend.y1 for panel in picture.axes)
    above = picture.texts[0].get_window_extent()
    assert all(panel.get_tightbbox().y1 <= above.y0 for panel in picture.axes)
