from itertools import pairwise

import pandas as pd
import pytest

from drl.config.drawings import ProbeItem
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.probe_curves import draw, table
from drl.reporting.style import STYLES
from tests.reporting.jobs import changed, draw_figure

RECIPES = ["VDRL", "DRL", "AE", "VAE", "SimCLR", "SimCLR-Gauss", "DAE", "CDAE"]
SETTINGS = ProbeItem(
    study="probe",
    drawn_by="probe_curves",
    scale="lite",
    datasets=[["a", "Data A"], ["b", "Data B"]],
    recipes=[[label.lower(), label] for label in RECIPES],
    budgets={"a": 50, "b": 60},
    trajectory=True,
)


def rows():
    for dataset, labels in SETTINGS.budgets.items():
        for r, (recipe, _) in enumerate(SETTINGS.recipes):
            for seed in (0, 1):
                for probe_seed in (0, 1):
                    row = {"scale": "lite", "study": "probe", "dataset": dataset, "recipe": recipe, "seed": seed}
                    row |= {"probe_seed": probe_seed, "labels": labels, "metric": "test_accuracy"}
                    value = 40 + r + 2 * seed + probe_seed
                    for t in (0.0, 0.5, 1.0):
                        yield row | {"t": t, "value": value + t}
                    yield row | {"arm": "chosen", "t": 0.5 + 0.5 * seed, "value": value + 10}
                    yield row | {"arm": "concatenated", "value": value + 20}
                    yield row | {"arm": "concatenated", "value": 0, "labels": 10}
                yield row | {"arm": "chosen", "t": 0.5 + 0.5 * seed, "value": 99, "metric": "val_accuracy"}


@pytest.fixture
def frame(tmp_path):
    write_metrics(tmp_path / "m.csv", rows())
    return read_all([tmp_path / "m.csv"])


def test_marks_are_rows_of_their_own(frame):
    numbers = table(frame, SETTINGS)
    assert numbers["arm"].value_counts().to_dict() == {"": 2 * 8 * 3, "chosen": 2 * 8, "concatenated": 2 * 8}
    own = numbers[(numbers["dataset"] == "b") & (numbers["recipe"] == "drl")].set_index("arm")
    assert own.loc["", "mean"].tolist() == pytest.approx([42.5, 43.0, 43.5])
    assert own.loc["chosen", ["t", "mean", "sd", "n_seeds"]].tolist() == pytest.approx([0.75, 52.5, 2**0.5, 2])
    assert own.loc["concatenated", ["mean", "sd", "n_seeds"]].tolist() == pytest.approx([62.5, 2**0.5, 2])
    assert pd.isna(own.loc["concatenated", "t"])


def test_switched_off_marks_leave_the_figure_as_it_is_without(frame):
    off = changed(SETTINGS, trajectory=False)
    plain = table(frame[frame["arm"] == ""], off)
    assert set(plain["arm"]) == {""}
    pd.testing.assert_frame_equal(table(frame, off), plain)
    assert [axes.get_title() for axes in draw(plain, off).axes] == ["Data A, 50 labels", "Data B, 60 labels"]


def test_marks_that_are_wanted_but_not_there_are_named(frame):
    recipe = frame["recipe"].iloc[-1]
    without = frame[(frame["recipe"] != recipe) | (frame["arm"] != "chosen")]
    with pytest.raises(UserError, match=f"no probes of the whole trajectory of recipe '{recipe}'"):
        table(without, SETTINGS)


def test_arms_read_back_as_missing_cells_count_as_curves(frame):
    missing = frame.assign(arm=frame["arm"].replace("", None))
    pd.testing.assert_frame_equal(table(missing, SETTINGS), table(frame, SETTINGS))


def test_a_strip_beside_each_panel_shows_both_marks_of_every_recipe(frame):
    picture = draw(table(frame, SETTINGS), SETTINGS)
    panels, strips = picture.axes[::2], picture.axes[1::2]
    assert [len(panel.get_lines()) for panel in panels] == [8, 8]
    for panel, strip in zip(panels, strips, strict=True):
        names = [name.get_text().replace("\n", " ") for name in strip.get_xticklabels()]
        assert names == ["chosen $t$ †", "all $t$ †"]
        assert strip.get_ylim() == panel.get_ylim()
        assert strip.get_shared_y_axes().joined(panel, strip)
        marks = [container.lines[0] for container in strip.containers]
        assert [mark.get_color() for mark in marks] == [STYLES[label].colour for label in RECIPES for _ in range(2)]
        heights = [mark.get_ydata()[0] for mark in marks]
        assert heights == pytest.approx([41.5 + r + rise for r in range(8) for rise in (10, 20)])
        # 8 marks on either side of the line between the positions, each at a place of its own, in order
        places = [mark.get_xdata()[0] for mark in marks]
        chosen, every = places[::2], places[1::2]
        assert chosen == sorted(set(chosen))
        assert max(chosen) < 0.5 < min(every)
        bar = strip.containers[0].lines[2][0].get_segments()[0]
        assert bar[:, 1].tolist() == pytest.approx([51.5 - 2**0.5, 51.5 + 2**0.5])


def test_neighbouring_marks_do_not_touch(frame):
    picture = draw(table(frame, SETTINGS), SETTINGS)
    picture.draw_without_rendering()
    strip = picture.axes[1]
    marks = [container.lines[0] for container in strip.containers][::2]
    places = [strip.transData.transform((mark.get_xdata()[0], 0))[0] * 72 / picture.dpi for mark in marks]
    gaps = [right - left for left, right in pairwise(places)]
    assert min(gaps) > marks[0].get_markersize()


def test_the_csv_keeps_the_arm(tmp_path):
    write_metrics(tmp_path / "m.csv", rows())
    draw_figure("figure_4", [tmp_path / "m.csv"], tmp_path / "f.svg", SETTINGS)
    written = pd.read_csv(tmp_path / "f.csv")
    assert set(written["arm"].fillna("")) == {"", "chosen", "concatenated"}
