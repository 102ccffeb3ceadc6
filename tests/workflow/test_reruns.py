"""Rerun on meaning: what an edit makes again, with real runs of Snakemake."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.image import imread

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
    for item in ("figure_4", "code_usage"):
        assert (results / "figures" / f"{item}.svg").read_text().startswith("<?xml")
        assert imread(results / "figures" / f"{item}.png").shape[0] > 100
    numbers = pd.read_csv(results / "figures" / "figure_4.csv")
    assert set(numbers["recipe"]) == {"drl", "vdrl"}
    assert sorted(set(numbers["t"])) == [0.0, 0.5, 1.0]
    for recipe in ("drl", "vdrl"):
        path = results / "metrics" / "probe" / "digits" / recipe / "seed0.csv"
        rows = [row for row in read_metrics(path) if row["metric"] == "test_accuracy"]
        for t in (0.0, 0.5, 1.0):
            values = [float(r["value"]) for r in rows if float(r["t"]) == t and r["labels"] == "100"]
            drawn = numbers[(numbers["recipe"] == recipe) & (numbers["t"] == t)]
            assert float(drawn["mean"].iloc[0]) == pytest.approx(sum(values) / len(values), rel=1e-5)
            assert int(drawn["labels"].iloc[0]) == 100
    assert made.planned() == {}


def test_logs_benchmarks_and_cards_stand_beside(made):
    results = made.folder / "results" / "demo"
    for name in ("prepare/digits", "pretrain/digits/drl/seed0", "probe/digits/vdrl/seed0", "figure/figure_4"):
        assert (results / "logs" / f"{name}.log").is_file()
        assert (results / "benchmarks" / f"{name}.tsv").read_text().startswith("s\t")
    cards = list(results.rglob("*.json"))
    assert len(cards) == 1 + 2 + 2 + 2
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
    after.edit("drl/methods/drl.py", "l1_penalty(z)", "(2 * l1_penalty(z) / 2)")
    assert after.planned("figure_4") == {"pretrain": 1, "probe": 1, "draw_figure_4": 1, "figure_4": 1}


def test_a_figures_module_redraws_the_figure_only(after):
    after.edit("drl/reporting/probe_curves.py", "alpha=0.2", "alpha=0.3")
    assert after.planned() == {"draw_figure_4": 1, "all": 1}


def test_a_setting_reruns_what_depends_on_it(after):
    tiny = json.loads((after.folder / "tiny.yaml").read_text())
    tiny["studies"]["probe"]["epochs"] = 3
    (after.folder / "tiny.yaml").write_text(json.dumps(tiny))
    assert after.planned("figure_4") == {"probe": 2, "draw_figure_4": 1, "figure_4": 1}


def test_where_a_job_runs_reruns_nothing(after):
    tiny = json.loads((after.folder / "tiny.yaml").read_text())
    tiny["run"] = {"device": "cpu", "precision": "fp32", "save_minutes": 1.0}
    (after.folder / "tiny.yaml").write_text(json.dumps(tiny))
    assert after.planned() == {}


def test_one_more_seed_trains_only_that_seed(after):
    counts = after.planned("figure_4", "--config", "seeds=2")
    assert counts == {"pretrain": 2, "probe": 2, "draw_figure_4": 1, "figure_4": 1}
