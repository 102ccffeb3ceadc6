import shutil
import subprocess
from pathlib import Path

import pytest

from drl.errors import UserError
from drl.records import card, run_card
from drl.records.run_card import write_card
from tests.cards import read_card


def git(folder, *words):
    settings = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    run = subprocess.run(["git", *settings, "-C", folder, *words], check=True, capture_output=True, text=True)
    return run.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, and a function that says what cards written by a project folder name."""
    outer = tmp_path / "outer"
    (outer / "project" / "drl").mkdir(parents=True)
    (outer / "project" / "drl" / "a.py").write_text("a = 1\n")
    (outer / "a.txt").write_text("a")
    git(outer, "init", "-q")
    git(outer, "add", ".")
    git(outer, "commit", "-q", "-m", "a")

    def named_by(root: Path) -> dict[str, object]:
        monkeypatch.setattr(run_card, "ROOT", root)
        run_card._git.cache_clear()
        (tmp_path / "out.csv").write_text("a")
        return read_card(write_card("probe", [tmp_path / "out.csv"], {}, "code"))["git"]

    yield outer, named_by
    run_card._git.cache_clear()


def test_a_card_names_the_commit_of_the_project_and_whether_its_code_was_changed(repository):
    outer, named_by = repository
    shutil.move(outer / "project" / "drl", outer / "drl")
    git(outer, "add", ".")
    git(outer, "commit", "-q", "-m", "b")
    commit = git(outer, "rev-parse", "HEAD")
    assert named_by(outer) == {"commit": commit, "dirty": False}
    (outer / "drl" / "a.py").write_text("a = 2\n")
    assert named_by(outer) == {"commit": commit, "dirty": True}


def test_a_copy_inside_another_repository_names_no_commit(repository):
    outer, named_by = repository
    assert named_by(outer / "project") == {"commit": None, "dirty": None}


def test_variables_of_git_name_no_other_repository(repository, tmp_path, monkeypatch):
    outer, named_by = repository
    (tmp_path / "copy").mkdir()
    monkeypatch.setenv("GIT_DIR", str(outer / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "copy"))
    assert named_by(tmp_path / "copy") == {"commit": None, "dirty": None}


def test_a_copy_outside_any_repository_names_no_commit(repository, tmp_path):
    _, named_by = repository
    (tmp_path / "copy").mkdir()
    assert named_by(tmp_path / "copy") == {"commit": None, "dirty": None}


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"outputs": {}', "\ufeff"])
def test_a_file_that_is_not_a_card_is_one_line(text, tmp_path):
    path = tmp_path / "a.csv.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"a\.csv\.json"):
        card.read_card(path)
