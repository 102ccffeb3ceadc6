"""Words that Snakemake is asked for."""

import pytest

from drl.errors import UserError
from drl.pipeline.targets import check_steps, check_targets

RULES = {"all": True, "figure_4": True, "figure_12": True, "draw_figure_4": True, "pretrain": False}


def makes(path):
    return path.startswith("results/demo/models/")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("figure4", "unknown target 'figure4'; did you mean 'figure_4'?"),
        ("figur_4", "did you mean 'figure_4'?"),
        ("zzz", "valid: all, figure_12, figure_4$"),
        ("pretrain", "'pretrain': is a step of many jobs; name an item"),
        ("results/demo/model/x", "no job makes such a file"),
        ("drl", "unknown target 'drl'"),
    ],
)
def test_a_mistyped_target_is_named_with_the_nearest(word, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drl").mkdir()
    with pytest.raises(UserError, match=said):
        check_targets(["all", word], RULES, makes)


def test_rules_files_that_exist_and_files_that_jobs_make_are_targets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").touch()
    check_targets(["all", "draw_figure_4", "mine.csv", "results/demo/models/x"], RULES, makes)
    check_steps(["pretrain", "figure_4"], RULES, makes)
    with pytest.raises(UserError, match="did you mean 'pretrain'"):
        check_steps(["pretain"], RULES, makes)
