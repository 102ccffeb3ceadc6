"""What Snakemake plans for the figures of samples. Nothing is computed: results are empty files, marked as made."""

import json
import re
from pathlib import Path

import pytest

from tests import tiny
from tests.workflow.conftest import Project, job_counts

TARGETS = ("figure_2", "figure_12", "figure_13", "table_6")
MODELS = "results/demo/models/digits"
ITEMS = {item: {"datasets": ["digits"]} for item in (*TARGETS, "figure_6")} | {
    "figure_12": {"datasets": ["digits", "mnist5k"], "seeds": [0, 1]}
}
PLANNED = {
    "prepare": 2,
    # drl_2d and two phases, 2 datasets x 3 t x 2 seeds, unconditional, supervised
    "pretrain": 3 + 12 + 1 + 1,
    "latent_grid": 2,
    "silhouettes": 2,
    "later_start": 1,
    "fid": 1,
    **{f"draw_{target}": 1 for target in TARGETS},
    **dict.fromkeys(TARGETS, 1),
}


def snakemake(project: Project, *words: str, **changes):
    (project.folder / "own.yaml").write_text(json.dumps({"items": ITEMS} | changes))
    return project.snakemake(*words, "--configfile", "own.yaml", tiny=False)


def commands(printed: str) -> dict[str, str]:
    """Return the command that makes each file, by the file after --out."""
    lines = [line for line in printed.splitlines() if line.startswith("Shell command: python")]
    return {re.search(r"--out (\S+)", line)[1]: line for line in lines}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    return Project(tmp_path_factory.mktemp("planned") / "project")


@pytest.fixture(scope="module")
def printed(project) -> str:
    run = snakemake(project, *TARGETS, "-n", "-p")
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.fixture(scope="module")
def made(project, printed) -> Project:
    """The project with all results there as empty files, and Snakemake's own notes on what made them."""
    project.pretend(lambda *words: snakemake(project, *TARGETS, *words))
    return project


def test_the_jobs_are_as_many_as_models_and_measurements(printed):
    assert job_counts(printed) == PLANNED


def test_the_second_phase_waits_for_the_first(printed):
    (reason,) = re.findall(r"Pretraining drl_2d_focus on digits, seed 0\nReason: (.*)", printed)
    updated = reason.split("updated by another job: ")[1].split(", ")
    assert set(updated) == {
        f"{MODELS}/drl_2d_high/seed0/model.safetensors",
        "results/demo/data/digits/images.safetensors",
    }
    (alone,) = re.findall(r"Pretraining drl_2d_high on digits, seed 0\nReason: (.*)", printed)
    assert "model.safetensors" not in alone.split("updated by another job: ")[1]
    assert printed.index("Pretraining drl_2d_high on") < printed.index("Pretraining drl_2d_focus on")


def test_figure_12_is_one_job_a_dataset_that_reads_all_its_models(printed):
    made_by = commands(printed)
    for dataset in ("digits", "mnist5k"):
        command = made_by[f"results/demo/metrics/silhouettes/{dataset}.csv"]
        folder = f"results/demo/models/{dataset}/drl_2d_single"
        models = [f"{folder}-t{t}/seed{seed}/model.safetensors" for t in (0.1, 0.5, 0.9) for seed in (0, 1)]
        assert re.findall(r"\S+model\.safetensors", command) == models


def test_table_6_measures_the_samples_that_figure_13_shows_with_the_supervised_model(printed):
    made_by = commands(printed)
    samples = "results/demo/metrics/later_start/digits/unconditional/seed0"
    assert f"--samples {samples}.safetensors" in made_by["results/demo/metrics/fid/digits/unconditional/seed0.csv"]
    assert f"figure figure_13 {samples}.csv" in made_by["results/demo/figures/figure_13.svg"]
    (reason,) = re.findall(r"Measuring FID of unconditional on digits, seed 0\nReason: (.*)", printed)
    assert f"{MODELS}/supervised/seed0/model.safetensors" in reason
    assert "results/demo/metrics/fid/digits/unconditional/seed0.csv" in made_by["results/demo/tables/table_6.csv"]


def test_what_is_shown_or_measured_is_named_with_what_says_of_what_it_is(printed):
    """Else a lost picture, or samples whose card another model's has replaced, would go unnoticed."""
    reasons = {
        name: re.split(r"[,;]? ", reason)
        for name, reason in re.findall(r"(?:Drawing|Measuring FID of) (\S+).*\n\s*Reason: (.*)", printed)
    }
    folder = "results/demo/metrics"
    for recipe in ("drl_2d", "drl_2d_focus"):
        for suffix in (".csv", ".png", ".codes.csv"):
            assert f"{folder}/latent_grid/digits/{recipe}/seed0{suffix}" in reasons["figure_2"]
    samples = f"{folder}/later_start/digits/unconditional/seed0"
    for suffix in (".csv", ".safetensors"):
        assert f"{samples}{suffix}" in reasons["figure_13"]
    for suffix in (".csv", ".csv.json", ".safetensors"):
        assert f"{samples}{suffix}" in reasons["unconditional"]
    assert not [name for name in reasons["figure_13"] + reasons["figure_12"] if name.endswith(".png")]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        # drl_2d's sampler is also that of the recipes that inherit from it, of which Figure 2 shows one.
        ({"drl_2d": {"sampler": {"steps": 31}}}, {"latent_grid": 2, "draw_figure_2": 1, "figure_2": 1}),
        (
            {"unconditional": {"sampler": {"snr": 0.2}}},
            # Figure 13 is drawn from the same numbers anew, Table 6 is measured anew.
            {"later_start": 1, "fid": 1}
            | {name: 1 for item in ("figure_13", "table_6") for name in (f"draw_{item}", item)},
        ),
        (
            {"drl_2d_high": {"optimiser": {"learning_rate": 1e-3}}},
            {"pretrain": 2, "latent_grid": 1, "draw_figure_2": 1, "figure_2": 1},
        ),
    ],
    ids=["sampler", "chains", "first-phase"],
)
def test_a_changed_recipe_makes_again_what_comes_of_it_and_no_more(made, changed, expected):
    run = snakemake(made, *TARGETS, "-n", recipes=changed)
    assert job_counts(run.stdout + run.stderr) == expected, run.stdout + run.stderr


@pytest.mark.parametrize("suffix", [".png", ".codes.csv"])
def test_a_file_that_is_gone_is_made_again_before_it_is_drawn(made, suffix):
    """Snakemake asks for no intermediate file while the figure stands; when it is drawn, its job must come first."""
    gone = made.folder / f"results/demo/metrics/latent_grid/digits/drl_2d/seed0{suffix}"
    aside = gone.with_name("aside")
    gone.rename(aside)
    try:
        run = snakemake(made, *TARGETS, "-n", "--forcerun", "draw_figure_2")
    finally:
        aside.rename(gone)
    assert job_counts(run.stdout + run.stderr) == {"latent_grid": 1, "draw_figure_2": 1, "figure_2": 1}


def refused(project: Project, *words: str, **changes) -> str:
    """Return the one line with which Snakemake stops before any job."""
    run = snakemake(project, *words, "-n", **changes)
    assert run.returncode == 2, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("drl: ")]
    return line


def test_song_s_checkpoint_that_is_not_there_stops_its_job_alone(project):
    run = snakemake(project, "table_6", "-n", scale="paper", items={})
    assert job_counts(run.stdout + run.stderr)["pretrain"] == 1, run.stdout + run.stderr
    images = tiny.images(project.folder / "stripes")
    settings = json.dumps(tiny.settings("unconditional", start_from="data/song_ve_deep.safetensors", iterations=0))
    words = ("pretrain", "--dataset", "stripes", "--recipe", "song_deep", "--scale", "paper", "--settings", settings)
    job = project.drl(*words, "--images", str(images), "--out", "made/song_deep/seed0/model.safetensors")
    assert job.returncode == 2
    (line,) = job.stderr.splitlines()
    assert "there is no data/song_ve_deep.safetensors to start from" in line
    assert "drl convert" in line


def test_an_unknown_recipe_in_a_file_s_name_is_one_line(project):
    line = refused(project, f"{MODELS}/drl_2q/seed0/model.safetensors")
    assert line.startswith("drl: config: unknown recipe 'drl_2q'")


def test_song_s_checkpoint_is_read_where_it_is(project):
    file = Path(project.folder / "data" / "song_ve_deep.safetensors")
    file.parent.mkdir()
    file.touch()
    run = snakemake(project, "table_6", "-n", scale="paper", items={})
    counts = job_counts(run.stdout + run.stderr)
    # Inception needs no model of ours.
    assert counts == {"prepare": 1, "pretrain": 1, "later_start": 1, "fid": 1, "draw_table_6": 1, "table_6": 1}
