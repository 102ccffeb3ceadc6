import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.config.drawings import LearningSpeedItem
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.learning_speed import draw, first_reached, table, two_digits
from tests.reporting.jobs import changed, draw_figure

STEPS = (0, 1000, 2000, 4000)
SETTINGS = LearningSpeedItem(
    study="learning_speed",
    drawn_by="learning_speed",
    scale="lite",
    datasets=[["a", "Data A"]],
    recipes=[["drl", "DRL"], ["drl_edm", "DRL (EDM)"], ["vdrl", "VDRL"], ["vdrl_edm", "VDRL (EDM)"]],
    accuracy=40,
    pairs=[["drl", "drl_edm"], ["vdrl", "vdrl_edm"]],
)
# For each recipe and seed, accuracy at the best t at STEPS. 40 % is reached at 3000 and 2500; 1000 and 500; at 2000
# by one seed only; at 1000 and 1000.
BEST = {
    "drl": ([20, 20, 30, 50], [20, 25, 35, 55]),
    "drl_edm": ([30, 40, 45, 50], [35, 45, 30, 50]),
    "vdrl": ([20, 30, 40, 50], [20, 25, 30, 35]),
    "vdrl_edm": ([20, 40, 45, 50], [30, 40, 45, 50]),
}


def rows(best=BEST, steps=STEPS):
    for recipe, seeds in best.items():
        for seed, values in enumerate(seeds):
            row = {"scale": "lite", "study": "learning_speed", "dataset": "a", "recipe": recipe, "seed": seed}
            for k, (step, value) in enumerate(zip(steps, values, strict=True)):
                # The best t moves; probe seeds differ around the mean, and the single best of them must not count.
                for t, lower in ((0.2, k % 2), (0.8, 1 - k % 2)):
                    for probe_seed, noise in ((0, -3), (1, 3)):
                        one = row | {"step": step, "t": t, "probe_seed": probe_seed}
                        yield one | {"metric": "val_accuracy", "value": value - 5 * lower + noise}
                        yield one | {"metric": "learning_rate", "value": 1e-3}


def numbers_of(best=BEST, steps=STEPS, **changes):
    made = pd.DataFrame(list(rows(best, steps)))
    return table(made, changed(SETTINGS, **changes))


def of(numbers, metric):
    return numbers[numbers["metric"] == metric].set_index("recipe")


def test_accuracy_is_that_of_the_best_t():
    best = of(numbers_of(), "best_t_accuracy")
    assert best.loc["drl", "step"].tolist() == list(STEPS)
    assert best.loc["drl", "mean"].tolist() == pytest.approx([20, 22.5, 32.5, 52.5])
    assert best.loc["drl", "sd"].tolist() == pytest.approx([0, *[12.5**0.5] * 3])
    assert set(best["n_seeds"]) == {2}


def test_steps_are_interpolated_for_each_seed_by_itself():
    steps = of(numbers_of(), "steps_to_accuracy")
    assert steps.loc[["drl", "drl_edm", "vdrl_edm"], "mean"].tolist() == pytest.approx([2750, 750, 1000])
    assert steps.loc[["drl", "drl_edm", "vdrl_edm"], "sd"].tolist() == pytest.approx([125000**0.5, 125000**0.5, 0])
    assert steps.loc[["drl", "drl_edm", "vdrl_edm"], "bound"].tolist() == ["", "", ""]


def test_a_seed_that_never_gets_there_makes_a_bound():
    steps = of(numbers_of(), "steps_to_accuracy").loc["vdrl"]
    assert (steps["bound"], steps["n_seeds"], steps["of_seeds"]) == (">", 1, 2)
    # one seed at 2000, the other beyond 4000
    assert steps["mean"] == 3000
    assert pd.isna(steps["sd"])
    none = of(numbers_of(accuracy=60), "steps_to_accuracy")
    assert set(none["bound"]) == {">"}
    assert set(none["mean"]) == {4000}
    assert set(none["n_seeds"]) == {0}


def test_speed_up_is_the_ratio_of_means_and_keeps_the_bound():
    ratio = of(numbers_of(), "speed_up")
    assert ratio["against"].to_dict() == {"drl_edm": "drl", "vdrl_edm": "vdrl"}
    assert ratio["mean"].tolist() == pytest.approx([2750 / 750, 3.0])
    assert ratio["bound"].tolist() == ["", ">"]


@pytest.mark.parametrize(
    ("slow", "fast", "bound"),
    [
        ([10, 20, 30, 35], [10, 20, 40, 50], ">"),  # the paper's never gets there
        ([10, 20, 40, 50], [10, 20, 30, 35], "<"),  # the other never does
        ([10, 20, 30, 35], [10, 20, 30, 35], None),  # neither
        ([10, 20, 40, 50], [50, 50, 50, 50], ">"),  # the other is there at its first snapshot
        ([50, 50, 50, 50], [10, 20, 40, 50], "<"),
        ([50, 50, 50, 50], [50, 50, 50, 50], None),
        ([10, 20, 30, 35], [50, 50, 50, 50], ">"),
    ],
)
def test_bounds_of_both_recipes_decide_the_ratio_s(slow, fast, bound):
    ratio = of(numbers_of({"drl": (slow,), "drl_edm": (fast,)}, steps=(500, 1000, 2000, 4000)), "speed_up")
    assert ratio["bound"].tolist() == ([] if bound is None else [bound])


def test_bounds_from_both_sides_are_none():
    mixed = numbers_of({"drl": ([50] * 4, [10] * 4), "drl_edm": ([10, 20, 40, 50],) * 2}, steps=(500, 1000, 2000, 4000))
    assert of(mixed, "steps_to_accuracy").loc["drl", "bound"] == "~"
    assert of(mixed, "speed_up").empty


def test_no_ratio_to_a_recipe_that_needs_no_steps():
    numbers = numbers_of({"drl": ([10, 20, 40, 50],), "drl_edm": ([45, 45, 45, 45],)})
    assert of(numbers, "steps_to_accuracy").loc["drl_edm", ["bound", "mean"]].tolist() == ["", 0]
    assert of(numbers, "speed_up").empty


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.floats(0, 100))
def test_the_first_crossing_agrees_with_walking_the_line(values, target):
    steps = np.arange(1, len(values) + 1) * 10.0
    step, bound = first_reached(steps, np.array(values), target)
    before = [value for at, value in zip(steps, values, strict=True) if at < step]
    assert all(value < target for value in before)
    if bound == ">":
        assert (step, max(values) < target) == (steps[-1], True)
    elif bound == "<":
        assert (step, values[0] >= target) == (steps[0], True)
    else:
        assert np.interp(step, steps, values) == pytest.approx(target, abs=1e-6)


@given(st.floats(1e-3, 1e7))
def test_two_digits_keep_bounds_true(value):
    low, near, high = (float(two_digits(value, bound).replace(",", "")) for bound in (">", "", "<"))
    assert low <= value <= high
    assert near == float(f"{value:.1e}")
    assert near in (low, high)
    assert low == pytest.approx(value, rel=0.1)


@pytest.mark.parametrize(
    ("value", "bound", "text"),
    [(0.0, "", "0"), (36.0, ">", "36"), (3137.2, "", "3,100"), (1999999.0, ">", "1,900,000"), (0.2549, "<", "0.26")],
)
def test_two_digits_are_plain_numbers(value, bound, text):
    assert two_digits(value, bound) == text


def test_numbers_are_written_in_words_beside_the_panel():
    picture = draw(numbers_of(), SETTINGS)
    (axes,) = picture.axes
    assert axes.get_legend().get_title().get_text() == "Steps to 40 %"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "DRL\n2,800 steps",
        "DRL (EDM)\n750 steps\n3.7× as fast as DRL",
        "VDRL\n>3,000 steps (1 of 2 seeds)",
        "VDRL (EDM)\n1,000 steps\n>3× as fast as VDRL",
    ]


def test_the_picture_marks_where_recipes_get_there():
    (axes,) = draw(numbers_of(), SETTINGS).axes
    lines = axes.get_lines()
    curves = [line for line in lines if len(line.get_xdata()) == len(STEPS)]
    assert [line.get_label() for line in curves] == ["DRL", "DRL (EDM)", "VDRL", "VDRL (EDM)"]
    marks = [line for line in lines if len(line.get_xdata()) == 1]
    assert [line.get_xdata()[0] for line in marks] == pytest.approx([2750, 750, 1000])  # none for a bound
    assert {line.get_ydata()[0] for line in marks} == {40.0}
    assert axes.get_xlim()[0] == 0


def test_all_files_come_out_and_steps_stay_whole_numbers(tmp_path):
    best = {recipe: ([20, 30, 40, 50],) for recipe, _ in SETTINGS.recipes}
    write_metrics(tmp_path / "m.csv", rows(best, steps=(500000, 1000000, 2000000, 3000000)))
    draw_figure("learning_speed", [tmp_path / "m.csv"], tmp_path / "f.svg", SETTINGS)
    assert ",1000000,best_t_accuracy" in (tmp_path / "f.csv").read_text()


def test_metrics_without_validation_accuracy_are_refused_not_drawn(tmp_path):
    write_metrics(tmp_path / "m.csv", [row for row in rows() if row["metric"] != "val_accuracy"])
    assert table(read_all([tmp_path / "m.csv"]), SETTINGS).empty
    with pytest.raises(UserError, match="nothing of recipe 'drl' on dataset 'a'"):
        draw_figure("learning_speed", [tmp_path / "m.csv"], tmp_path / "f.svg", SETTINGS)


def test_a_pair_that_is_not_drawn_is_left_out():
    numbers = numbers_of({recipe: BEST[recipe] for recipe in ("drl", "drl_edm", "vdrl")})
    assert of(numbers, "speed_up")["against"].tolist() == ["drl"]
