import json
from statistics import stdev

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.config.drawings import TrajectoryItem
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting import style
from drl.reporting.aggregate import read_all
from drl.reporting.t_trajectories import draw, start_colours, table
from tests.reporting.jobs import changed, draw_figure

STARTS = (0.1, 0.9, 0.5)
EPOCHS = 4


def arm(name, start, decays):
    return {"name": name, "label": "DRL", "t_init": start, "weight_decay_on_t": decays}


SETTINGS = TrajectoryItem(
    study="fine_tune",
    drawn_by="t_trajectories",
    scale="lite",
    datasets=[["a", "Data A"], ["b", "Data B"]],
    recipes=[],
    arms=[
        arm(f"drl_{start}{'' if decays else '_free'}", start, decays) for decays in (True, False) for start in STARTS
    ],
    labels={"a": 100, "b": 2000},
)


def value(metric, start, decays, epoch, seed=0):
    pull = (0.5 - start) * epoch / 8 if decays else 0
    return start + pull + (metric == "t") * (0.002 * epoch + 0.01 * seed)


def rows(dataset, arm, start, decays, seed=0, split=12, epochs=EPOCHS, labels=None):
    row = {"scale": "lite", "study": "fine_tune", "dataset": dataset, "recipe": "drl_70k", "arm": arm, "seed": seed}
    row |= {"split": split, "labels": labels or SETTINGS.labels[dataset]}
    for epoch in range(epochs, 0, -1):
        for metric in ("t", "t_without_gradient"):
            yield row | {"epoch": epoch, "metric": metric, "value": value(metric, start, decays, epoch, seed)}
        yield row | {"epoch": epoch, "metric": "accuracy", "value": 50}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def metrics(tmp_path):
    def write(seeds=(0, 2), settings=SETTINGS, **changes):
        files = []
        for dataset, _ in settings.datasets:
            for one in settings.arms:
                for seed in seeds:
                    files.append(tmp_path / f"{dataset}_{one.name}_{seed}.csv")
                    write_metrics(
                        files[-1], rows(dataset, one.name, one.t_init, one.weight_decay_on_t, seed, **changes)
                    )
        return files

    return write


def test_means_and_deviations_over_runs(metrics):
    numbers = table(read_all(metrics()), SETTINGS)
    assert len(numbers) == 2 * 6 * EPOCHS * 2
    assert set(numbers["metric"]) == {"t", "t_without_gradient"}
    own = numbers[(numbers["dataset"] == "b") & (numbers["arm"] == "drl_0.9") & (numbers["epoch"] == 3)]
    learned, decayed = (own[own["metric"] == metric].iloc[0] for metric in ("t", "t_without_gradient"))
    assert learned["mean"] == pytest.approx(value("t", 0.9, True, 3, seed=1))
    assert learned["sd"] == pytest.approx(stdev([0, 0.02]))
    assert (learned["n_seeds"], decayed["n_seeds"], decayed["sd"]) == (2, 2, 0)
    assert decayed["mean"] == pytest.approx(value("t_without_gradient", 0.9, True, 3))


def test_a_run_is_a_pair_of_seed_and_split(tmp_path):
    settings = changed(SETTINGS, datasets=[["a", "A"]], arms=[arm("x", 0.5, True)])
    both = [*rows("a", "x", 0.5, True, split=12), *rows("a", "x", 0.5, True, split=13)]
    numbers = table(pd.DataFrame(both), settings)
    assert set(numbers["n_seeds"]) == {2}


def test_other_numbers_of_labels_and_other_arms_are_left_out(metrics, tmp_path):
    files = metrics()
    write_metrics(tmp_path / "more.csv", rows("a", "drl_0.9", 0.3, True, seed=5, labels=500))
    write_metrics(tmp_path / "other.csv", rows("a", "vdrl", 0.3, True))
    more = [*files, tmp_path / "more.csv", tmp_path / "other.csv"]
    pd.testing.assert_frame_equal(table(read_all(more), SETTINGS), table(read_all(files), SETTINGS))


@pytest.mark.parametrize("lost", ["t", "t_without_gradient", "all"])
def test_an_arm_without_numbers_is_named(metrics, lost):
    frame = read_all(metrics())
    gone = (frame["dataset"] == "b") & (frame["arm"] == "drl_0.5_free") & ((frame["metric"] == lost) | (lost == "all"))
    with pytest.raises(UserError, match=r"of arm 'drl_0.5_free' on b with 2000 labels") as error:
        table(frame[~gone], SETTINGS)
    assert "\n" not in str(error.value)


def test_a_start_that_is_searched_for_is_no_start(metrics):
    settings = changed(SETTINGS, arms=[*SETTINGS.arms, arm("drl_search", "search", True)])
    with pytest.raises(UserError, match="arm 'drl_search' searches its start of t") as error:
        table(read_all(metrics()), settings)
    assert "\n" not in str(error.value)


def test_a_row_a_dataset_and_panels_with_and_without_weight_decay(metrics):
    picture = draw(table(read_all(metrics()), SETTINGS), SETTINGS)
    assert [panel.get_title() for panel in picture.axes[:2]] == ["weight decay on $t$", "no weight decay on $t$"]
    assert [panel.get_xlabel() for panel in picture.axes] == ["", "", "outer epoch", "outer epoch"]
    assert [picture.axes[k].get_ylabel() for k in (0, 2)] == ["Data A, 100 labels\n$t$", "Data B, 2,000 labels\n$t$"]
    for k, panel in enumerate(picture.axes):
        decays = k % 2 == 0
        for j, start in enumerate(STARTS):
            dashed, solid = panel.get_lines()[2 * j : 2 * j + 2]
            assert list(solid.get_xdata()) == [1, 2, 3, 4]
            assert list(solid.get_ydata()) == pytest.approx([value("t", start, decays, e, 1) for e in (1, 2, 3, 4)])
            alone = [value("t_without_gradient", start, decays, e) for e in (1, 2, 3, 4)]
            assert list(dashed.get_ydata()) == pytest.approx(alone)
            assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
            assert solid.get_color() == start_colours(list(STARTS))[start]
            # Both lines may agree, so that each must be seen where the other is: a thin one on a broad one.
            assert dashed.get_zorder() > solid.get_zorder()
            assert dashed.get_linewidth() < solid.get_linewidth() / 3
            assert dashed.get_color() == "black"
            heights = panel.collections[j].get_paths()[0].vertices[:, 1]
            spread = stdev([0, 0.02])
            ends = [value("t", start, decays, epoch, 1) for epoch in (1, EPOCHS)]
            assert heights.min() == pytest.approx(min(ends) - spread)
            assert heights.max() == pytest.approx(max(ends) + spread)
        shade = panel.patches[0]
        assert (shade.get_y(), shade.get_y() + shade.get_height()) == pytest.approx((0.4, 0.6))
        assert panel.get_ylim() == picture.axes[0].get_ylim()
        low, high = panel.get_ylim()
        assert -0.05 < low <= 0 < 1 <= high < 1.05


def test_runs_that_end_early_are_marked_where_they_end(metrics, tmp_path):
    files = [file for file in metrics(seeds=(0,)) if file.name != "a_drl_0.1_0.csv"]
    write_metrics(tmp_path / "short.csv", rows("a", "drl_0.1", 0.1, True, epochs=2))
    picture = draw(table(read_all([*files, tmp_path / "short.csv"]), SETTINGS), SETTINGS)
    ends = [[line for line in panel.get_lines() if line.get_marker() == "|"] for panel in picture.axes]
    assert [len(found) for found in ends] == [1, 0, 0, 0]
    ((end,), *_) = ends
    assert (list(end.get_xdata()), list(end.get_ydata())) == ([2], [pytest.approx(value("t", 0.1, True, 2))])
    assert picture.axes[0].get_xlim()[1] > EPOCHS
    assert "end of\nshorter runs" in [text.get_text() for text in picture.legends[0].get_texts()]
    whole = draw(table(read_all(metrics(seeds=(0,))), SETTINGS), SETTINGS)
    assert "end of\nshorter runs" not in [text.get_text() for text in whole.legends[0].get_texts()]


@pytest.mark.parametrize(("seeds", "said"), [((0,), "one run, so no bands"), ((0, 2), "means over n = 2 runs")])
def test_it_says_over_how_many_runs(metrics, seeds, said):
    assert draw(table(read_all(metrics(seeds=seeds)), SETTINGS), SETTINGS).get_supxlabel().startswith(said)


def test_one_run_has_no_band(metrics):
    picture = draw(table(read_all(metrics(seeds=(0,))), SETTINGS), SETTINGS)
    assert [len(panel.collections) for panel in picture.axes] == [0] * 4


def test_only_the_panels_that_have_arms_are_drawn(metrics):
    settings = changed(SETTINGS, arms=[one for one in SETTINGS.arms if not one.weight_decay_on_t])
    picture = draw(table(read_all(metrics()), settings), settings)
    assert [panel.get_title() for panel in picture.axes] == ["no weight decay on $t$", ""]


def test_one_epoch_can_be_seen(metrics):
    picture = draw(table(read_all(metrics(epochs=1)), SETTINGS), SETTINGS)
    assert {line.get_marker() for panel in picture.axes for line in panel.get_lines()} == {"o"}
    low, high = picture.axes[0].get_xlim()
    assert [tick for tick in picture.axes[0].get_xticks() if low <= tick <= high] == [1]


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=12))
def test_starts_are_told_apart_and_named_from_the_top(starts):
    colours = start_colours(starts)
    assert list(colours) == sorted(set(starts), reverse=True)
    assert len(set(colours.values())) == len(colours)
    assert colours == start_colours(starts[::-1])
    brightness = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue, _ in colours.values()]
    assert brightness == sorted(brightness, reverse=True)
    assert brightness[0] < 0.8


@pytest.mark.parametrize(("count", "datasets", "both"), [(3, 1, False), (12, 1, True), (3, 2, True)])
def test_the_legend_overlaps_nothing(count, datasets, both):
    starts = [round(0.01 + 0.08 * k, 2) for k in range(count)]
    lines = [(f"x{s}{d}", s, d) for d in ([True, False] if both else [True]) for s in starts]
    settings = changed(SETTINGS, datasets=SETTINGS.datasets[:datasets], arms=[arm(*line) for line in lines])
    made = [row for dataset, _ in settings.datasets for line in lines for row in rows(dataset, *line)]
    picture = draw(table(pd.DataFrame(made), settings), settings)
    style.mark_demo(picture)
    picture.draw_without_rendering()
    (legend,) = picture.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:count] == [f"{start:g}" for start in starts[::-1]]
    assert names[count:] == ["without gradient\nfrom data", "where $t$ ended\nin the paper"]
    box = legend.get_window_extent()
    assert (box.x0 >= 0, box.y0 >= 0, box.x1 <= picture.bbox.x1, box.y1 <= picture.bbox.y1) == (True,) * 4
    others = [panel.get_tightbbox() for panel in picture.axes] + [picture._suptitle.get_window_extent()]
    assert not any(box.overlaps(other) for other in others)


def test_all_files_come_out(metrics, tmp_path):
    files = metrics()
    draw_figure("t_trajectory", files, tmp_path / "f.svg", SETTINGS)
    card = json.loads((tmp_path / "f.svg.json").read_text())
    assert set(card["outputs"]) == {"f.svg", "f.png", "f.csv"}
    numbers = pd.read_csv(tmp_path / "f.csv")
    assert list(numbers.columns[2:]) == [
        "dataset",
        "recipe",
        "arm",
        "labels",
        "epoch",
        "metric",
        "mean",
        "sd",
        "n_seeds",
    ]
    assert set(numbers["n_seeds"]) == {2}
