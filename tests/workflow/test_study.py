"""`snakemake study`: a folder of PNGs from scikit-learn's digits, from its images to the report."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from drl.pipeline.own_images import dataset_name
from drl.pipeline.own_study import PARTS
from tests.workflow.conftest import TINY, Project

IMAGES = 300
SETTINGS = TINY | {"studies": TINY["studies"] | {"study": {"recipes": ["drl"], "image_size": 8}}}
ONE_EACH = {"prepare": 1, "pretrain": 1, "probe": 1, "few_shot": 1, "code_view": 1, "study": 1}
DRAWN = {f"draw_study_{part}": 1 for part in PARTS}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A copy of the project with a folder of digits beside it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DRL_DATA", str(tmp_path_factory.mktemp("cache")))
    project = Project(tmp_path_factory.mktemp("study") / "project")
    (project.folder / "tiny.yaml").write_text(json.dumps(SETTINGS))
    digits = load_digits()
    for k in range(IMAGES):
        path = project.folder / "my digits" / str(digits.target[k]) / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Of two sizes, to be resized.
        image = Image.fromarray((digits.images[k] * 15.9).astype(np.uint8))
        image.resize((20, 20) if k % 2 else (8, 8)).save(path)
    for path in sorted((project.folder / "my digits").rglob("*.png")):
        few = project.folder / "few" / path.parent.name
        few.mkdir(parents=True, exist_ok=True)
        if len(list(few.iterdir())) < 6:
            shutil.copy2(path, few)
    yield project
    patch.undo()


@pytest.fixture(scope="module")
def folder(project):
    """Where the study lies."""
    patch = pytest.MonkeyPatch()
    patch.chdir(project.folder)
    name = dataset_name("my digits")
    patch.undo()
    return project.folder / "results" / "demo" / "study" / name


@pytest.fixture(scope="module")
def made(project, folder):
    """The study, made by one command."""
    run = project.snakemake("study", "--cores", "1", "--config", "dataset=my digits")
    assert run.returncode == 0, run.stdout + run.stderr
    return project


def test_the_plan_is_one_job_for_each_model_and_measurement(project):
    assert project.planned("study", "--config", "dataset=my digits") == ONE_EACH | DRAWN


def test_one_command_makes_all_parts(made, folder):
    assert re.fullmatch(r"my_digits_[0-9a-f]{6}", folder.name)
    files = {path.name for path in folder.iterdir()}
    assert files == {
        f"{part}{suffix}" for part, about in PARTS.items() for suffix in (*about.suffixes, f"{about.suffixes[0]}.json")
    }
    curve = pd.read_csv(folder / "probe_curve.csv")
    assert curve[curve["arm"].isna()]["t"].tolist() == [0.0, 0.5, 1.0]
    assert set(curve["labels"]) == {240}
    assert pd.read_csv(folder / "few_shot.csv")["labels"].tolist() == [20, 40]
    assert pd.read_csv(folder / "silhouettes.csv")["t"].tolist() == [0.0, 0.5, 1.0]
    scatter = pd.read_csv(folder / "latent_scatter.csv")
    assert scatter["t"][0] == curve[curve["arm"] == "chosen"]["t"].item()
    assert scatter["n"][0] == 60


def test_the_report_holds_the_parts_and_opens_on_them(made, folder):
    run = made.snakemake("study", "--config", "dataset=my digits", "--report", "study.html")
    assert run.returncode == 0, run.stdout + run.stderr
    page = (made.folder / "study.html").read_text()
    assert "Study of my digits" in page
    for part, about in PARTS.items():
        assert about.shows in page
        assert f"{part}{about.suffixes[0]}" in page
    assert "What codes of these images are worth" in page


def test_nothing_is_left_to_do_until_an_image_comes(made, folder):
    assert made.planned("study", "--config", "dataset=my digits") == {}
    more = made.folder / "my digits" / "3" / "more.png"
    Image.new("L", (8, 8), 7).save(more)
    try:
        planned = made.planned("study", "--config", "dataset=my digits")
    finally:
        more.unlink()
    assert planned == ONE_EACH | DRAWN
    assert made.planned("study", "--config", "dataset=my digits") == {}


def test_results_are_whole_and_known_by_their_folder(made):
    run = made.drl("verify", "results/demo", "--configfile", "tiny.yaml")
    assert (run.returncode, run.stdout) == (0, "results/demo: all results are whole and up to date\n"), run.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("study",), "drl: study: of which images? Add --config dataset=path/to/folder"),
        (("study", "--config", "dataset=my pets/none"), "drl: image folder my pets/none does not exist"),
        (
            ("figure_4", "--config", "dataset=few"),
            "50 labels are more than the 40 training images, as many of each class",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2_before_any_job(project, words, said):
    before = set((project.folder / "results").rglob("*"))
    run = project.snakemake(*words, "--cores", "1")
    assert run.returncode == 2, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("drl: ")]
    assert said in line
    assert set((project.folder / "results").rglob("*")) == before
