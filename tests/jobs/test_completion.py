"""Finished files are kept for a Snakemake that was killed, and taken only by the same job."""

import os
from dataclasses import replace

import pytest

from drl.jobs import completion as finished
from drl.jobs.completion import JobFiles, forget, sole_job
from drl.records.run_card import versions, write_card

PLACED = {"device": "cpu", "precision": "fp32", "compile": False, "threads": 1}
ABOUT = {"seed": 0}
OWNER = {"fingerprint": "mark", "versions": {"torch": versions()["torch"]}, **PLACED}


@pytest.fixture
def work(tmp_path):
    images = tmp_path / "images"
    return JobFiles(
        "job",
        tmp_path / "out" / "a.csv",
        tmp_path / "states" / "mark",
        {"x": 1},
        "code",
        {images: "0" * 64},
        OWNER,
        ABOUT,
    )


def make(work, text="made"):
    """Do the work, with a state as trainings have one."""
    with sole_job(work) as done:
        if not done:
            work.out.parent.mkdir(exist_ok=True)
            work.state.mkdir(parents=True, exist_ok=True)
            work.state_file.write_text("state")
            work.out.write_text(text)
            more = work.out.with_suffix(".png")
            more.write_text(text)
            write_card("probe", [work.out, more], work.settings, work.code_digest, work.inputs, **PLACED, **ABOUT)
    return done


@pytest.fixture
def killed(work, monkeypatch):
    """What a job leaves that Snakemake ordered and did not live to see finished: it removes the outputs."""
    monkeypatch.setenv("DRL_ORDERED", "1")
    assert not make(work)
    assert not work.state_file.exists()
    for path in work.out.parent.iterdir():
        path.unlink()
    return work


def test_by_hand_nothing_is_kept_and_a_finished_job_is_made_again(work, monkeypatch):
    monkeypatch.delenv("DRL_ORDERED", raising=False)
    assert not make(work)
    assert not work.state.exists()
    assert not make(work, "again")
    assert work.out.read_text() == "again"


def test_finished_files_come_back(killed, capsys):
    assert make(killed, "again")
    assert sorted(os.listdir(killed.out.parent)) == ["a.csv", "a.csv.json", "a.png"]
    assert killed.out.read_text() == "made"
    assert "is made already" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"x": 2}},
        {"code_digest": "other"},
        {"about": {"seed": 1}},
        {"inputs": {"images": "1"}},
        {"owner": OWNER | {"threads": 2}},
        {"owner": OWNER | {"versions": {"torch": "0"}}},
    ],
)
def test_only_the_same_job_takes_them(killed, changes):
    assert not make(replace(killed, **changes), "again")
    assert killed.out.read_text() == "again"


@pytest.mark.parametrize("name", ["a.csv", "a.png", "a.csv.json"])
def test_damaged_ones_are_not_taken(killed, name):
    path = killed.state / finished.KEPT / name
    path.write_bytes(path.read_bytes()[:-2])
    assert not make(killed, "again")


def test_they_are_kept_until_snakemake_has_ended(killed):
    (killed.state.parent / "unfinished").mkdir()
    incomplete = killed.out.parent / "incomplete"
    incomplete.mkdir()
    (incomplete / "of another target").touch()
    forget(killed.state.parent, incomplete)
    assert sorted(os.listdir(killed.state.parent)) == ["mark", "unfinished"]
    (incomplete / "of another target").unlink()
    forget(killed.state.parent, incomplete)
    assert os.listdir(killed.state.parent) == ["unfinished"]


def test_where_there_are_no_hard_links_the_state_stays(work, monkeypatch):
    def none(*_):
        raise OSError

    monkeypatch.setenv("DRL_ORDERED", "1")
    monkeypatch.setattr(os, "link", none)
    assert not make(work)
    assert work.state_file.exists()
    assert not make(work)
    forget(work.state.parent)
    assert not work.state.exists()
