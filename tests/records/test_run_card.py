import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drl.config.project import CODE
from drl.errors import UserError
from drl.records import card, run_card
from drl.records.run_card import write_card
from tests.cards import read_card


def git(folder, *words):
    settings = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    run = subprocess.run(["git", *settings, "-C", folder, *words], check=True, capture_output=True, text=True)
    return run.stdout.strip()


def commit(folder):
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a")
    return git(folder, "rev-parse", "HEAD")


NONE = {"commit": None, "dirty": None}


@pytest.fixture
def named_by(tmp_path, monkeypatch):
    """A function that says which commit a card names that a project folder writes."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    def named(root: Path) -> dict[str, object]:
        monkeypatch.setattr(run_card, "CODE", root)
        run_card.commit_of_code.cache_clear()
        (tmp_path / "out.csv").write_text("a")
        return read_card(write_card("probe", [tmp_path / "out.csv"], {}, "code"))["git"]

    yield named
    run_card.commit_of_code.cache_clear()


@pytest.fixture
def project(tmp_path):
    """A folder with the project's package, in no repository."""
    folder = tmp_path / "project"
    (folder / "drl" / "records" / "__pycache__").mkdir(parents=True)
    for name in ("a.py", "records/run_card.py", "records/__pycache__/run_card.cpython-311.pyc"):
        (folder / "drl" / name).write_text("a = 1\n")
    (folder / ".gitignore").write_text("__pycache__/\n")
    return folder


@pytest.fixture
def repository(project):
    """That folder as a repository, and its commit."""
    git(project, "init", "-q")
    return project, commit(project)


def test_a_card_names_the_commit_of_the_project_and_whether_its_code_was_changed(repository, named_by):
    project, head = repository
    assert named_by(project) == {"commit": head, "dirty": False}
    (project / "drl" / "a.py").write_text("a = 2\n")
    assert named_by(project) == {"commit": head, "dirty": True}
    head = commit(project)
    assert named_by(project) == {"commit": head, "dirty": False}
    (project / "drl" / "a.py").write_bytes(b"a = 2\r\n")
    assert named_by(project) == {"commit": head, "dirty": False}, "git may write ends of lines as its user likes"
    (project / "drl" / "a.py").unlink()
    assert named_by(project) == {"commit": head, "dirty": True}


def hide_with_settings(project):
    (project.parent / ".gitconfig").write_text("[status]\nshowUntrackedFiles = no\n")
    (project / "drl" / "new.py").write_text("a = 2\n")


def hide_with_a_list(project):
    (project.parent / ".gitconfig").write_text(f"[core]\nexcludesFile = {project.parent / 'ignored'}\n")
    (project.parent / "ignored").write_text("new.py\n")
    (project / "drl" / "records" / "new.py").write_text("a = 2\n")


def hide_in_the_repository(project):
    (project / ".git" / "info" / "exclude").write_text("new.so\n")
    (project / "drl" / "new.so").write_text("a = 2\n")


def hide_an_edited_file(project):
    git(project, "update-index", "--assume-unchanged", "drl/a.py")
    (project / "drl" / "a.py").write_text("a = 2\n")


def hide_a_lacking_file(project):
    git(project, "update-index", "--skip-worktree", "drl/a.py")
    (project / "drl" / "a.py").unlink()


def hide_a_linked_folder(project):
    (project / ".git" / "info" / "exclude").write_text("linked\n")
    (project.parent / "elsewhere").mkdir()
    (project / "drl" / "linked").symlink_to(project.parent / "elsewhere")


def replace_the_commit(project):
    old = git(project, "rev-parse", "HEAD")
    (project / "drl" / "a.py").write_text("a = 2\n")
    git(project, "replace", old, commit(project))
    git(project, "reset", "-q", "--soft", old)


@pytest.mark.parametrize(
    "hide",
    [
        hide_with_settings,
        hide_with_a_list,
        hide_in_the_repository,
        hide_an_edited_file,
        hide_a_lacking_file,
        hide_a_linked_folder,
        replace_the_commit,
    ],
)
def test_no_setting_of_git_hides_other_code(repository, named_by, hide):
    project, head = repository
    hide(project)
    assert named_by(project) == {"commit": head, "dirty": True}


def test_a_copy_inside_another_repository_names_no_commit(project, named_by):
    git(project.parent, "init", "-q")
    commit(project.parent)
    assert named_by(project) == NONE


@pytest.mark.parametrize("theirs", ["a.txt", "drl/b.py"])
def test_a_copy_that_another_repository_ignores_names_no_commit(tmp_path, project, named_by, theirs):
    outer = tmp_path / "outer"
    (outer / theirs).parent.mkdir(parents=True)
    (outer / theirs).write_text("a")
    git(outer, "init", "-q")
    commit(outer)
    (outer / ".gitignore").write_text("*\n")
    shutil.copytree(project / "drl", outer / "drl", dirs_exist_ok=True)
    assert named_by(outer) == NONE


@pytest.mark.parametrize(
    "theirs",
    [
        {"records/run_card.py": "b = 1\n"},
        {"records/run_card.py": "b = 1\n", "a.py": "b = 1\n", "c.py": ""},
    ],
)
def test_another_project_with_a_file_of_the_same_name_names_no_commit(tmp_path, project, named_by, theirs):
    """The example: its HEAD has a drl/records/run_card.py, and ours was unpacked over it."""
    for name, text in theirs.items():
        (tmp_path / "outer" / "drl" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "outer" / "drl" / name).write_text(text)
    git(tmp_path / "outer", "init", "-q")
    commit(tmp_path / "outer")
    shutil.copytree(project / "drl", tmp_path / "outer" / "drl", dirs_exist_ok=True)
    assert named_by(tmp_path / "outer") == NONE


def test_a_copy_of_one_of_our_files_names_no_commit(tmp_path, project, named_by):
    git(project, "init", "-q")
    git(project, "add", "drl/records/run_card.py")
    git(project, "commit", "-q", "-m", "a")
    for name in ("b", "c"):
        (project / "drl" / f"{name}.py").write_text(f"{name} = 1\n")
    assert named_by(project) == NONE


def test_the_file_itself_may_be_edited(repository, named_by):
    project, head = repository
    (project / "drl" / "records" / "run_card.py").write_text("a = 2\n")
    assert named_by(project) == {"commit": head, "dirty": True}


def test_a_repository_around_it_that_takes_the_project_for_its_files_names_no_commit(tmp_path, project, named_by):
    git(tmp_path, "init", "-q")
    (tmp_path / "a.txt").write_text("a")
    git(tmp_path, "add", "a.txt")
    git(tmp_path, "commit", "-q", "-m", "a")
    git(tmp_path, "config", "core.worktree", str(project))
    assert named_by(project) == NONE


def test_variables_of_git_name_no_other_repository(repository, named_by, tmp_path, monkeypatch):
    project, _ = repository
    shutil.copytree(project / "drl", tmp_path / "copy" / "drl")
    monkeypatch.setenv("GIT_DIR", str(project / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "copy"))
    assert named_by(tmp_path / "copy") == NONE


def test_a_copy_outside_any_repository_names_no_commit(project, named_by):
    assert named_by(project) == NONE


COMMITS_WHILE_A_JOB_RUNS = """
import subprocess, sys
from pathlib import Path
from drl.cli.options import Invocation
from drl.pipeline.registry import STEPS

if sys.argv[1] == "job":
    Invocation(scale="demo").planned(STEPS["prepare"], {"dataset": "digits"})
Path("drl/markup.py").open("a").write("NEW = 1\\n")
subprocess.run("git add . && git -c user.name=a -c user.email=a@b.c commit -q -m b", shell=True, check=True)
from drl.records.run_card import write_card

Path("out.csv").write_text("a")
write_card("probe", [Path("out.csv")], {}, "code")
"""


@pytest.mark.parametrize("what", ["job", "command"])
def test_a_commit_made_while_a_job_runs_is_not_the_one_that_the_job_ran(what, tmp_path):
    project = tmp_path / "project"
    for name in ("drl", "config"):
        shutil.copytree(CODE / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    (project / ".gitignore").write_text("__pycache__/\n")
    git(project, "init", "-q")
    head = commit(project)
    words = [sys.executable, "-c", COMMITS_WHILE_A_JOB_RUNS, what]
    subprocess.run(words, check=True, cwd=project, env={**os.environ, "PYTHONPATH": str(project)})
    assert head != git(project, "rev-parse", "HEAD")
    named = read_card(project / "out.csv.json")["git"]
    assert named == ({"commit": head, "dirty": False} if what == "job" else NONE)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"outputs": {}', "\ufeff"])
def test_a_file_that_is_not_a_card_is_one_line(text, tmp_path):
    path = tmp_path / "a.csv.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"a\.csv\.json"):
        card.read_card(path)
