"""Linked folders of results: results may lie on another disk, but what a user has there stays."""

import os

import pytest
from click.testing import CliRunner

from drl.cli.main import cli
from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.records.linked import check_links, first_link
from drl.records.own_files import Writes, own_files
from drl.records.run_card import write_card

PREPARE = ("prepare", "--dataset", "digits", "--scale", "demo")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def results(here):
    (here / "results" / "demo").mkdir(parents=True)
    return here / "results" / "demo"


@pytest.fixture
def photos(here, results):
    """A folder of a user with files that are called as those of `drl prepare`, in place of the images of digits."""
    photos = here / "photos"
    photos.mkdir()
    for name in ("files.csv", "images.safetensors"):
        (photos / name).write_text("mine")
    (results / "data").mkdir()
    (results / "data" / "digits").symlink_to("../../../photos")
    return photos


def check(results):
    check_links(results, resolve("demo"))


def drl(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def kept(photos):
    return {path.name: path.read_text() for path in photos.iterdir()}


@pytest.mark.parametrize("lacking", ["", "files.csv", "images.safetensors"])
def test_files_behind_a_link_stay_if_no_card_says_that_they_are_the_jobs(results, photos, lacking):
    if lacking:
        (photos / lacking).unlink()
    before = kept(photos)
    for call in (lambda: drl(*PREPARE), lambda: check(results)):
        with pytest.raises(UserError, match=r"is there already, and not of the job that makes such a file; move") as it:
            raise call().exception
        assert "results/demo/data/digits" in str(it.value)
        assert "\n" not in str(it.value)
        assert kept(photos) == before


@pytest.mark.parametrize("link", ["results", "results/demo", "results/demo/data", "results/demo/data/digits"])
def test_results_on_another_disk_are_made_and_made_again(here, link):
    (here / "disk").mkdir()
    (here / link).parent.mkdir(parents=True, exist_ok=True)
    (here / link).symlink_to(here / "disk")
    for _ in range(2):
        run = drl(*PREPARE)
        assert run.exit_code == 0, run.exception
        check(here / "results" / "demo")
    made = here / "results" / "demo" / "data" / "digits"
    assert sorted(os.listdir(made)) == ["files.csv", "images.safetensors", "images.safetensors.json"]


def probe(results, link):
    about = {"scale": "demo", "dataset": "digits", "recipe": "drl", "seed": 0}
    out = results / "metrics" / "probe" / "digits" / "drl" / "seed0.csv"
    return Writes(command="probe", about=about, files=[out], usual=True, link=link)


def test_what_a_killed_job_left_behind_a_link_is_its_own(here, results):
    (here / "disk").mkdir()
    (results / "metrics").symlink_to(here / "disk")
    said = probe(results, results / "metrics")

    def killed():
        said.files[0].write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), own_files(said):
        killed()
    check(results)
    with own_files(said):
        said.files[0].write_text("whole")
        write_card("probe", said.files, {}, "code", **said.about)
    check(results)
    assert sorted(os.listdir(said.files[0].parent)) == ["seed0.csv", "seed0.csv.json"]
    said.files[0].with_name("seed0.csv.json").unlink()
    with pytest.raises(UserError, match=r"seed0\.csv: is there already"):
        check(results)


def test_pictures_that_no_job_makes_are_in_nobodys_way(here, results):
    (here / "pictures").mkdir()
    (results / "figures").symlink_to(here / "pictures")
    for name in ("cat.svg", "figure_4.txt", "figure_99.png"):
        (here / "pictures" / name).write_text("mine")
    check(results)
    (here / "pictures" / "figure_4.png").write_text("mine")
    with pytest.raises(UserError, match=r"figure_4\.png: is there already"):
        check(results)


def test_the_first_link_is_named(here, results):
    out = results / "models" / "digits" / "drl" / "seed0" / "model.safetensors"
    assert first_link(results, out) is None
    (here / "disk" / "drl").mkdir(parents=True)
    (results / "models").mkdir()
    (results / "models" / "digits").symlink_to(here / "disk")
    assert first_link(results, out) == results / "models" / "digits"
