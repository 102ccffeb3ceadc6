import json

import pandas as pd
import pytest

from drl.config.drawings import ItemJob
from drl.config.theory import DATASET, RECIPES
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.style import STYLES
from drl.reporting.theory import draw, table
from tests.reporting.jobs import draw_figure

TIMES = (0.0, 0.5, 1.0)
SETTINGS = ItemJob(
    study="theory",
    drawn_by="theory",
    scale="lite",
    datasets=[list(DATASET)],
    recipes=[list(pair) for pair in RECIPES],
)
BEST = {0: 0.5, 1: 1.0}


def constant(t: float) -> float:
    return 2.0 - 1.9 * t


def accuracy(t: float, seed: int) -> float:
    return 50 + 40 * t - 30 * t**2 + 2 * seed


def rows(seed: int):
    def row(recipe, metric, value, t="", arm=""):
        cells = {"scale": "lite", "study": "theory", "dataset": "mixture", "recipe": recipe, "seed": seed}
        return cells | {"t": t, "arm": arm, "metric": metric, "value": value, "n": 100}

    for t in TIMES:
        yield row("exact", "constant", constant(t) + 0.01, t)
        yield row("exact", "constant_se", 0.005 * constant(t), t)
        yield row("exact", "constant_quadrature", constant(t), t)
        for recipe, share in (("unconditional", 0.02), ("drl", -0.4)):
            yield row(recipe, "excess", (share + 0.01 * seed) * constant(t), t)
            yield row(recipe, "denoising_loss", (1 + share + 0.01 * seed) * constant(t), t)
        yield row("drl", "test_accuracy", accuracy(t, seed), t)
        yield row("drl", "reconstruction_error", 0.1 + 0.1 * t, t)
    for recipe, percent in (("exact", 99.0), ("ae", 55.0 + seed)):
        yield row(recipe, "test_accuracy", percent)
        yield row(recipe, "reconstruction_error", 0.2 if recipe == "ae" else 0.01)
    yield row("drl", "test_accuracy", accuracy(BEST[seed], seed), BEST[seed], "best_t")
    yield row("drl", "reconstruction_error", 0.1 + 0.1 * BEST[seed], BEST[seed], "best_t")


@pytest.fixture
def metrics(tmp_path):
    files = [tmp_path / f"seed{seed}.csv" for seed in BEST]
    for seed, file in enumerate(files):
        write_metrics(file, rows(seed))
    return files


def of(numbers, recipe, metric, arm=""):
    return numbers[(numbers["recipe"] == recipe) & (numbers["metric"] == metric) & (numbers["arm"] == arm)]


def test_excess_is_shown_in_percent_of_the_constant(metrics):
    numbers = table(read_all(metrics), SETTINGS)
    for recipe, mean in (("unconditional", 2.5), ("drl", -39.5)):
        found = of(numbers, recipe, "relative_excess")
        assert found["t"].tolist() == list(TIMES)
        assert found["mean"].tolist() == pytest.approx([mean] * 3)
        assert found["sd"].tolist() == pytest.approx([0.5**0.5] * 3)


def test_seeds_that_choose_another_t_are_averaged_all_the_same(metrics):
    numbers = table(read_all(metrics), SETTINGS)
    (best,) = of(numbers, "drl", "test_accuracy", "best_t").itertuples()
    assert best.mean == pytest.approx((accuracy(0.5, 0) + accuracy(1.0, 1)) / 2)
    (t,) = of(numbers, "drl", "best_t", "best_t").itertuples()
    assert (t.mean, t.sd, t.n_seeds) == (0.75, pytest.approx(0.5**0.5 / 2), 2)
    assert pd.isna(t.t)
    # What has no t of its own is not lost.
    assert of(numbers, "ae", "test_accuracy")["mean"].tolist() == [55.5]


def test_four_panels_show_what_they_say(metrics):
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS)
    losses, excess, accuracies, errors = picture.axes
    assert [line.get_label() for line in losses.get_lines()] == ["constant of Eq. 6", "unconditional", "DRL"]
    assert losses.get_yscale() == "log"
    assert list(losses.get_lines()[0].get_ydata()) == pytest.approx([constant(t) for t in TIMES])
    assert list(losses.get_lines()[2].get_ydata()) == pytest.approx([0.605 * constant(t) for t in TIMES])
    assert list(excess.get_lines()[0].get_ydata()) == pytest.approx([2.5] * 3)
    band = excess.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (pytest.approx(-1), pytest.approx(1))
    lines = {line.get_label(): line for line in accuracies.get_lines()}
    assert list(lines["DRL"].get_ydata()) == pytest.approx([accuracy(t, 0) + 1 for t in TIMES])
    assert set(lines["AE"].get_ydata()) == {55.5}
    assert set(lines["read from $x_0$ itself"].get_ydata()) == {99}
    (star,) = [line for name, line in lines.items() if name.startswith("best")]
    assert list(star.get_xdata()) == [0.75]
    assert lines["DRL"].get_color() == lines["DRL"].get_markeredgecolor() == STYLES["DRL"].colour
    assert {line.get_label() for line in errors.get_lines()} == {"DRL", "AE", "read from $x_0$ itself"}
    assert [panel.get_title(loc="left")[:3] for panel in picture.axes] == ["(a)", "(b)", "(c)", "(d)"]


def test_all_files_come_out(metrics, tmp_path):
    draw_figure("theory", metrics, tmp_path / "f.svg", SETTINGS)
    card = json.loads((tmp_path / "f.svg.json").read_text())
    assert set(card["outputs"]) == {"f.svg", "f.png", "f.csv"}
    assert set(card["inputs"]) == {"seed0.csv", "seed1.csv"}
    drawn = pd.read_csv(tmp_path / "f.csv")
    assert set(drawn["n_seeds"]) == {2}
    assert {"relative_excess", "best_t"} <= set(drawn["metric"])


def test_a_file_without_the_autoencoder_is_refused(tmp_path):
    write_metrics(tmp_path / "part.csv", [row for row in rows(0) if row["recipe"] != "ae"])
    with pytest.raises(UserError, match="theory: the metrics files hold nothing of recipe 'ae' on dataset 'mixture'"):
        draw_figure("theory", [tmp_path / "part.csv"], tmp_path / "f.svg", SETTINGS)


def test_the_legend_names_each_line_once_and_is_below_all_panels(metrics):
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS)
    picture.draw_without_rendering()
    (legend,) = picture.legends
    texts = [text.get_text() for text in legend.get_texts()]
    drawn = {label for panel in picture.axes for label in panel.get_legend_handles_labels()[1]}
    assert len(texts) == len(set(texts))
    assert set(texts) == drawn
    assert all(panel.get_legend() is None for panel in picture.axes)
    assert all(panel.get_tightbbox().y0 >= legend.get_window_extent().y1 for panel in picture.axes)
