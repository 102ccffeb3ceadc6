import json

import pandas as pd
import pytest

from drl.config.drawings import FidItem
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.fid_table import sheet, table
from drl.reporting.paper_values import paper_values
from tests.reporting.jobs import changed, make_table

STARTS = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
PRIORS = ["gaussian", "uniform_gaussian"]
SETTINGS = FidItem(
    study="fid",
    drawn_by="fid_table",
    scale="lite",
    datasets=[["cifar10", "CIFAR-10"]],
    recipes=[["unconditional", "NCSN++"]],
    priors=PRIORS,
    t_init=STARTS,
    images=20000,
    extractor="inception",
)


def fid(t: float, prior: str) -> float:
    return 10 * t + 100 * PRIORS.index(prior)


def rows(datasets=("cifar10",), recipes=("unconditional",), seeds=(0,), repeats=1, starts=STARTS):
    for dataset in datasets:
        for r, recipe in enumerate(recipes):
            for seed in seeds:
                row = {"scale": "", "study": "fid", "dataset": dataset, "recipe": recipe, "seed": seed}
                for t in starts:
                    yield row | {"t": t, "metric": "sigma", "value": 0.01 * 5000**t}
                    yield row | {"t": t, "metric": "steps_saved", "value": 100 * (1 - t)}
                    for prior in PRIORS:
                        for repeat in range(repeats):
                            value = fid(t, prior) + 1000 * r + 2 * repeat + 4 * seed
                            more = {"arm": prior, "t": t, "split": repeat, "metric": "fid", "value": value}
                            yield row | more


@pytest.fixture
def frame(tmp_path):
    def read(**changes):
        write_metrics(tmp_path / "m.csv", rows(**changes))
        return read_all([tmp_path / "m.csv"])

    return read


def made(frame, **changes):
    settings = changed(SETTINGS, **changes)
    return sheet(table(frame, settings), settings)


def test_a_row_a_t_init_and_a_column_a_prior(frame):
    found = made(frame())
    assert found.header == ["t_init", "σ(t_init)", "steps saved", "Gaussian", "Uniform + Gaussian"]
    assert found.rows[0] == ["0.5", "0.71", "50 %", "5.00", "105.00"]
    assert found.rows[-1] == ["1", "50.00", "0 %", "10.00", "110.00"]
    assert [row[0] for row in found.rows] == ["0.5", "0.6", "0.7", "0.8", "0.9", "1"]
    turned = made(frame(), t_init=[1.0, 0.5], priors=PRIORS[::-1])
    assert turned.header[-2:] == ["Uniform + Gaussian", "Gaussian"]
    assert [row[-2:] for row in turned.rows] == [["110.00", "10.00"], ["105.00", "5.00"]]


@pytest.mark.parametrize(
    ("changes", "cell", "sets"),
    [
        ({}, "5.00", 1),
        ({"repeats": 3}, "7.00 ± 2.00", 3),
        ({"seeds": (0, 1)}, "7.00 ± 2.83", 2),
        # Of two models, whose sets have 5, 7 and 9, 11: sets of one model are no repetition of its training.
        ({"seeds": (0, 1), "repeats": 2}, "8.00 ± 2.83", 2),
        ({"seeds": (3,), "repeats": 2}, "18.00 ± 1.41", 2),
    ],
)
def test_the_deviation_is_that_of_models_or_else_of_one_model_s_sets(frame, changes, cell, sets):
    found = made(frame(**changes))
    assert found.rows[0][3] == cell
    numbers = table(frame(**changes), SETTINGS)
    fids = numbers[numbers["metric"] == "fid"]
    assert set(fids["n_seeds"]) == {sets}
    assert len(fids) == 12
    assert found.rows[0][1:3] == ["0.71", "50 %"]


def test_several_models_are_named(frame):
    changes = {"datasets": [["a", "A"], ["b", "B"]], "recipes": [["x", "X"], ["y", "Y"]]}
    found = made(frame(datasets=("a", "b"), recipes=("x", "y")), **changes)
    assert found.header[0] == "model"
    assert [row[0] for row in found.rows[::6]] == ["X, A", "Y, A", "X, B", "Y, B"]
    assert [row[4] for row in found.rows[::6]] == ["5.00", "1005.00", "5.00", "1005.00"]


def test_published_numbers_stand_beside_at_paper_scale_on_cifar10(frame):
    found = made(frame(), scale="paper")
    assert found.header[-2:] == ["Gaussian (paper)", "Uniform + Gaussian (paper)"]
    assert [row[-2:] for row in found.rows] == [
        ["218.95", "25.02"],
        ["75.11", "5.15"],
        ["12.57", "2.98"],
        ["3.05", "2.99"],
        ["2.97", "2.94"],
        ["3.01", "2.99"],
    ]
    numbers = table(frame(), changed(SETTINGS, scale="paper"))
    printed = paper_values(6)
    assert sorted(numbers["published"].dropna()) == sorted(printed[printed["metric"] == "fid_20k"]["value"])
    assert set(numbers[numbers["published"].notna()]["metric"]) == {"fid"}


def test_the_mean_image_is_a_column_beyond_the_paper_without_a_published_number(frame):
    ours = frame()[lambda rows: rows["arm"] == "gaussian"].assign(arm="mean_image")
    numbers, priors = pd.concat([frame(), ours.assign(value=ours["value"] + 7)]), [*PRIORS, "mean_image"]
    found = made(numbers, scale="paper", priors=priors)
    assert found.header[3:] == [
        "Gaussian",
        "Uniform + Gaussian",
        "Mean image + Gaussian (beyond the paper)",
        "Gaussian (paper)",
        "Uniform + Gaussian (paper)",
    ]
    assert found.rows[0][3:] == ["5.00", "105.00", "12.00", "218.95", "25.02"]
    # Whatever the order of the priors, a number of the paper stands below its own name.
    assert made(numbers, scale="paper", priors=priors[::-1]).rows[0][3:] == [
        "12.00",
        "105.00",
        "5.00",
        "25.02",
        "218.95",
    ]
    assert table(numbers, changed(SETTINGS, scale="paper", priors=priors))["published"].notna().sum() == 12


@pytest.mark.parametrize("changes", [{"scale": "lite"}, {"scale": "demo"}, {"datasets": [["cifar100", "CIFAR-100"]]}])
def test_published_numbers_stand_nowhere_else(frame, changes):
    settings = changed(SETTINGS, **{"scale": "paper"} | changes)
    numbers = table(frame(datasets=settings.dataset_names()), settings)
    assert numbers["published"].isna().all()
    assert len(sheet(numbers, settings).header) == 5


@pytest.mark.parametrize("t", [0.55, 0.65, 0.95])
def test_a_t_init_that_the_paper_does_not_print_has_no_published_number(frame, t):
    starts = [t, 1.0]
    found = made(frame(starts=starts), scale="paper", t_init=starts)
    assert found.rows[0][-2:] == ["", ""]
    assert found.rows[1][-2:] == ["3.01", "2.99"]


@pytest.mark.parametrize("scale", ["demo", "lite", "paper"])
@pytest.mark.parametrize("extractor", ["inception", "supervised"])
def test_the_caption_says_what_measured_and_whether_it_proves_anything(frame, scale, extractor):
    caption = made(frame(), scale=scale, extractor=extractor, images=1000).caption
    assert caption.startswith("FID of 1,000 samples to the training images of CIFAR-10; ")
    assert ("Inception's features." in caption) == (extractor == "inception")
    assert ("features of a classifier trained on the dataset, not Inception's" in caption) == (extractor != "inception")
    assert ("machinery check, not evidence" in caption) == (scale == "demo")


def test_a_model_without_numbers_is_named(frame):
    for changes in ({"recipes": [["drl", "D"]]}, {"datasets": [["mnist", "M"]]}):
        with pytest.raises(UserError, match="table_6: the metrics files have no rows of recipe") as caught:
            table(frame(), changed(SETTINGS, **changes))
        assert "\n" not in str(caught.value)


def test_metrics_made_with_other_cells_are_refused_in_one_line(frame):
    one_prior = frame()[frame()["arm"] != "gaussian"]
    for rows_made, starts in ((frame(), [0.4, *STARTS]), (one_prior, STARTS)):
        with pytest.raises(UserError) as caught:
            made(rows_made, t_init=starts)
        assert "\n" not in str(caught.value)


def test_all_files_come_out(tmp_path):
    write_metrics(tmp_path / "m.csv", rows(repeats=2))
    make_table("table_6", [tmp_path / "m.csv"], tmp_path / "t.csv", changed(SETTINGS, scale="paper"))
    numbers = pd.read_csv(tmp_path / "t.csv")
    assert len(numbers) == 6 * 4
    first = numbers[(numbers["arm"] == "gaussian") & (numbers["t"] == 0.5)].iloc[0]
    assert first[["mean", "sd", "n_seeds", "published"]].tolist() == pytest.approx([6, 2**0.5, 2, 218.95], rel=1e-5)
    assert "| 0.5 | 0.71 | 50 % | 6.00 ± 1.41 |" in (tmp_path / "t.md").read_text()
    assert r"0.5 & 0.71 & 50 \% & 6.00 $\pm$ 1.41 &" in (tmp_path / "t.tex").read_text()
    assert set(json.loads((tmp_path / "t.csv.json").read_text())["outputs"]) == {"t.csv", "t.md", "t.tex"}


def test_the_caption_says_of_how_many_sets_the_deviation_is(frame):
    assert "20,000 samples to the" in made(frame()).caption
    assert "20,000 samples (3 disjoint sets: mean ± deviation) to the" in made(frame(repeats=3), repeats=3).caption
