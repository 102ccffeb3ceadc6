"""What Snakemake plans for Tables 1 to 5. Nothing is computed: results are empty files, marked as made."""

import json
import re
from pathlib import Path

import pytest

from tests.job_settings import ITEMS
from tests.workflow.conftest import Project, job_counts

TARGETS = ("table_1", "table_2", "table_3", "table_4", "table_5", "t_trajectory")
# Seven arms of Tables 1 and 5, AE and the search of Tables 3 and 4, the authors' pretraining, five more starts of t.
RUNS, PRETRAININGS = 7 + 1 + 1 + 1 + 5, 5


def snakemake(project: Project, *words: str, **changes):
    (project.folder / "own.yaml").write_text(json.dumps(changes))
    return project.snakemake(*words, "--configfile", "own.yaml", tiny=False)


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


def planned(project: Project, *targets: str, **changes) -> dict[str, int]:
    run = snakemake(project, *(targets or TARGETS), "-n", "--quiet", "host", **changes)
    assert run.returncode == 0, run.stdout + run.stderr
    return job_counts(run.stdout + run.stderr)


def test_no_run_is_made_twice(printed):
    counts = job_counts(printed)
    assert counts["fine_tune"] == RUNS
    assert counts["pretrain"] == PRETRAININGS
    assert all(counts[f"draw_{target}"] == 1 for target in TARGETS)


def test_an_arm_waits_for_its_own_model_and_one_without_for_none(printed):
    drl, none = (
        re.findall(rf"drl fine-tune --dataset digits --arm {arm} --labels 100 .*\nReason: (.*)", printed)[0]
        for arm in ("vdrl", "none")
    )
    assert "results/demo/models/digits/vdrl_70k/seed0/model.safetensors" in drl
    assert "model.safetensors" not in none


def test_tables_2_and_4_are_read_from_the_runs_of_others(printed):
    table_2, table_4 = (
        re.search(rf"python -m drl table {name} --scale demo (.*?) --settings", printed)[1].split()
        for name in ("table_2", "table_4")
    )
    assert [Path(file).parent.name for file in table_2] == ["none", "drl"]
    assert [Path(file).parent.name for file in table_4] == ["none", "drl", "ae"]


def test_seeds_and_splits_are_axes(tmp_path):
    project = Project(tmp_path / "project")
    runs = planned(
        project, "table_2", items={"table_2": {"seeds": [0, 1]}}, studies={"fine_tune": {"splits": [12, 13, 14]}}
    )
    assert runs["fine_tune"] == 2 * 2 * 3
    paired = planned(
        project, "table_2", items={"table_2": {"seeds": [0, 1]}}, studies={"fine_tune": {"splits": "with_seed"}}
    )
    assert paired["fine_tune"] == 2 * 2
    assert paired["pretrain"] == 2


@pytest.mark.parametrize(
    ("changes", "runs"),
    [
        ({}, {}),
        ({"arms": {"vdrl": {"t_init": 0.4}}}, {"fine_tune": 1, "draw_table_1": 1, "draw_table_5": 1}),
        ({"arms": {"ae": {"label": "AE"}}}, {"draw_table_3": 1, "draw_table_4": 1}),
        ({"studies": {"fine_tune": {"search": [0.3, 0.6]}}}, {"fine_tune": 1, "draw_table_3": 1}),
        ({"studies": {"probe": {"epochs": 7}}}, {}),
    ],
    ids=["nothing", "an arm", "a label", "the grid", "another study"],
)
def test_a_change_reruns_what_it_concerns(made, changes, runs):
    found = planned(made, **changes)
    assert {name: count for name, count in found.items() if name not in ITEMS} == runs


def test_an_edited_augmentation_reruns_fine_tuning_and_the_authors_pretraining_alone(made):
    path = made.folder / "drl/data/augment/cutout.py"
    before = path.read_text()
    try:
        path.write_text(before + "\n\nMORE = 1\n")
        counts = planned(made)
    finally:
        path.write_text(before)
    assert counts["fine_tune"] == RUNS
    assert counts["pretrain"] == 1


def test_a_dataset_without_labels_of_its_own_has_ten_a_class(project):
    run = project.snakemake("table_2", "-n", "--config", "dataset=mnistm5k", tiny=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "drl fine-tune --dataset mnistm5k --arm drl --labels 100" in run.stdout + run.stderr


def test_too_many_labels_stop_tables_and_no_figure(project):
    many = {"studies": {"fine_tune": {"labels": {"digits": [2000]}}}}
    assert snakemake(project, "figure_6", "-n", **many).returncode == 0
    run = snakemake(project, "table_2", "-n", **many)
    assert run.returncode == 2
    assert "drl: config: studies.fine_tune.labels, dataset 'digits': 2000 labels are more than its 1297" in run.stderr
