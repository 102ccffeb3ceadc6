"""Sums of a plan: every job once in the total, and what is shared is named."""

import io
import math
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from drl.costs.jobs import Amounts, Division, jobs_of, kind_of
from drl.costs.plan import Plan, job_threads, needed
from drl.costs.rates import Device, Rate
from drl.costs.show import hours, in_words, plan_parts, show, size, speed, titles_of
from drl.pipeline.configuration import resolve
from drl.pipeline.work import HOST, NETWORK
from tests.job_settings import BUILT

ROOT = Path(__file__).resolve().parents[2]
DEVICE = Device("a processor", "cpu", "2.13.0", 1, "auto", "auto")
AMOUNTS = Amounts(resolve("demo"))


def plan_of(*items, made=(), unknown=()):
    division = Division.of(AMOUNTS.config, items)
    units = needed(AMOUNTS, division.jobs)
    rates = {one: Rate(math.nan, "unknown") if one.kind in unknown else Rate(0.01, "measured") for one in units}
    return Plan(AMOUNTS, division, rates, dict.fromkeys(division.jobs, 10), frozenset(made))


def text_of(plan, **more):
    printed = io.StringIO()
    with redirect_stdout(printed):
        show(plan_parts(plan, DEVICE, 2, 2, 1000, more.get("assumption")))
    return printed.getvalue()


def test_the_total_counts_each_job_once():
    plan = plan_of("figure_4", "figure_5", "figure_9", "table_6")
    total = plan.total()
    assert total.count == len({job for item in plan.items for job in jobs_of(AMOUNTS.config, item)})
    assert total.seconds == pytest.approx(sum(count * 0.01 for count in needed(AMOUNTS, plan.division.jobs).values()))
    assert total.disk == 10 * total.count
    assert total.seconds == pytest.approx(sum(found.seconds for found in plan.by_kind().values()))
    assert total.seconds == pytest.approx(sum(plan.by_unit().values()))
    assert sum(plan.alone(item).seconds for item in plan.items) > total.seconds


def test_the_readme_counts_the_jobs_of_the_paper():
    jobs = [kind_of(job) for job in Division.of(resolve("paper"), BUILT).jobs]
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"{len(jobs)} jobs, {jobs.count('pretrain')} of them pretrainings and {jobs.count('fine_tune')} fine" in text


def test_own_and_shared_make_the_total():
    plan = plan_of("figure_4", "figure_5", "figure_12")
    by_item = plan.division.by_item.values()
    shared = plan.total(job for job in plan.division.jobs if sum(job in jobs for jobs in by_item) > 1)
    own = [plan.own(item) for item in plan.items]
    assert sum(found.seconds for found in own) + shared.seconds == pytest.approx(plan.total().seconds)
    assert sum(found.count for found in own) + shared.count == plan.total().count


def test_an_item_asked_for_alone_is_its_own_but_says_who_else_needs_its_models():
    plan = plan_of("figure_9")
    assert plan.own("figure_9").count == plan.alone("figure_9").count == plan.total().count
    assert any("figure_4" in items for items in plan.shared())


def test_what_is_made_is_not_to_do():
    names = plan_of("figure_4").division.jobs
    plan = plan_of("figure_4", made=names[:5])
    assert plan.total().made == 5
    done = plan.total(names[:5]).seconds
    assert plan.total().left == pytest.approx(plan.total().seconds - done)
    assert plan_of("figure_4", made=names).total().left == 0


def test_an_unknown_rate_is_said():
    plan = plan_of("figure_4", unknown=("train",))
    assert plan.total().unknown == plan.total().jobs["pretrain"]
    assert "Some rates are not known" in text_of(plan)
    assert "> " in text_of(plan)
    assert "not known" not in text_of(plan_of("figure_4"))
    assert hours(0.1) == "<0.001"
    assert hours(0) == "0"
    assert [hours(3600, 2), hours(0, 2), hours(0.1, 1)] == ["> 1.00", "?", "?"]


def test_a_plan_that_knows_nothing_prints_no_hours():
    text = text_of(plan_of("figure_4", unknown={*NETWORK, *HOST}))
    assert "0.000" not in text
    assert "?" in text


def test_rows_of_different_networks_have_different_names():
    amounts = Amounts(resolve("paper"))
    division = Division.of(amounts.config, BUILT)
    rates = dict.fromkeys(needed(amounts, division.jobs), Rate(0.01, "measured"))
    plan = Plan(amounts, division, rates, dict.fromkeys(division.jobs, 10))
    titles = list(titles_of(plan.by_unit()).values())
    assert len(set(titles)) == len(titles)


def test_it_fits_120_columns_and_names_everything():
    text = text_of(plan_of("figure_4", "figure_5", "table_3"))
    assert max(map(len, text.splitlines())) <= 120
    for word in (
        "figure_4",
        "table_3",
        "total",
        "measured",
        "own",
        "8 pretrain, 8 probe",
        "Figures 4, 5, 9, 10, 11",
        *("fine-tune",),
    ):
        assert word in text
    assert "ASSUMED" in text_of(plan_of("figure_4"), assumption=1e14)


def test_words():
    assert [hours(value * 3600) for value in (0.01234, 1.234, 12.34, 23712, math.nan)] == [
        "0.012",
        "1.23",
        "12.3",
        "23,700",
        "?",
    ]
    assert [size(value) for value in (12, 1234, 12_345_678, 5e12)] == ["12 B", "1.2 kB", "12 MB", "5.00 TB"]
    assert [speed(0.01, "image"), speed(5.21, "update")] == ["100.0 images/s", "5.2 s an update"]
    assert in_words(("figure_4", "figure_5", "table_1", "code_usage")) == "Figures 4, 5; Table 1; code_usage"


def test_threads_are_those_of_the_rules():
    assert [job_threads(scale, 16) for scale in ("demo", "lite", "paper")] == [1, 1, 4]
    assert job_threads("paper", 2) == 2
