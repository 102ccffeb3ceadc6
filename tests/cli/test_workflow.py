"""`drl run`: what Snakemake is given."""

import os
import sys

import pytest

from drl.cli import workflow
from drl.cli.main import cli
from drl.cli.workflow import command_line
from drl.config.project import project
from drl.errors import UserError

SNAKEFILE = ["--snakefile", str(project() / "Snakefile")]


def test_words_are_passed_on_in_their_order():
    words = ["figure_4", "-n", "--config", "scale=lite", "seeds=1"]
    assert command_line(words, project()) == [*SNAKEFILE, *words]


@pytest.mark.parametrize("word", ["--snakefile", "-s", "--directory", "-d", "--snakefile=x"])
def test_another_workflow_or_folder_is_refused(word):
    with pytest.raises(UserError, match=f"^run {word.partition('=')[0]}: drl run uses"):
        command_line([word, "x"], project())


@pytest.mark.parametrize("name", ["slurm", "profiles/slurm"])
@pytest.mark.parametrize("form", ["two words", "one"])
def test_the_projects_profiles_are_found_from_any_folder(name, form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def given():
        words = ["--workflow-profile", name] if form == "two words" else [f"--workflow-profile={name}"]
        return "=".join(command_line(words, project())[2:]).removeprefix("--workflow-profile=")

    assert given() == str(project() / "profiles" / "slurm")
    (tmp_path / "profiles" / "slurm").mkdir(parents=True)
    assert given() == name, "the user's own comes first"


def test_unknown_profiles_are_left_to_snakemake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command_line(["--workflow-profile", "mine/default"], project())[-1] == "mine/default"


def test_snakemake_takes_the_process_over(monkeypatch):
    started = []
    monkeypatch.setattr(os, "execv", lambda *words: started.append(words))
    cli(["run", "figure_4", "-n", "--config", "scale=lite"], standalone_mode=False)
    ((program, words),) = started
    assert (program, words[:4]) == (sys.executable, [sys.executable, "-P", "-m", "snakemake"])
    assert words[4:] == [*SNAKEFILE, "figure_4", "-n", "--config", "scale=lite"]


def test_settings_are_checked_before_anything_starts(monkeypatch):
    monkeypatch.setattr(workflow.os, "execv", lambda *words: pytest.fail("it started"))
    with pytest.raises(UserError, match="--config is given 2 times"):
        cli(["run", "--config", "scale=lite", "--config", "seeds=1"], standalone_mode=False)
