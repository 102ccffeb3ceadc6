"""Words that Snakemake is asked for."""

import pytest

from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.pipeline.targets import check_reported, check_steps, check_targets

CONFIG = resolve("demo")
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
    (tmp_path / "mine.yaml").touch()
    with pytest.raises(UserError, match=r"'mine.yaml': is a file of settings and no target; write --configfile before"):
        check_targets(["figure_4", "mine.yaml"], RULES, makes)
    check_steps(["pretrain", "figure_4"], RULES, makes)
    with pytest.raises(UserError, match="did you mean 'pretrain'"):
        check_steps(["pretain"], RULES, makes)


@pytest.mark.parametrize(
    ("targets", "line"),
    [
        ((), r"figure_2 is not made yet \(nor are \d+ others\)"),
        (("all",), r"figure_2 is not made yet \(nor are \d+ others\)"),
        (("figure_7", "table_1"), "table_1 is not made yet"),
        (("all_tables",), r"table_1 is not made yet \(nor are 5 others\)"),
    ],
)
def test_a_report_names_what_is_not_made_and_the_command_for_what_is(targets, line, tmp_path):
    (tmp_path / "figures").mkdir()
    for name in ("figure_7", "figure_4"):
        (tmp_path / "figures" / f"{name}.svg").touch()
    remedy = "to report what is, run `snakemake figure_4 figure_7 --config scale=demo --report …`"
    with pytest.raises(UserError, match=f"^--report: {line}; {remedy}$"):
        check_reported(targets, CONFIG, tmp_path)
    check_reported(("figure_7", "figure_4"), CONFIG, tmp_path)


def test_a_report_of_a_study_that_is_not_made_names_what_to_run_first(tmp_path):
    parts = [tmp_path / "a.svg", tmp_path / "b.svg"]
    parts[0].touch()
    remedy = "run the same command without --report first"
    with pytest.raises(UserError, match=f"^--report: the study is not made yet; {remedy}$"):
        check_reported(("study",), CONFIG, tmp_path, [str(part) for part in parts])
    parts[1].touch()
    check_reported(("study",), CONFIG, tmp_path, [str(part) for part in parts])


def test_a_report_of_nothing_is_refused_with_what_to_make_first(tmp_path):
    with pytest.raises(UserError, match=r"run `snakemake figure_4 --config scale=demo` first$"):
        check_reported(("figure_4",), CONFIG, tmp_path)
