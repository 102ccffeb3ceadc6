"""Rerun on meaning: what an edit makes again, with real runs of Snakemake."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.image import imread

from drl.items import BUILT
from drl.metrics import read_metrics
from tests.workflow.conftest import Project


@pytest.fixture
def after(made, tmp_path) -> Project:
    """The made project, in a folder of its own, so that a test may edit it."""
    folder = tmp_path / "project"
    shutil.copytree(made.folder, folder, symlinks=True)
    project = Project.__new__(Project)
    project.folder = folder
    return project


def test_everything_is_made_and_nothing_twice(made):
    results = made.folder / "results" / "demo"
    for item in BUILT:
        assert (results / "figures" / f"{item}.svg").read_text().startswith("<?xml")
        assert imread(results / "figures" / f"{item}.png").shape[0] > 100
    numbers = pd.read_csv(results / "figures" / "figure_4.csv")
    assert set(numbers["recipe"]) == {"drl", "vdrl", "simclr"}
    assert set(numbers["arm"].dropna()) == {"chosen", "concatenated"}
    numbers = numbers[numbers["arm"].isna()]
    assert sorted(set(numbers["t"])) == [0.0, 0.5, 1.0]
    for recipe in ("drl", "vdrl"):
        path = results / "metrics" / "probe" / "digits" / recipe / "seed0.csv"
        rows = [row for row in read_metrics(path) if row["metric"] == "test_accuracy" and not row["arm"]]
        for t in (0.0, 0.5, 1.0):
            values = [float(r["value"]) for r in rows if float(r["t"]) == t and r["labels"] == "100"]
            drawn = numbers[(numbers["recipe"] == recipe) & (numbers["t"] == t)]
            assert float(drawn["mean"].iloc[0]) == pytest.approx(sum(values) / len(values), rel=1e-5)
            assert int(drawn["labels"].iloc[0]) == 100
    assert made.planned() == {}


def test_figures_that_share_a_study_share_its_models(made):
    """Six figures of probes: seven trainings, four probe suites."""
    results = made.folder / "results" / "demo"
    assert len(list(results.rglob("model.safetensors"))) == 7
    assert len(list((results / "metrics" / "probe").rglob("*.csv"))) == 4
    shared = pd.read_csv(results / "figures" / "figure_5.csv").query("recipe == 'simclr'")
    same = pd.read_csv(results / "figures" / "figure_4.csv").query("recipe == 'simclr'")
    pd.testing.assert_frame_equal(shared.reset_index(drop=True), same.reset_index(drop=True))


def test_figure_8_draws_the_member_of_a_sweep_that_validation_chose(made):
    results = made.folder / "results" / "demo"
    drawn = pd.read_csv(results / "figures" / "figure_8.csv")
    files = sorted((results / "metrics" / "few_shot" / "digits").glob("*/seed0.csv"))
    assert [path.parent.name for path in files] == ["drl_8d-lambda0.00001", "drl_8d-lambda0.001"]
    rows = pd.concat([pd.read_csv(path) for path in files])
    for labels in (20, 40):
        means = rows[(rows["labels"] == labels) & (rows["metric"] == "val_accuracy")].groupby("recipe")["value"].mean()
        best = max(means.index, key=lambda name: means[name])
        assert set(drawn.loc[drawn["labels"] == labels, "chosen_recipe"]) == {best}
        test = rows[(rows["labels"] == labels) & (rows["metric"] == "test_accuracy") & (rows["recipe"] == best)]
        assert drawn.loc[drawn["labels"] == labels, "mean"].tolist() == pytest.approx(test["value"].tolist(), rel=1e-5)


def test_results_of_all_studies_can_be_verified(made):
    run = made.drl("verify", "results/demo", "--configfile", "tiny.yaml")
    assert (run.returncode, run.stdout.strip()) == (0, "results/demo: all results are whole and up to date"), run.stderr


def test_logs_benchmarks_and_cards_stand_beside(made):
    results = made.folder / "results" / "demo"
    for name in ("prepare/digits", "pretrain/digits/drl/seed0", "probe/digits/vdrl/seed0", "figure/figure_4"):
        assert (results / "logs" / f"{name}.log").is_file()
        assert (results / "benchmarks" / f"{name}.tsv").read_text().startswith("s\t")
    cards = list(results.rglob("*.json"))
    assert len(cards) == 1 + 7 + 4 + 2 + 2 + len(BUILT)
    for path in cards:
        card = json.loads(path.read_text())
        for name in card["outputs"]:
            assert (path.parent / name).is_file()
    assert not list(Path(results / ".state").rglob("*.safetensors"))


def test_a_docstring_or_comment_reruns_nothing(after):
    after.edit("drl/methods/drl.py", '"""DRL: a', '"""In other words: DRL, a')
    after.edit("drl/training/loop.py", "LOG_ROWS = 200", "LOG_ROWS = 200  # rows")
    assert after.planned() == {}


def test_the_drl_loss_reruns_drl_and_all_after_it(after):
    after.edit("drl/methods/drl.py", "class Objective", "FACTOR = 2\n\n\nclass Objective")
    assert after.planned("figure_4") == {"pretrain": 1, "probe": 1, "draw_figure_4": 1, "figure_4": 1}


def test_simclrs_file_reruns_simclr_only(after):
    after.edit("drl/methods/simclr.py", "images.repeat(2, 1, 1, 1)", "images.repeat((2, 1, 1, 1))")
    assert after.planned("figure_4") == {"pretrain": 1, "probe": 1, "draw_figure_4": 1, "figure_4": 1}
    counts = after.planned()
    assert (counts["pretrain"], counts["probe"]) == (1, 1)


def test_a_figures_module_redraws_the_figure_only(after):
    after.edit("drl/reporting/code_usage.py", "linewidth=0.6", "linewidth=0.7")
    assert after.planned() == {"draw_code_usage": 1, "all": 1}


def test_a_setting_reruns_what_depends_on_it(after):
    tiny = json.loads((after.folder / "tiny.yaml").read_text())
    tiny["studies"]["probe"]["epochs"] = 3
    (after.folder / "tiny.yaml").write_text(json.dumps(tiny))
    assert after.planned("figure_4") == {"probe": 3, "draw_figure_4": 1, "figure_4": 1}


def test_where_a_job_runs_reruns_nothing(after):
    tiny = json.loads((after.folder / "tiny.yaml").read_text())
    tiny["run"] = {"device": "cpu", "precision": "fp32", "save_minutes": 1.0}
    (after.folder / "tiny.yaml").write_text(json.dumps(tiny))
    assert after.planned() == {}


def test_one_more_seed_trains_only_that_seed(after):
    counts = after.planned("figure_4", "--config", "seeds=2")
    assert counts == {"pretrain": 3, "probe": 3, "draw_figure_4": 1, "figure_4": 1}
