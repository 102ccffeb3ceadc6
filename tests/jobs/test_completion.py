"""Finished files are kept for a Snakemake that was killed, and taken only by the same job."""

import hashlib
import json
import os
import socket
import subprocess
from dataclasses import replace

import pytest

from drl.config.base import Settings
from drl.errors import UserError
from drl.jobs import completion as finished
from drl.jobs.completion import JobFiles, forget, sole_job
from drl.jobs.job import Job, study_of
from drl.pipeline.registry import STEPS
from drl.records.run_card import versions, write_card

MARK = "0123456789abcdef0123"
PLACED = {"device": "cpu", "precision": "fp32", "compile": False, "threads": 1}
ABOUT = {"seed": 0}
OWNER = {"fingerprint": MARK, "versions": {"torch": versions()["torch"]}, **PLACED}


@pytest.fixture
def work(tmp_path):
    images = tmp_path / "images"
    return JobFiles(
        "probe drl on digits, seed 0",
        tmp_path / "out" / "a.csv",
        tmp_path / "states" / MARK,
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
            more = work.out.with_suffix(".right.safetensors")
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


def test_a_job_that_begins_removes_what_killed_processes_had_half_written(work, tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    for folder in (work.out.parent, work.state):
        (folder / f".other.csv.{socket.gethostname()}-{dead.pid}-abc.part").mkdir(parents=True)
    with sole_job(work):
        assert not list(tmp_path.rglob("*.part"))


def test_by_hand_nothing_is_kept_and_a_finished_job_is_made_again(work, monkeypatch):
    monkeypatch.delenv("DRL_ORDERED", raising=False)
    assert not make(work)
    assert not work.state.exists()
    assert not make(work, "again")
    assert work.out.read_text() == "again"


def test_finished_files_come_back(killed, capsys):
    assert make(killed, "again")
    assert sorted(os.listdir(killed.out.parent)) == ["a.csv", "a.csv.json", "a.right.safetensors"]
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


@pytest.mark.parametrize("name", ["a.csv", "a.right.safetensors", "a.csv.json"])
def test_damaged_ones_are_not_taken(killed, name):
    path = killed.state / finished.KEPT / name
    path.write_bytes(path.read_bytes()[:-2])
    assert not make(killed, "again")


def forge(card, change):
    """Change what a card names as outputs."""
    said = json.loads(card.read_text())
    change(said["outputs"])
    said["sizes"] = {}
    card.write_text(json.dumps(said))


def add(name, text):
    return lambda outputs: outputs.update({name: hashlib.sha256(text.encode()).hexdigest()})


def test_no_file_is_replaced_that_the_job_does_not_write(killed):
    """The example: the card among the finished files of a downloaded folder names thesis.md too."""
    kept, theirs = killed.state / finished.KEPT, killed.out.with_name("thesis.md")
    theirs.write_text("mine")
    (kept / "thesis.md").write_text("forged")
    forge(kept / killed.card.name, add("thesis.md", "forged"))
    assert not make(killed, "again")
    assert (theirs.read_text(), killed.out.read_text()) == ("mine", "again")
    assert not (kept / "thesis.md").exists()


def test_neither_a_card_without_the_job_s_file_nor_a_link_is_taken(killed, tmp_path):
    kept = killed.state / finished.KEPT
    forge(kept / killed.card.name, lambda outputs: outputs.pop("a.csv"))
    assert not make(killed, "again")
    (kept / "a.csv").rename(tmp_path / "theirs.csv")
    (kept / "a.csv").symlink_to(tmp_path / "theirs.csv")
    assert not make(killed, "once more")
    assert killed.out.read_text() == "once more"


def test_no_file_of_others_is_kept(work, monkeypatch):
    """Whoever wrote a card while the job ran: what is kept is what comes back."""
    monkeypatch.setenv("DRL_ORDERED", "1")
    with sole_job(work):
        work.out.parent.mkdir(exist_ok=True)
        for path in (work.out, work.out.with_name("thesis.md")):
            path.write_text("made")
        write_card("probe", [work.out], work.settings, work.code_digest, work.inputs, **PLACED, **ABOUT)
        forge(work.card, add("thesis.md", "made"))
    assert sorted(os.listdir(work.state / finished.KEPT)) == ["a.csv", "a.csv.json"]


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_the_title_of_a_job_says_its_step(step, tmp_path):
    axes = {"dataset": "pets", "recipe": "drl", "arm": "best", "labels": 10, "split": 0, "seed": 1}
    about = {name: axes[name] for name in step.axes if name in axes}
    job = Job(step.name, about, Settings(), "", {}, tmp_path / "a.csv")
    assert study_of(job.title) == step.name


def test_they_are_kept_until_snakemake_has_ended(killed):
    (killed.state.parent / "unfinished").mkdir()
    incomplete = killed.out.parent / "incomplete"
    incomplete.mkdir()
    (incomplete / "of another target").touch()
    forget(killed.state.parent, incomplete)
    assert sorted(os.listdir(killed.state.parent)) == [MARK, "unfinished"]
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


def test_no_folder_of_somebody_else_is_removed(killed, capsys):
    """The example: `.state` is a link to a folder in which thesis/finished lies."""
    states = killed.state.parent
    for name in ("thesis", "0" * 20, "f" * 19):
        (states / name / finished.KEPT).mkdir(parents=True)
        (states / name / finished.KEPT / "chapter.tex").write_text("mine")
    (states / ("1" * 20)).mkdir()
    (states / ("1" * 20) / finished.KEPT).symlink_to(states / "thesis" / finished.KEPT)
    outside = states.parent / "outside"
    (outside / finished.KEPT).mkdir(parents=True)
    (states / ("2" * 20)).symlink_to(outside)
    before = sorted(states.rglob("*"))
    results = states.parent / "results"
    results.mkdir()
    (results / ".state").symlink_to(states)
    forget(results / ".state")
    assert sorted(states.rglob("*")) == before
    assert (
        ".state: is a link, so the states of finished jobs below it stay; remove them by hand"
        in capsys.readouterr().err
    )
    forget(states)
    assert sorted(states.rglob("*")) == [path for path in before if MARK not in path.parts]
    assert (outside / finished.KEPT).is_dir()


def test_results_that_are_a_link_are_the_users_choice(killed):
    (killed.state.parent.parent / "disk").symlink_to(killed.state.parent.parent)
    forget(killed.state.parent.parent / "disk" / "states")
    assert not killed.state.exists()


@pytest.mark.parametrize("place", ["", finished.KEPT])
def test_a_state_that_is_a_link_is_refused(work, place):
    theirs = work.out.parent.parent / "thesis"
    (theirs / finished.KEPT).mkdir(parents=True)
    (theirs / finished.KEPT / "chapter.tex").write_text("mine")
    link = work.state / place
    link.parent.mkdir(parents=True)
    link.symlink_to(theirs / place)
    with pytest.raises(UserError, match="is a link, but a job keeps its state in a folder of its own; remove it"):
        make(work)
    assert (theirs / finished.KEPT / "chapter.tex").read_text() == "mine"


def test_links_that_could_not_all_be_made_are_forgotten_too(work, monkeypatch):
    link, made = os.link, []

    def first_only(*names):
        if made:
            raise OSError
        made.append(names)
        link(*names)

    monkeypatch.setenv("DRL_ORDERED", "1")
    monkeypatch.setattr(os, "link", first_only)
    assert not make(work)
    assert work.state_file.exists()
    forget(work.state.parent)
    assert not work.state.exists()


@pytest.mark.parametrize("name", ["", "a.csv", "deep/a.csv"])
def test_a_state_does_not_hold_the_files_that_outlive_it(work, name):
    """The example: `--states S --out S/<fingerprint>` waited for its own lock."""
    with pytest.raises(UserError, match=r"lies where the job keeps its state; choose another place for --out"):
        make(replace(work, out=work.state / name))
    assert not work.state.exists()
