"""What a user types: targets, scales, and mistakes."""

import pytest

from drl.config.schema import SCALES
from tests.job_settings import BUILT


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_dry_runs(project, scale):
    run = project.snakemake("-n", "--quiet", "host", "--config", f"scale={scale}", tiny=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "pretrain" in run.stdout + run.stderr


@pytest.mark.parametrize("target", [*BUILT, "all_figures", "all"])
def test_every_target_exists_and_needs_no_other_option(project, target):
    run = project.snakemake(target, "-n", "--quiet", "host", tiny=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--config", "scale=big"], "drl: config: unknown scale 'big'; valid: demo, lite, paper"),
        (["--config", "dataset=mnist5"], "drl: config: dataset: unknown dataset 'mnist5'; did you mean 'mnist5k'?"),
        (["--config", "seeds=many"], "drl: config: seeds"),
        (["--config", "sale=demo"], "drl: config: unknown key 'sale'; did you mean 'scale'?"),
        (["--config", "dataset=cifar10 #2"], "drl: config: dataset: unknown dataset 'cifar10 #2'"),
        (["--config", "dataset=#2"], "drl: --config dataset=#2: Snakemake takes it for a comment"),
        (["--configfile", "twice.yaml"], "drl: twice.yaml: line 2: the key 'seeds' stands in line 1 already"),
        (["--profile", "named"], "drl: twice.yaml: line 2: the key 'seeds' stands in line 1 already"),
        (["--profile", "found"], "twice.yaml: line 2: the key 'seeds' stands in line 1 already"),
        (["figure4"], "drl: unknown target 'figure4'; did you mean 'figure_4'?"),
        (["figure_14"], "drl: unknown target 'figure_14'; did you mean 'figure_4'?"),
        (["figure_4", "--", "figur_4"], "drl: unknown target 'figur_4'; did you mean 'figure_4'?"),
        (["pretrain"], "drl: 'pretrain': is a step of many jobs; name an item, such as figure_4"),
        (["figure_4", "-R", "pretain"], "drl: unknown target 'pretain'; did you mean 'pretrain'?"),
        (["results/demo/figure_4.svg"], "drl: 'results/demo/figure_4.svg': no job makes such a file"),
        (["--config", "scale=demo", "figure_4"], "drl: --config figure_4: is no key=value; Snakemake takes every word"),
        (["--configfile", "figure_4"], "drl: --configfile figure_4: there is no such file; Snakemake takes every word"),
        (["--configfile", "wide.yaml"], "drl: wide.yaml: is not YAML in UTF-8"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2_before_any_job(project, words, line):
    (project.folder / "twice.yaml").write_text("seeds: 1\nseeds: 2\n")
    (project.folder / "wide.yaml").write_text("seeds: 1", encoding="utf-16")
    named, found = "configfile: [twice.yaml]\n", "__use_yte__: true\nconfigfile:\n  - ?'twice' + '.yaml'\n"
    for name, text in (("named", named), ("found", found)):
        (project.folder / name).mkdir()
        (project.folder / name / "config.yaml").write_text(text)
    run = project.snakemake("--cores", "1", *words, tiny=False)
    assert run.returncode == 2
    assert line in run.stderr
    assert "Traceback" not in run.stderr + run.stdout
    assert not (project.folder / "results").exists()


def test_one_dataset_for_every_item(project):
    run = project.snakemake("figure_4", "-n", "--config", "dataset=fashion_mnist", tiny=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "fashion_mnist" in run.stdout + run.stderr
    assert "mnist5k" not in run.stdout + run.stderr


def test_a_failed_job_shows_its_one_line(project):
    project.edit("config/datasets.yaml", "source: digits, classes: 10", "source: digits, classes: 7")
    run = project.snakemake("--cores", "1", "figure_4")
    assert run.returncode == 1
    assert "drl: " in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_what_a_file_says_of_one_recipe_reaches_the_jobs(project):
    """Also where it is what the paper has and the scale has not, which the merged settings cannot tell."""
    (project.folder / "own.yaml").write_text("recipes: {drl: {batch_size: 128}}\n")
    target = "results/demo/models/digits/drl/seed0/model.safetensors"
    run = project.snakemake(target, "-n", "-p", "--configfile", "own.yaml", tiny=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert '"batch_size":128' in run.stdout + run.stderr
