import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.config.drawings import FewShotItem
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.few_shot_curves import draw, table
from tests.reporting.jobs import changed, draw_figure

MEMBERS = ["drl_8d-lambda0.001", "drl_8d-lambda0.0001"]
SETTINGS = FewShotItem(
    study="few_shot",
    drawn_by="few_shot_curves",
    scale="lite",
    datasets=[["a", "Data A"], ["b", "Data B"]],
    recipes=[["drl_8d", "DRL"], ["ae_8d", "AE"]],
    labels=[100, 1000],
    choices={"drl_8d": MEMBERS},
)
TIMES = (0.0, 0.5, 1.0)
# Validation accuracy of the two members: dataset, labels. Their test accuracy points the other way.
VALIDATION = {("a", 100): (30, 20), ("a", 1000): (20, 30), ("b", 100): (25, 25), ("b", 1000): (10, 11)}


def rows():
    for (dataset, labels), validation in VALIDATION.items():
        row = {"scale": "lite", "study": "few_shot", "dataset": dataset, "labels": labels, "split": 12}
        for seed in (0, 1):
            for t in TIMES:
                for member, accuracy in zip(MEMBERS, validation, strict=True):
                    one = row | {"recipe": member, "seed": seed, "t": t}
                    yield one | {"metric": "val_accuracy", "value": accuracy + t}
                    yield one | {"metric": "test_accuracy", "value": 90 - accuracy + 2 * seed + t}
                yield row | {"recipe": "ae_8d", "seed": seed, "t": t, "metric": "test_accuracy", "value": 33 + seed}


@pytest.fixture
def metrics(tmp_path):
    write_metrics(tmp_path / "m.csv", rows())
    return tmp_path / "m.csv"


@pytest.fixture
def frame(metrics):
    return read_all([metrics])


def test_validation_chooses_for_each_dataset_and_number_of_labels(frame):
    numbers = table(frame, SETTINGS)
    assert set(numbers["recipe"]) == {"drl_8d", "ae_8d"}
    assert set(numbers["metric"]) == {"test_accuracy"}
    drl = numbers[numbers["recipe"] == "drl_8d"]
    chosen = drl.groupby(["dataset", "labels"])["chosen_recipe"].unique().map(list).to_dict()
    first, second = [MEMBERS[0]], [MEMBERS[1]]
    assert chosen == {("a", 100): first, ("a", 1000): second, ("b", 100): first, ("b", 1000): second}
    row = drl[(drl["dataset"] == "b") & (drl["labels"] == 1000) & (drl["t"] == 0.5)].iloc[0]
    assert (row["mean"], row["sd"], row["n_seeds"]) == pytest.approx((90 - 11 + 1 + 0.5, 2**0.5, 2))


def test_a_lone_recipe_needs_no_validation(frame):
    numbers = table(frame, changed(SETTINGS, recipes=[["ae_8d", "AE"]], choices={}))
    assert set(numbers["chosen_recipe"]) == {"ae_8d"}
    assert set(numbers["mean"]) == {33.5}
    alone = changed(SETTINGS, recipes=[["drl_8d", "DRL"]], choices={"drl_8d": MEMBERS[1:]})
    without = frame[frame["metric"] == "test_accuracy"]
    assert set(table(without, alone)["chosen_recipe"]) == {MEMBERS[1]}


@given(st.permutations([20.1, 30.2, 40.3, 0.7]))
def test_of_equal_members_the_first_is_chosen_in_whatever_order_their_accuracies_come(values):
    base = {"scale": "lite", "study": "few_shot", "dataset": "a", "labels": 100, "seed": 0}
    ordered = [20.1, 30.2, 40.3, 0.7]
    made = [
        base | {"recipe": member, "t": t, "metric": metric, "value": value}
        for member, several in zip(MEMBERS, (ordered, values), strict=True)
        for t, value in enumerate(several)
        for metric in ("val_accuracy", "test_accuracy")
    ]
    settings = changed(SETTINGS, datasets=[["a", "A"]], recipes=[["drl_8d", "DRL"]], labels=[100])
    assert set(table(pd.DataFrame(made), settings)["chosen_recipe"]) == {MEMBERS[0]}


def test_panels_are_datasets_by_numbers_of_labels(frame):
    picture = draw(table(frame, SETTINGS), SETTINGS)
    titles = [axes.get_title() for axes in picture.axes]
    assert titles == ["(a) 100 labels", "(b) 1,000 labels", "(c) 100 labels", "(d) 1,000 labels"]
    assert [picture.axes[k].get_ylabel() for k in (0, 2)] == ["Data A\ntest accuracy (%)", "Data B\ntest accuracy (%)"]
    for axes in picture.axes:
        drl, ae = axes.get_lines()
        assert list(drl.get_xdata()) == list(TIMES)
        assert list(ae.get_ydata()) == [33.5] * 3
        assert len(axes.collections) == 2
    assert list(picture.axes[0].get_lines()[0].get_ydata()) == pytest.approx([61 + t for t in TIMES])
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["DRL", "AE"]


def test_all_files_come_out(metrics, tmp_path):
    draw_figure("figure_8", [metrics], tmp_path / "f.svg", SETTINGS)
    assert set(pd.read_csv(tmp_path / "f.csv")["chosen_recipe"]) == {*MEMBERS, "ae_8d"}
    assert (tmp_path / "f.png").stat().st_size > 0


def test_what_cannot_be_chosen_from_is_named(frame):
    more = changed(SETTINGS, choices={"drl_8d": [*MEMBERS, "drl_8d-lambda1"]})
    with pytest.raises(UserError, match=r"a, 100 labels: .* no rows of recipe 'drl_8d-lambda1'"):
        table(frame, more)
    blind = frame[(frame["metric"] != "val_accuracy") | (frame["recipe"] == MEMBERS[0])]
    with pytest.raises(UserError, match=rf"recipe '{MEMBERS[1]}' .* no val_accuracy .*measure it again"):
        table(blind, SETTINGS)
    partial = frame[(frame["recipe"] != "ae_8d") | (frame["labels"] != 1000)]
    with pytest.raises(UserError, match=r"a, 1000 labels: .* no rows of recipe 'ae_8d'"):
        table(partial, SETTINGS)


def test_only_the_settings_numbers_of_labels_are_drawn(frame):
    settings = changed(SETTINGS, labels=[1000])
    numbers = table(frame, settings)
    assert set(numbers["labels"]) == {1000}
    assert [axes.get_title() for axes in draw(numbers, settings).axes] == ["(a) 1,000 labels", "(b) 1,000 labels"]
    with pytest.raises(UserError, match=r"a, 7 labels: .* no rows of recipe 'drl_8d-lambda0.001'"):
        table(frame, changed(SETTINGS, labels=[7]))
