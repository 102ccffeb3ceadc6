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


def reasons(printed: str) -> dict[str, list[str]]:
    """Return why each job runs, by its command without the scale: mostly the files that other jobs make for it."""
    found = re.findall(r"(?:drl|Drawing) (\S.*?)(?: --scale demo)?\n\s*Reason: (.*)", printed)
    return {words: re.split(r"[,;:]? ", reason) for words, reason in found}


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
    first, second = (f"pretrain --dataset digits --recipe drl_2d_{name} --seed 0" for name in ("high", "focus"))
    read = {words: [name for name in why if "models/" in name] for words, why in reasons(printed).items()}
    assert f"{MODELS}/drl_2d_high/seed0/model.safetensors" in read[second]
    assert not [name for name in read[first] if "drl_2d_high" not in name]
    assert printed.index(f"drl {first}") < printed.index(f"drl {second}")


def test_figure_12_is_one_job_a_dataset_that_reads_all_its_models(printed):
    for dataset in ("digits", "mnist5k"):
        folder = f"results/demo/models/{dataset}/drl_2d_single"
        models = {f"{folder}-t{t}/seed{seed}/model.safetensors" for t in (0.1, 0.5, 0.9) for seed in (0, 1)}
        read = reasons(printed)[f"silhouettes --dataset {dataset}"]
        assert {name for name in read if name.endswith("model.safetensors")} == models


def test_table_6_measures_the_samples_that_figure_13_shows_with_the_supervised_model(printed):
    samples = "results/demo/metrics/later_start/digits/unconditional/seed0"
    assert f"drl figure figure_13 --scale demo {samples}.csv" in printed
    assert "drl table table_6 --scale demo results/demo/metrics/fid/digits/unconditional/seed0.csv" in printed
    read = reasons(printed)["fid --dataset digits --recipe unconditional --seed 0"]
    assert {f"{samples}.safetensors", f"{MODELS}/supervised/seed0/model.safetensors"} <= set(read)


def test_what_is_shown_or_measured_is_named_with_what_says_of_what_it_is(printed):
    """Else a lost picture, or samples whose card another model's has replaced, would go unnoticed."""
    known, folder = reasons(printed), "results/demo/metrics"
    for recipe in ("drl_2d", "drl_2d_focus"):
        for suffix in (".csv", ".png", ".codes.csv"):
            assert f"{folder}/latent_grid/digits/{recipe}/seed0{suffix}" in known["figure_2"]
    samples = f"{folder}/later_start/digits/unconditional/seed0"
    for suffix in (".csv", ".safetensors"):
        assert f"{samples}{suffix}" in known["figure_13"]
    for suffix in (".csv", ".csv.json", ".safetensors"):
        assert f"{samples}{suffix}" in known["fid --dataset digits --recipe unconditional --seed 0"]
    assert not [name for name in known["figure_13"] + known["figure_12"] if name.endswith(".png")]


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
    settings = json.dumps(
        tiny.settings("unconditional", start_from="data/song_ve_deep.safetensors", iterations=0).slice()
    )
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
