"""Rerun on meaning: what an edit makes again, with real runs of Snakemake."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.image import imread
from safetensors import safe_open

from drl.config.items import item_kind
from drl.files import sha256
from drl.records.metrics import read_metrics
from tests.job_settings import BUILT
from tests.workflow.conftest import Project

# By recipe on digits, one seed each; drl_2d_high is what drl_2d_focus goes on from.
MODELS = {
    *("drl", "vdrl", "simclr", "drl_vp", "drl_edm", "drl_8d-lambda0.00001", "drl_8d-lambda0.001"),
    *("drl_2d", "drl_2d_high", "drl_2d_focus", "vdrl_2d", "drl_nd-d2", "drl_nd-d3"),
    *("drl_2d_single-t0.5", "drl_2d_single-t0.9", "unconditional", "supervised", "drl_70k"),
}
ARMS = ["drl", "drl_search", "drl_t05_free", "none"]
MEASURED = {
    "probe": {"drl", "vdrl", "simclr", "drl_vp"},
    "few_shot": {"drl_8d-lambda0.00001", "drl_8d-lambda0.001"},
    "learning_speed": {"drl", "drl_edm"},
    "latent_grid": {"drl_2d_focus", "vdrl_2d"},
    "code_swap": {"drl_2d"},
    "one_code": {"drl_nd-d2", "drl_nd-d3"},
    "later_start": {"unconditional"},
    "fid": {"unconditional"},
}


def drawn(*items: str) -> dict[str, int]:
    """Return the jobs that draw items."""
    return {f"draw_{item}": 1 for item in items}


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
        if item_kind(item) == "table":
            assert (results / "tables" / f"{item}.md").read_text().count("\n|") > 2
            assert r"\toprule" in (results / "tables" / f"{item}.tex").read_text()
            continue
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
    """Fifteen figures and six tables: eighteen trainings; six of the figures: four probe suites."""
    results = made.folder / "results" / "demo"
    models = list(results.rglob("model.safetensors"))
    assert sorted(path.parents[1].name for path in models) == sorted(MODELS)
    for study, recipes in MEASURED.items():
        files = (results / "metrics" / study).rglob("seed0.csv")
        assert sorted(path.parent.name for path in files) == sorted(recipes)
    assert [path.name for path in (results / "metrics" / "silhouettes").glob("*.csv")] == ["digits.csv"]
    runs = (results / "metrics" / "fine_tune" / "digits").rglob("*.csv")
    assert sorted(path.parent.name for path in runs) == ARMS
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


def test_figure_13_and_table_6_are_of_the_same_samples(made):
    """Of 70 samples a cell, 2 x 2 are shown."""
    results = made.folder / "results" / "demo"
    samples = results / "metrics" / "later_start" / "digits" / "unconditional" / "seed0.safetensors"
    with safe_open(str(samples), framework="np") as file:
        cells = {name: file.get_tensor(name).shape for name in file.keys()}  # noqa: SIM118 (not a mapping)
    priors = ("gaussian", "uniform_gaussian", "mean_image")
    assert cells == {f"0/{prior}/{t}": (70, 1, 8, 8) for prior in priors for t in ("0.5", "1")}
    for made_of in ("figures/figure_13.svg.json", "metrics/fid/digits/unconditional/seed0.csv.json"):
        inputs = json.loads((results / made_of).read_text())["inputs"]
        assert {Path(name).name: digest for name, digest in inputs.items()}[samples.name] == sha256(samples)
    numbers = pd.read_csv(results / "tables" / "table_6.csv").query("metric == 'fid'")
    assert sorted(zip(numbers["arm"], numbers["t"], strict=True)) == [
        (prior, t) for prior in sorted(priors) for t in (0.5, 1.0)
    ]
    assert (numbers["mean"] > 0).all()
    # Letters are drawn as paths, with the text of each line of a label in a comment.
    drawn = (results / "figures" / "figure_13.svg").read_text()
    for line in ("Gaussian", "uniform", "mean image", "the paper)"):
        assert f"<!-- {line} -->" in drawn


def test_results_of_all_studies_can_be_verified(made):
    run = made.drl("verify", "results/demo", "--configfile", "tiny.yaml")
    assert (run.returncode, run.stdout.strip()) == (0, "results/demo: all results are whole and up to date"), run.stderr


def test_logs_benchmarks_and_cards_stand_beside(made):
    results = made.folder / "results" / "demo"
    names = ("prepare/digits", "pretrain/digits/drl/seed0", "probe/digits/vdrl/seed0", "draw/figure_4")
    more = ("silhouettes/digits", "latent_grid/digits/vdrl_2d/seed0", "fid/digits/unconditional/seed0", "draw/table_6")
    for name in names + more:
        assert (results / "logs" / f"{name}.log").is_file()
        assert (results / "benchmarks" / f"{name}.tsv").read_text().startswith("s\t")
    cards = list(results.rglob("*.json"))
    # Of the images, the silhouettes, the theory, the comparison, the claims, and each model, measurement, fine-tuning
    # and item.
    assert len(cards) == 5 + len(MODELS) + sum(map(len, MEASURED.values())) + len(ARMS) + len(BUILT)
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


def set_in(project: Project, *keys: str, value: object) -> None:
    """Change one setting of the project's configuration."""
    whole = json.loads((project.folder / "tiny.yaml").read_text())
    section = whole
    for key in keys[:-1]:
        section = section.setdefault(key, {})
    section[keys[-1]] = value
    (project.folder / "tiny.yaml").write_text(json.dumps(whole))


def test_a_setting_reruns_what_depends_on_it(after):
    set_in(after, "studies", "probe", "epochs", value=3)
    assert after.planned("figure_4") == {"probe": 3, "draw_figure_4": 1, "figure_4": 1}


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        # Samples are there already: more of them are shown.
        ("later_start", "shown", 3, {"draw_figure_13": 1}),
        (
            "later_start",
            "uniform",
            "per_image_channel",
            {"later_start": 1, "fid": 1, **drawn("figure_13", "table_6"), "compare": 1, "claims": 1},
        ),
        ("latent_grid", "cells", 3, {"latent_grid": 2, **drawn("figure_2", "figure_3"), "claims": 1}),
        ("code_swap", "t", 0.5, {"code_swap": 1, **drawn("figure_6"), "claims": 1}),
        ("one_code", "columns", 3, {"one_code": 2, **drawn("figure_7"), "claims": 1}),
    ],
)
def test_a_setting_of_one_study_makes_its_items_again_and_no_others(after, section, key, value, expected):
    set_in(after, "studies", section, key, value=value)
    assert after.planned() == expected | {"all": 1}


def test_how_sure_a_claim_must_be_decides_claims_again_and_nothing_else(after):
    before = pd.read_csv(after.folder / "results/demo/claims.csv")
    set_in(after, "verdict", "confidence", value=0.5)
    assert after.planned() == {"compare": 1, "claims": 1, "all": 1}
    # One row a part, and the same statistics from the items' own files.
    folder = after.folder / "items"
    folder.mkdir()
    for path in (after.folder / "results" / "demo").glob("[ft][ia][gb]*/*.csv"):
        shutil.copy2(path, folder / path.name)
    run = after.drl("claims", "--configfile", "tiny.yaml", "--items", "items", "--out", "claims.csv")
    assert run.returncode == 0, run.stderr
    shown = pd.read_csv(after.folder / "claims.csv")
    # Which t a search picked stands in the metrics alone.
    measured = before["estimate"].notna() & (before["claim"] != "search_picks_09")
    # So do validation images, which choose the best t; an item's file has only the probe's reading there.
    lacking = set(before["claim"][measured & shown["estimate"].isna()])
    assert lacking <= {
        *("few_shot_at_best", "few_shot_at_several_t", "few_shot_depends_on_t"),
        *("middle_t_classes", "large_t_declines", "large_t_declines_edm", "drl_beats_autoencoders_at_several_t"),
    }
    measured &= shown["estimate"].notna()
    assert measured.sum() > 20
    pd.testing.assert_series_equal(before["estimate"][measured], shown["estimate"][measured], rtol=1e-4, atol=1e-4)


def test_where_a_job_runs_reruns_nothing(after):
    run = {"device": "cpu", "precision": "fp32", "save_minutes": 1.0, "wall_clock_minutes": 60, "sampling_batch": 7}
    # With another extractor the weights measure nothing.
    set_in(after, "run", value=run | {"inception_weights": "nowhere.pth"})
    assert after.planned() == {}


def test_a_picture_that_is_gone_is_missed_and_made_again_before_it_is_drawn(after):
    picture = after.folder / "results/demo/metrics/latent_grid/digits/vdrl_2d/seed0.png"
    before = picture.read_bytes()
    picture.unlink()
    run = after.drl("verify", "results/demo", "--configfile", "tiny.yaml")
    assert run.returncode == 1
    assert "metrics/latent_grid/digits/vdrl_2d/seed0.png" in run.stdout
    (after.folder / "results/demo/figures/figure_3.svg").unlink()
    assert after.planned() == {"latent_grid": 1, "draw_figure_3": 1, "claims": 1, "all": 1}
    run = after.snakemake("--cores", "1", "figure_3")
    assert run.returncode == 0, run.stdout + run.stderr
    assert picture.read_bytes() == before
    assert after.planned() == {}


def test_one_more_seed_trains_only_that_seed(after):
    counts = after.planned("figure_4", "--config", "seeds=2")
    assert counts == {"pretrain": 3, "probe": 3, "draw_figure_4": 1, "figure_4": 1}
