"""Which jobs items need: compared with what Snakemake plans."""

from collections import Counter

import pytest
from PIL import Image

from drl.config.items import item_kind
from drl.costs.jobs import DRAW, STUDY, check_items, chosen_items, job_table, jobs_of, kind_of, own, shared
from drl.errors import UserError
from drl.pipeline.configuration import resolve
from tests.job_settings import BUILT, trained
from tests.workflow.conftest import Project

CONFIG = resolve("demo")


def counted(scale, items):
    return Counter(job_table(resolve(scale), items)["kind"])


def planned(project, *words):
    run = project.snakemake(*words, "-n", "--quiet", "host", tiny=False)
    assert run.returncode == 0, run.stdout + run.stderr
    from tests.workflow.conftest import job_counts

    counts = Counter()
    for rule, count in job_counts(run.stdout + run.stderr).items():
        if rule not in ("all", "all_figures", "all_tables", "compare", "claims", *BUILT):
            # The rule that is called `theory` is the item's.
            counts[DRAW if rule.startswith("draw_") else rule.removeprefix("measure_")] += count
    return counts


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("planned") / "project")


@pytest.mark.parametrize(
    ("scale", "target"),
    [
        ("demo", "all"),
        ("paper", "all"),
        ("demo", "figure_2"),
        ("demo", "table_6"),
        ("demo", "table_3"),
        ("lite", "figure_12"),
    ],
)
def test_the_jobs_are_snakemakes(project, scale, target):
    assert counted(scale, chosen_items(resolve(scale), [target])) == planned(
        project, target, "--config", f"scale={scale}"
    )


def test_the_jobs_of_a_study_are_snakemakes(project):
    config = resolve("demo", sets=["dataset=digits"])
    counts = Counter(map(kind_of, jobs_of(config, STUDY)))
    found = planned(project, STUDY, "--config", "dataset=digits")
    assert counts == found - Counter({STUDY: 1})
    check_items(config, chosen_items(config, [STUDY, "figure_4"]))
    with pytest.raises(UserError, match="study: of which images"):
        check_items(resolve("demo"), [STUDY])
    with pytest.raises(UserError, match="labels are more than the 1297"):
        check_items(resolve("paper", sets=["dataset=digits"]), ["figure_4"])


def test_every_job_that_is_needed_is_there_and_comes_before():
    config = resolve("paper")
    for item in BUILT:
        known = jobs_of(config, item)
        for place, job in enumerate(known):
            assert set(job.jobs_before(config)) <= set(known[:place]), job.output


def test_targets():
    assert chosen_items(CONFIG, []) == chosen_items(CONFIG, ["all"]) == BUILT
    assert chosen_items(CONFIG, ["all_tables"]) == tuple(f"table_{n}" for n in range(1, 7))
    assert set(chosen_items(CONFIG, ["all_figures"])) == {name for name in BUILT if item_kind(name) == "figure"}
    assert chosen_items(CONFIG, ["table_1", "figure_4", "table_1"]) == ("figure_4", "table_1")
    for wrong in ("4", "figure_1", "fig_4"):
        with pytest.raises(UserError, match="unknown target"):
            chosen_items(CONFIG, [wrong])


def test_a_study_of_two_classes_is_planned_though_other_items_need_more(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for k in range(60):
            Image.new("L", (8, 8), k).save(tmp_path / "pets" / name / f"{k}.png")
    config = resolve("demo", sets=(f"dataset={tmp_path / 'pets'}",))
    with pytest.raises(UserError, match=r"studies\.code_swap\.classes: 4 are more than dataset"):
        job_table(config, ["figure_6"])
    assert {"probe", "few_shot"} <= set(job_table(config, [STUDY])["kind"])


def test_a_model_of_two_figures_is_one_job():
    table = job_table(resolve("demo"), ("figure_4", "figure_5")).assign(seconds=1.0)
    users = dict(zip(table["job"], table["users"], strict=True))
    simclr, drl_vp = trained("digits", "simclr", 0), trained("digits", "drl_vp", 0)
    assert len(users) == len(table)
    assert {"figure_4", "figure_5"} <= set(users[simclr])
    assert users[drl_vp] == ("figure_5",)
    alone = set(own(table, "figure_5", ("figure_4", "figure_5"))["job"])
    assert drl_vp in alone
    assert simclr not in alone
    assert any(simclr in set(jobs["job"]) for _, jobs in shared(table))
