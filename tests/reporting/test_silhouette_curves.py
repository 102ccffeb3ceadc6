import json

import pandas as pd
import pytest

from drl.config.drawings import SilhouetteItem
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.silhouette_curves import draw, table
from drl.reporting.style import STYLES
from tests.reporting.jobs import changed, draw_figure

TIMES = (0.9, 0.1, 0.5)
BASES = {"drl_2d_single": "DRL", "vdrl_2d_single": "VDRL"}
SETTINGS = SilhouetteItem(
    study="silhouettes",
    drawn_by="silhouette_curves",
    scale="lite",
    datasets=[["a", "Data A"], ["b", "Data B"]],
    recipes=[[name, label] for name, label in BASES.items()],
    members={name: [f"{name}-t{t}" for t in TIMES] for name in BASES},
)


def value(row: int, base: int, t: float, seed: int) -> float:
    return 0.1 * row + 0.2 * base + t / 2 + 0.03 * seed


@pytest.fixture
def metrics(tmp_path):
    files = []
    for k, dataset in enumerate("ab"):
        rows = [
            {"scale": "lite", "study": "silhouettes", "dataset": dataset, "recipe": f"{name}-t{t}", "seed": seed}
            | {"t": t, "metric": "silhouette", "value": value(k, r, t, seed), "n": 100}
            for r, name in enumerate(BASES)
            for t in TIMES
            for seed in (0, 1, 2)
        ]
        files.append(tmp_path / f"{dataset}.csv")
        write_metrics(files[-1], rows)
    return files


def test_members_of_a_sweep_become_one_recipe(metrics):
    numbers = table(read_all(metrics), SETTINGS)
    assert set(numbers["recipe"]) == set(BASES)
    assert len(numbers) == 2 * 2 * 3
    own = numbers[(numbers["dataset"] == "b") & (numbers["recipe"] == "vdrl_2d_single")].set_index("t")
    for t in TIMES:
        expected = [value(1, 1, t, 1), 0.03, 3]
        assert own.loc[t, ["mean", "sd", "n_seeds"]].tolist() == pytest.approx(expected)


def test_recipes_of_other_items_are_left_out(metrics):
    settings = changed(SETTINGS, recipes=SETTINGS.recipes[:1], members={"drl_2d_single": ["drl_2d_single-t0.5"]})
    numbers = table(read_all(metrics), settings)
    assert (set(numbers["recipe"]), set(numbers["t"])) == ({"drl_2d_single"}, {0.5})


def test_one_line_a_recipe_with_a_band_of_one_deviation(metrics):
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS)
    assert [panel.get_title() for panel in picture.axes] == ["Data A", "Data B"]
    for k, panel in enumerate(picture.axes):
        *curves, zero = panel.get_lines()
        assert list(zero.get_ydata()) == [0, 0]
        assert [line.get_label() for line in curves] == ["DRL", "VDRL"]
        assert [line.get_color() for line in curves] == [STYLES["DRL"].colour, STYLES["VDRL"].colour]
        for r, (line, band) in enumerate(zip(curves, panel.collections, strict=True)):
            assert list(line.get_xdata()) == [0.1, 0.5, 0.9]
            assert list(line.get_ydata()) == pytest.approx([value(k, r, t, 1) for t in (0.1, 0.5, 0.9)])
            heights = band.get_paths()[0].vertices[:, 1]
            assert heights.min() == pytest.approx(value(k, r, 0.1, 0))
            assert heights.max() == pytest.approx(value(k, r, 0.9, 2))
        assert panel.get_xlabel() == "the one $t$ of training"
        assert (panel.get_xlim()[0] < 0, panel.get_xlim()[1] > 1) == (True, True)
    assert picture.axes[0].get_ylabel() == "silhouette of the classes"
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["DRL", "VDRL"]


def test_one_recipe_needs_no_legend(metrics):
    settings = changed(SETTINGS, recipes=SETTINGS.recipes[:1])
    assert draw(table(read_all(metrics), settings), settings).legends == []


def test_all_files_come_out(metrics, tmp_path):
    draw_figure("figure_12", metrics, tmp_path / "f.svg", SETTINGS)
    card = json.loads((tmp_path / "f.svg.json").read_text())
    assert set(card["outputs"]) == {"f.svg", "f.png", "f.csv"}
    assert set(card["inputs"]) == {"a.csv", "b.csv"}
    assert set(pd.read_csv(tmp_path / "f.csv")["n_seeds"]) == {3}


def test_metrics_without_the_sweep_s_members_are_refused(metrics, tmp_path):
    more = {**SETTINGS.members, "other": ["other-t0.5"]}
    settings = changed(SETTINGS, recipes=[*SETTINGS.recipes, ["other", "Other"]], members=more)
    with pytest.raises(UserError, match=r"figure_12: .* nothing of recipe 'other' on dataset 'a'"):
        draw_figure("figure_12", metrics, tmp_path / "f.svg", settings)
    none = changed(SETTINGS, members={name: [] for name in BASES})
    with pytest.raises(UserError, match="nothing of recipe 'drl_2d_single' on dataset 'a'"):
        draw_figure("figure_12", metrics, tmp_path / "f.svg", none)
    assert not list(tmp_path.glob("f.*"))
