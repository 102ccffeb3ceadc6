import json
from collections import Counter
from itertools import product
from statistics import mean, stdev

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from drl.config.drawings import FineTuningItem
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.fine_tuning_paper import ARMS, DATASETS, published
from drl.reporting.fine_tuning_runs import Setting
from drl.reporting.fine_tuning_tables import sheet, table
from drl.reporting.paper_values import paper_values
from tests.reporting.jobs import changed, make_table


def arm(name, label, baseline=False):
    return {"name": name, "label": label, "baseline": baseline}


NONE, MIXED, DRL = arm("none", "None", True), arm("none_mixup", "None mixup", True), arm("drl", "DRL")
SETTINGS = FineTuningItem(
    study="fine_tune",
    drawn_by="fine_tuning_tables",
    scale="lite",
    number=1,
    layout="settings_down",
    datasets=[["cifar10", "CIFAR-10"], ["mnist", "MNIST"]],
    arms=[NONE, DRL],
    labels=[["mnist", [50]], ["cifar10", [100, 4000]]],
    reading={"epoch": None, "select": "last"},
    difference=False,
    beyond=[],
    seeds=[0],
    splits=[12],
    published="digest",
)
PLACES = [("cifar10", 100), ("cifar10", 4000), ("mnist", 50)]
OFFICIAL = {
    "arm": "drl_official",
    "label": "DRL, authors' data",
    "in_place_of": "drl",
    "dataset": "cifar10",
    "labels": 4000,
}


def run(arm, place, values, seed=0, split=12, validation=(), metric="accuracy"):
    """Rows of one run, an outer epoch a value; latest first, for files need not be in order."""
    row = {"scale": "", "study": "fine_tune", "dataset": place[0], "labels": place[1], "arm": arm}
    row |= {"recipe": "" if arm.startswith("none") else "drl_70k", "seed": seed, "split": split}
    for name, series in ((metric, values), ("validation_accuracy", validation), ("loss", values), ("t", values)):
        for epoch in range(len(series), 0, -1):
            yield row | {"epoch": epoch, "metric": name, "value": series[epoch - 1]}


def frame_of(*runs):
    return pd.DataFrame([row for rows in runs for row in rows])


def whole(arms=("none", "drl"), places=PLACES, seeds=(0,), splits=(12,), last=None):
    """All runs, three epochs each; `last` gives the last accuracy of arm, place, seed and split."""
    last = last or (lambda arm, place, seed, split: 50 + len(arm) + 10 * PLACES.index(place) + seed)
    return frame_of(
        *(
            run(arm, place, [10.0, 20.0 + len(arm), last(arm, place, seed, split)], seed, split)
            for arm, place, seed, split in product(arms, places, seeds, splits)
        )
    )


def made(frame, **changes):
    settings = changed(SETTINGS, **changes)
    return sheet(table(frame, settings), settings)


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_row_a_setting_and_a_column_an_arm_in_the_order_of_the_settings():
    found = made(whole())
    assert found.header == ["Dataset", "Labels", "None", "DRL"]
    assert found.rows == [
        ["CIFAR-10", "100", "54.00", "53.00"],
        ["CIFAR-10", "4000", "64.00", "63.00"],
        ["MNIST", "50", "74.00", "73.00"],
    ]
    turned = made(whole(), datasets=SETTINGS.datasets[::-1], arms=[DRL, NONE])
    assert turned.header[2:] == ["DRL", "None"]
    assert [row[:3] for row in turned.rows] == [
        ["MNIST", "50", "73.00"],
        ["CIFAR-10", "100", "53.00"],
        ["CIFAR-10", "4000", "63.00"],
    ]


def test_a_row_an_arm_and_a_column_a_setting():
    found = made(whole(), layout="arms_down")
    assert found.header == ["Pretraining", "CIFAR-10, 100 labels", "CIFAR-10, 4000 labels", "MNIST, 50 labels"]
    assert found.rows == [["None", "54.00", "64.00", "74.00"], ["DRL", "53.00", "63.00", "73.00"]]


@pytest.mark.parametrize(("epoch", "value", "read"), [(None, 53.0, 3), (3, 53.0, 3), (2, 23.0, 2), (1, 10.0, 1)])
def test_the_accuracy_is_read_where_it_should_be(epoch, value, read):
    numbers = table(whole(), changed(SETTINGS, reading={"epoch": epoch, "select": "last"}))
    row = numbers[(numbers["arm"] == "drl") & (numbers["labels"] == 100)].iloc[0]
    assert row[["mean", "sd", "n", "epoch"]].tolist() == [value, 0, 1, read]


@pytest.mark.parametrize(("epoch", "value", "read"), [(None, 71.0, 4), (4, 71.0, 4), (3, 30.0, 2), (1, 99.0, 1)])
def test_the_epoch_is_chosen_on_validation_images_and_the_first_of_equals(epoch, value, read):
    # The best test accuracy is the first epoch's, whose validation accuracy is the worst.
    runs = [
        run(arm, place, [99.0, 30.0, 40.0, 71.0, 72.0], validation=[1.0, 5.0, 5.0, 9.0, 9.0])
        for arm, place in product(("none", "drl"), PLACES)
    ]
    numbers = table(frame_of(*runs), changed(SETTINGS, reading={"epoch": epoch, "select": "best_val"}))
    assert set(numbers["mean"]) == {value}
    assert set(numbers["epoch"]) == {read}


@examples(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 100)), min_size=1, max_size=8), st.data())
def test_the_reading_is_that_of_a_plain_search(epochs, data):
    stop = data.draw(st.none() | st.integers(1, len(epochs)))
    validation, test = [[float(pair[k]) for pair in epochs] for k in (0, 1)]
    place = ("cifar10", 100)
    settings = changed(SETTINGS, arms=[DRL], labels=[["cifar10", [100]]], datasets=[["cifar10", "C"]])
    settings = changed(settings, reading={"epoch": stop, "select": "best_val"})
    (number,) = table(frame_of(run("drl", place, test, validation=validation)), settings).itertuples()
    seen = validation[:stop]
    assert number.mean == test[seen.index(max(seen))]


def test_replicates_are_pairs_of_seed_and_split():
    last = {(0, 12): 60.0, (0, 13): 64.0, (1, 12): 70.0, (1, 13): 80.0}
    frame = whole(seeds=(1, 0), splits=(13, 12), last=lambda arm, place, *pair: last[pair] + len(arm))
    changes = {"seeds": [0, 1], "splits": [12, 13]}
    numbers = table(frame, changed(SETTINGS, **changes))
    assert set(numbers["n"]) == {4}
    values = [value + 3 for value in last.values()]
    drl = numbers[numbers["arm"] == "drl"]
    assert drl["mean"].tolist() == pytest.approx([mean(values)] * 3)
    assert drl["sd"].tolist() == pytest.approx([stdev(values)] * 3)
    assert made(frame, **changes).rows[0] == ["CIFAR-10", "100", "72.50 ± 8.70", "71.50 ± 8.70"]


def test_each_seed_may_have_a_split_of_its_own():
    frame = pd.concat([whole(seeds=(seed,), splits=(12 + seed,)) for seed in (0, 1, 2)])
    changes = {"seeds": [0, 1, 2], "splits": [12, 13, 14]}
    assert set(table(frame, changed(SETTINGS, **changes))["n"]) == {3}
    lost = (frame["arm"] == "drl") & (frame["dataset"] == "mnist") & (frame["seed"] == 1)
    with pytest.raises(UserError, match=r"no run of arm 'drl' on mnist with 50 labels \(seed 1, split 13\);") as error:
        table(frame[~lost], changed(SETTINGS, **changes))
    one_line(error)


@pytest.mark.parametrize(("changes", "name"), [({"seeds": [0, 1]}, "seed 1"), ({"splits": [11, 12]}, "split 11")])
def test_a_seed_or_split_that_no_arm_was_run_with_is_named(changes, name):
    other = frame_of(run("ae", PLACES[0], [1.0], seed=1), run("ae", PLACES[0], [1.0], split=11))
    with pytest.raises(UserError, match=f"table_1: the metrics files have no run of {name} for any arm;") as error:
        table(pd.concat([whole(), other]), changed(SETTINGS, **changes))
    one_line(error)


def test_runs_of_other_tables_seeds_and_splits_are_left_out():
    more = [run("ae", PLACES[0], [99.0]), run("drl", ("cifar10", 500), [99.0]), run("drl", PLACES[0], [99.0], seed=7)]
    more += [run("drl", PLACES[0], [99.0], split=13), run("drl", ("other", 100), [99.0])]
    both = pd.concat([whole(), frame_of(*more)])
    pd.testing.assert_frame_equal(table(both, SETTINGS), table(whole(), SETTINGS))


def test_the_difference_is_of_runs_with_the_same_seed_and_split():
    values = {"none": [40.0, 60.0, 80.0], "drl": [41.0, 62.0, 84.0]}
    frame = whole(seeds=(2, 0, 1), last=lambda arm, place, seed, split: values[arm][seed])
    changes = {"number": 2, "difference": True, "seeds": [0, 1, 2]}
    numbers = table(frame, changed(SETTINGS, **changes))
    gains = numbers[numbers["metric"] == "difference"]
    assert gains["arm"].tolist() == ["drl"] * 3
    assert gains["mean"].tolist() == pytest.approx([7 / 3] * 3)
    # Unpaired, it would be near 30.
    assert gains["sd"].tolist() == pytest.approx([stdev([1, 2, 4])] * 3)
    assert set(gains["n"]) == {3}
    found = made(frame, **changes)
    assert found.header == ["Dataset", "Labels", "None", "DRL", "Improvement"]
    assert found.rows[0] == ["CIFAR-10", "100", "60.00 ± 20.00", "**62.33 ± 21.50**", "+2.33 ± 1.53"]


@examples(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 10000)] * 2), min_size=1, max_size=4))
def test_the_mean_difference_is_the_difference_of_the_means(pairs):
    values = {arm: [pair[k] / 100 for pair in pairs] for k, arm in enumerate(("none", "drl"))}
    seeds = list(range(len(pairs)))
    place = PLACES[0]
    frame = frame_of(*(run(arm, place, [values[arm][seed]], seed) for arm in values for seed in seeds))
    settings = changed(SETTINGS, labels=[["cifar10", [100]]], datasets=[["cifar10", "C"]], difference=True)
    numbers = table(frame, changed(settings, seeds=seeds)).set_index(["metric", "arm"])["mean"]
    gap = numbers["accuracy", "drl"] - numbers["accuracy", "none"]
    assert numbers["difference", "drl"] == pytest.approx(gap, abs=1e-9)


@pytest.mark.parametrize(("gain", "cell"), [(5.67, "+5.67"), (-0.47, "−0.47"), (0.0, "+0.00"), (-0.001, "+0.00")])
def test_a_difference_has_a_sign(gain, cell):
    frame = whole(last=lambda arm, *_: 50 + gain * (arm == "drl"))
    assert [row[-1] for row in made(frame, difference=True).rows] == [cell] * 3


def test_several_pretrained_arms_have_a_difference_each():
    frame = whole(arms=("none", "drl", "ae"), last=lambda arm, *_: {"none": 50, "drl": 53, "ae": 49}[arm])
    found = made(frame, arms=[NONE, DRL, arm("ae", "Autoencoder")], difference=True)
    assert found.header[-2:] == ["Improvement, DRL", "Improvement, Autoencoder"]
    assert found.rows[0][-2:] == ["+3.00", "−1.00"]


def test_a_difference_needs_an_arm_without_pretraining():
    with pytest.raises(UserError, match="table_2: every arm has pretraining") as error:
        table(whole(), changed(SETTINGS, number=2, arms=[DRL], difference=True))
    one_line(error)


@pytest.mark.parametrize("layout", ["settings_down", "arms_down"])
def test_bold_is_what_beats_every_arm_without_pretraining_in_its_setting(layout):
    values = {
        "none": [50, 60, 70],
        "none_mixup": [51, 59, 70],
        "drl": [50.5, 60.01, 70],
        "ae": [51.004, 59.5, 71],
    }
    frame = whole(arms=tuple(values), last=lambda arm, place, *_: values[arm][PLACES.index(place)])
    found = made(frame, layout=layout, arms=[NONE, MIXED, DRL, arm("ae", "Autoencoder")])
    cells = [row[1:] for row in found.rows] if layout == "arms_down" else list(zip(*found.rows, strict=True))[2:]
    # 51.00 is bold above 51.00, for means are compared and not what is printed of them; 70 does not beat 70.
    assert [list(column) for column in cells] == [
        ["50.00", "60.00", "70.00"],
        ["51.00", "59.00", "70.00"],
        ["50.50", "**60.01**", "70.00"],
        ["**51.00**", "59.50", "**71.00**"],
    ]


def test_nothing_is_bold_where_no_arm_goes_without_pretraining():
    found = made(whole(arms=("vdrl", "drl")), arms=[arm("vdrl", "VDRL"), DRL])
    assert "**" not in str(found.rows)
    assert "Bold" not in found.caption


def test_equal_runs_in_another_order_beat_nobody():
    # Sums of these in the two orders differ in the last bit.
    values = {"none": [0.1, 0.2, 0.3], "drl": [0.3, 0.2, 0.1]}
    frame = whole(seeds=(0, 1, 2), last=lambda arm, place, seed, split: values[arm][seed])
    assert "**" not in str(made(frame, seeds=[0, 1, 2]).rows)


def test_a_row_beyond_the_paper_stands_under_the_table():
    frame = pd.concat([whole(), frame_of(run("drl_official", ("cifar10", 4000), [70.0]))])
    found = made(frame, beyond=[OFFICIAL])
    assert found.rows[:-1] == made(whole()).rows
    assert found.rows[-1] == ["CIFAR-10, DRL, authors' data (beyond the paper)", "4000", "", "**70.00**"]
    twice = made(frame, beyond=[OFFICIAL] * 2)
    assert twice.rows[-2:] == [found.rows[-1]] * 2
    with_gain = made(frame, beyond=[OFFICIAL], difference=True)
    assert with_gain.rows[-1][-2:] == ["**70.00**", ""]
    turned = made(frame, beyond=[OFFICIAL], layout="arms_down")
    assert turned.rows[-1] == ["DRL, authors' data (beyond the paper)", "", "**70.00**", ""]


def test_a_row_beyond_the_paper_may_be_of_a_setting_that_nothing_else_was_run_in():
    row = OFFICIAL | {"dataset": "elsewhere", "labels": 7}
    frame = pd.concat([whole(), frame_of(run("drl_official", ("elsewhere", 7), [70.0]))])
    assert made(frame, beyond=[row]).rows[-1][1:] == ["7", "", "70.00"]
    with pytest.raises(UserError, match="belongs to column elsewhere with 7 labels") as error:
        made(frame, beyond=[row], layout="arms_down")
    one_line(error)
    with pytest.raises(UserError, match="belongs to column vdrl, which this table does not have") as error:
        made(frame, beyond=[row | {"in_place_of": "vdrl"}])
    one_line(error)


@pytest.mark.parametrize("lost", [("drl", "mnist", 50, 1, 12), ("none", "cifar10", 4000, 0, 13)])
def test_a_missing_run_is_named(lost):
    frame = whole(seeds=(0, 1), splits=(12, 13))
    keys = frame[["arm", "dataset", "labels", "seed", "split"]].apply(tuple, axis=1)
    arm, dataset, labels, seed, split = lost
    with pytest.raises(UserError) as error:
        table(frame[keys != lost], changed(SETTINGS, seeds=[0, 1], splits=[12, 13]))
    name = f"no run of arm '{arm}' on {dataset} with {labels} labels (seed {seed}, split {split});"
    assert name in one_line(error)


def test_many_missing_runs_are_counted():
    with pytest.raises(UserError) as error:
        table(whole(arms=("none",)), changed(SETTINGS, arms=[NONE, DRL, MIXED]))
    assert one_line(error).count("arm '") == 5
    assert " and 1 more; give all files" in str(error.value)
    with pytest.raises(UserError, match="no run of arm 'drl_official' on cifar10 with 4000 labels"):
        table(whole(), changed(SETTINGS, beyond=[OFFICIAL]))


def test_a_run_that_ends_before_the_reading_is_named():
    short = frame_of(
        run("drl", PLACES[0], [1.0, 2.0]), run("drl", PLACES[1], [1.0] * 3), run("drl", PLACES[2], [1.0] * 3)
    )
    reading = {"reading": {"epoch": 3, "select": "last"}}
    with pytest.raises(
        UserError, match=r"arm 'drl' on cifar10 with 100 labels .* ends after outer epoch 2, .* 3;"
    ) as error:
        table(short, changed(SETTINGS, arms=[DRL], **reading))
    one_line(error)
    untested = frame_of(run("drl", PLACES[0], [], validation=[1.0, 2.0]))
    only = {"arms": [DRL], "labels": [["cifar10", [100]]], "datasets": [["cifar10", "C"]]}
    with pytest.raises(UserError, match="ends after outer epoch 0"):
        table(untested, changed(SETTINGS, **only))


def test_a_choice_on_validation_images_needs_some():
    with pytest.raises(
        UserError, match=r"arm 'none' on cifar10 with 100 labels .* has no validation_accuracy"
    ) as error:
        table(whole(), changed(SETTINGS, reading={"epoch": None, "select": "best_val"}))
    one_line(error)
    gap = frame_of(run("drl", PLACES[0], [1.0, 2.0, 3.0], validation=[1.0, 2.0, 1.0]))
    gap = gap[(gap["metric"] != "accuracy") | (gap["epoch"] != 2)]
    settings = changed(SETTINGS, arms=[DRL], labels=[["cifar10", [100]]], datasets=[["cifar10", "C"]])
    with pytest.raises(UserError, match="has no test accuracy after outer epoch 2"):
        table(gap, changed(settings, reading={"epoch": None, "select": "best_val"}))


def test_a_run_that_is_there_twice_is_refused():
    with pytest.raises(UserError, match=r"arm 'drl' on mnist with 50 labels .* occurs twice") as error:
        table(pd.concat([whole(), frame_of(run("drl", PLACES[2], [1.0]))]), SETTINGS)
    one_line(error)


def test_every_published_accuracy_is_reached_once():
    reached = Counter()
    for number, arms in ARMS.items():
        printed = paper_values(number)
        settings = {(row.dataset, int(row.labels)) for row in printed.itertuples()}
        names = {title: name for name, title in DATASETS.items()}
        for arm, (dataset, labels) in product(arms, settings):
            value = published(number, "accuracy", arm, Setting(names[dataset], labels))
            assert value is not None
            method, variant = arms[arm]
            reached[number, dataset, str(labels), method, variant] += 1
    wanted = {
        (number, row.dataset, str(row.labels), row.method, row.variant)
        for number in range(1, 6)
        for row in paper_values(number).itertuples()
        if row.metric == "accuracy_pct"
    }
    # 55 + 22 + 15 + 9 + 55; the other 11 of Table 2 are differences.
    assert len(wanted) == 156
    assert reached == Counter(wanted)


@pytest.mark.parametrize(
    ("number", "arm", "place", "value"),
    [
        (1, "none", ("cifar10", 100), 73.68),
        (1, "none_mixup", ("cifar10", 100), 75.29),
        (1, "drl", ("cifar10", 100), 74.31),
        (1, "drl_mixup", ("cifar10", 100), 64.67),
        (1, "vdrl", ("miniimagenet", 10000), 67.46),
        (2, "none", ("cifar100", 20000), 65.77),
        (2, "drl", ("cifar100", 20000), 66.39),
        (3, "none_mixup", ("cifar10", 100), 54.06),
        (3, "drl_search", ("cifar100", 1000), 47.08),
        (3, "ae", ("miniimagenet", 4000), 48.52),
        (4, "ae", ("cifar10", 100), 58.84),
        (4, "drl", ("cifar10", 100), 74.31),
        (5, "drl_mixup", ("cifar10", 100), 64.67),
        (5, "mixup_drl", ("cifar10", 100), 70.40),
        (5, "vdrl_mixup", ("cifar10", 100), 77.51),
        (1, "drl_official", ("cifar10", 4000), None),
        (1, "drl", ("cifar10", 250), None),
        (1, "drl", ("mnist", 100), None),
        (4, "none_mixup", ("cifar10", 100), None),
    ],
)
def test_an_arm_s_published_number_is_the_one_that_the_paper_prints(number, arm, place, value):
    assert published(number, "accuracy", arm, Setting(*place)) == value


def test_published_differences_are_those_of_the_published_accuracies():
    settings = {(row.dataset, int(row.labels)) for row in paper_values(2).itertuples()}
    names = {title: name for name, title in DATASETS.items()}
    assert len(settings) == 11
    for dataset, labels in settings:
        setting = Setting(names[dataset], labels)
        gain = published(2, "difference", "drl", setting)
        both = [published(2, "accuracy", arm, setting) for arm in ("drl", "none")]
        assert gain == pytest.approx(both[0] - both[1])
        assert published(1, "difference", "drl", setting) is None


def test_published_numbers_stand_below_ours_at_paper_scale():
    found = made(whole(), scale="paper", number=2, difference=True)
    assert found.rows == [
        ["CIFAR-10", "100", "54.00", "53.00", "−1.00"],
        ["CIFAR-10 (paper)", "100", "64.12", "69.79", "+5.67"],
        ["CIFAR-10", "4000", "64.00", "63.00", "−1.00"],
        ["CIFAR-10 (paper)", "4000", "90.15", "91.13", "+0.98"],
        ["MNIST", "50", "74.00", "73.00", "−1.00"],
    ]
    turned = made(whole(), scale="paper", number=4, layout="arms_down")
    assert turned.rows == [
        ["None", "54.00", "64.00", "74.00"],
        ["None (paper)", "73.68", "", ""],
        ["DRL", "53.00", "63.00", "73.00"],
        ["DRL (paper)", "74.31", "", ""],
    ]


@pytest.mark.parametrize("changes", [{"scale": "lite"}, {"scale": "demo"}, {"scale": "paper", "published": None}])
def test_published_numbers_stand_nowhere_else(changes):
    assert table(whole(), changed(SETTINGS, **changes))["published"].isna().all()
    found = made(whole(), **changes)
    assert "(paper)" not in str(found.rows) + found.caption
    assert "(paper)" in made(whole(), scale="paper").caption


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        ({"epoch": None, "select": "last"}, "LaplaceNet, at the end of training; one run (seed 0, split 12). "),
        ({"epoch": 2, "select": "last"}, "LaplaceNet, after outer epoch 2; "),
        ({"epoch": 2, "select": "best_val"}, "at the outer epoch with the best validation accuracy up to 2; "),
        ({"epoch": None, "select": "best_val"}, "at the outer epoch with the best validation accuracy; "),
    ],
)
@pytest.mark.parametrize("scale", ["demo", "lite", "paper"])
def test_the_caption_says_what_was_read_and_whether_it_proves_anything(reading, words, scale):
    runs = [run(arm, place, [1.0, 2.0], validation=[1.0, 2.0]) for arm, place in product(("none", "drl"), PLACES)]
    caption = made(frame_of(*runs), reading=reading, scale=scale).caption
    assert words in caption
    assert "Bold: a pretrained encoder" in caption
    assert ("Demo scale: a machinery check, not evidence." in caption) == (scale == "demo")
    assert (f"Scale: {scale}." in caption) == (scale != "demo")


def test_the_caption_says_over_what_means_are():
    frame = whole(seeds=(0, 1), splits=(12, 13))
    caption = made(frame, seeds=[0, 1], splits=[12, 13], difference=True).caption
    assert "; mean ± deviation over 4 runs (seeds 0, 1, splits 12, 13). " in caption
    assert "in percentage points, between runs of the same seed and split." in caption
    assert "Improvement" not in made(whole()).caption


def test_all_files_come_out(tmp_path):
    files = []
    for k, (arm, place, seed) in enumerate(product(("none", "drl"), PLACES, (0, 1))):
        files.append(tmp_path / f"{k}.csv")
        write_metrics(files[-1], run(arm, place, [1.0, 70.0 + 2 * seed + (arm == "drl")], seed))
    settings = changed(SETTINGS, seeds=[0, 1], scale="paper", difference=True, number=2)
    make_table("table_2", files, tmp_path / "t.csv", settings)
    numbers = pd.read_csv(tmp_path / "t.csv")
    assert list(numbers.columns) == [
        *("scale", "dataset", "labels", "arm", "metric"),
        *("mean", "sd", "n", "epoch", "published"),
    ]
    assert len(numbers) == 9
    row = numbers[(numbers["arm"] == "drl") & (numbers["labels"] == 100) & (numbers["metric"] == "accuracy")].iloc[0]
    assert row[["mean", "sd", "n", "epoch", "published"]].tolist() == pytest.approx([72, 2**0.5, 2, 2, 69.79], rel=1e-5)
    markdown, latex = (tmp_path / "t.md").read_text(), (tmp_path / "t.tex").read_text()
    assert "| CIFAR-10 | 100 | 71.00 ± 1.41 | **72.00 ± 1.41** | +1.00 ± 0.00 |" in markdown
    assert r"CIFAR-10 & 100 & 71.00 $\pm$ 1.41 & \textbf{72.00 $\pm$ 1.41} & +1.00 $\pm$ 0.00 \\" in latex
    assert r"Test accuracy (\%) of classifiers" in latex
    assert "*" not in latex
    assert set(json.loads((tmp_path / "t.csv.json").read_text())["outputs"]) == {"t.csv", "t.md", "t.tex"}
    pd.testing.assert_frame_equal(table(read_all(files), settings), table(read_all(files[::-1]), settings))
