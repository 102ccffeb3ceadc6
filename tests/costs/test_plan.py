"""Sums of a plan: every job once in the total, and what is shared is named."""

import io
import re
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

from drl.costs import plan as module
from drl.costs.book import Book, Device
from drl.costs.jobs import Amounts, job_table, jobs_of, shared
from drl.costs.plan import Plan, job_threads, needed, plain, plan_parts, planned, speed, unit_table
from drl.costs.rates import Rate
from drl.costs.show import by_kind, in_words, show, size, time
from drl.pipeline.configuration import resolve
from drl.pipeline.units import HOST, NETWORK, WorkUnit
from tests.job_settings import BUILT

ROOT = Path(__file__).resolve().parents[2]
DEVICE = Device("a processor", "cpu", "2.13.0", 1, "auto", "auto")
AMOUNTS = Amounts(resolve("demo"))


@pytest.fixture
def plan_of(tmp_path):
    def plan(*items, made=(), unknown=(), per_second=None):
        jobs = job_table(AMOUNTS.config, items)
        counts = needed(AMOUNTS, jobs["job"])
        rates = {unit: Rate() if unit.kind in unknown else Rate(0.01, "measured") for unit in counts}
        jobs = planned(jobs, AMOUNTS, rates, Book(tmp_path / "rates.json"), tmp_path)
        jobs["made"], jobs["disk"] = [job in made for job in jobs["job"]], 10
        units = unit_table(counts, rates)
        return Plan("demo", items, jobs, units, DEVICE, at_once=2, per_second=per_second)

    return plan


def text_of(plan):
    printed = io.StringIO()
    with redirect_stdout(printed):
        show(plan_parts(plan))
    return printed.getvalue()


def seconds_of(jobs):
    return jobs["seconds"].sum()


def test_the_total_counts_each_job_once(plan_of):
    plan = plan_of("figure_4", "figure_5", "figure_9", "table_6")
    jobs = plan.jobs
    assert len(jobs) == len({job for item in plan.items for job in jobs_of(AMOUNTS.config, item)})
    total = seconds_of(jobs)
    assert total == pytest.approx(sum(count * 0.01 for count in needed(AMOUNTS, jobs["job"]).values()))
    assert total == pytest.approx(sum(seconds_of(rows) for rows in by_kind(jobs).values()))
    assert total == pytest.approx(plan.units["total"].sum())
    assert sum(seconds_of(plan.alone(item)) for item in plan.items) > total
    assert plain(plan)["total"]["disk_bytes"] == 10 * len(jobs)


def test_the_page_on_clusters_counts_the_jobs_of_the_paper():
    kinds = list(job_table(resolve("paper"), BUILT)["kind"])
    text = " ".join((ROOT / "docs" / "cluster.md").read_text().split())
    assert (
        f"{len(kinds)} jobs, {kinds.count('pretrain')} of them pretrainings and {kinds.count('fine_tune')} fine" in text
    )


def test_own_and_shared_make_the_total(plan_of):
    plan = plan_of("figure_4", "figure_5", "figure_12")
    several = plan.jobs[[len(set(users) & set(plan.items)) > 1 for users in plan.jobs["users"]]]
    own = [plan.own(item) for item in plan.items]
    assert sum(map(seconds_of, own)) + seconds_of(several) == pytest.approx(seconds_of(plan.jobs))
    assert sum(map(len, own)) + len(several) == len(plan.jobs)


def test_an_item_asked_for_alone_is_its_own_but_says_who_else_needs_its_models(plan_of):
    plan = plan_of("figure_9")
    assert len(plan.own("figure_9")) == len(plan.alone("figure_9")) == len(plan.jobs)
    assert any("figure_4" in items for items, _ in shared(plan.jobs))


def test_what_is_made_is_not_to_do(plan_of):
    jobs = jobs_of(AMOUNTS.config, "figure_4")
    plan = plan_of("figure_4", made=jobs[:5])
    total, done = plain(plan)["total"], seconds_of(plan.jobs[plan.jobs["made"]])
    assert total["made"] == 5
    assert total["hours_left"] == pytest.approx((seconds_of(plan.jobs) - done) / 3600, abs=1e-4)
    assert plain(plan_of("figure_4", made=jobs))["total"]["hours_left"] == 0


def test_states_at_the_peak_are_those_of_the_largest_jobs(plan_of):
    plan = plan_of("figure_4")
    assert plan.states == sum(sorted(plan.jobs["state"])[-2:])


def test_more_jobs_side_by_side_take_less_time_but_not_less_than_the_longest(plan_of):
    plan = plan_of("figure_4")
    whole, longest = plan.jobs["seconds"].sum(), plan.jobs["seconds"].max()
    for jobs in (4, 10_000):
        said = " ".join(text_of(replace(plan, at_once=jobs)).split())
        assert f"about {time(max(whole / jobs, longest))} with {jobs} jobs side by side" in said
    assert whole / 10_000 < longest < whole / 4


def test_an_unknown_rate_is_said(plan_of):
    plan = plan_of("figure_4", unknown=("train",))
    total = plain(plan)["total"]
    assert total["jobs_of_unknown_time"] == total["jobs"]["pretrain"]
    assert "Some rates are not known" in text_of(plan)
    assert "> " in text_of(plan)
    assert "not known" not in text_of(plan_of("figure_4"))
    assert [time(0.1), time(0)] == ["<1 s", "0 s"]
    assert [time(3600, 2), time(0, 2), time(0.1, 1)] == ["> 1 h", "?", "?"]


def test_a_plan_that_knows_nothing_prints_no_times(plan_of):
    text = text_of(plan_of("figure_4", unknown={*NETWORK, *HOST}))
    assert not re.search(r"[1-9] (s|min|h)\b", text)
    assert "?" in text


def test_rows_of_different_networks_have_different_names():
    amounts = Amounts(resolve("paper"))
    counts = needed(amounts, job_table(amounts.config, BUILT)["job"])
    units = unit_table(counts, dict.fromkeys(counts, Rate(0.01, "measured")))
    assert units["work"].is_unique


def test_units_without_a_recipe_may_share_a_title():
    counts = dict.fromkeys((WorkUnit.of("svm", "machines", features=size) for size in (8, 64)), 1.0)
    units = unit_table(counts, dict.fromkeys(counts, Rate(0.01, "measured")))
    assert list(units["work"]) == ["machines", "machines"]


def test_it_fits_120_columns_and_names_everything(plan_of):
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
    assert "ASSUMED" in text_of(plan_of("figure_4", per_second=1e14))


def test_words():
    assert [size(value) for value in (12, 1234, 12_345_678, 5e12)] == ["12 B", "1.2 kB", "12 MB", "5.00 TB"]
    assert [speed(0.01, "image"), speed(5.21, "update")] == ["100.0 images/s", "5.2 s an update"]
    assert in_words(("figure_4", "figure_5", "table_1", "code_usage")) == "Figures 4, 5; Table 1; code_usage"


def test_threads_are_those_of_the_rules():
    assert [job_threads(scale, 16) for scale in ("demo", "lite", "paper")] == [1, 1, 4]
    assert job_threads("paper", 2) == 2


@pytest.mark.parametrize(("measure", "held"), [(True, ["auto"]), (False, ["cpu"])])
def test_rates_are_measured_with_a_slot_of_a_gpu(measure, held, tmp_path, monkeypatch):
    """As local jobs do; a plan that measures nothing takes none."""
    monkeypatch.setenv("DRL_DATA", str(tmp_path))
    taken, inside = [], []

    @contextmanager
    def slot(device, slots):
        taken.append(device)
        inside.append(True)
        yield
        inside.clear()

    monkeypatch.setattr(module, "gpu_slot", slot)
    rates = module.rates_of
    monkeypatch.setattr(
        module, "rates_of", lambda *given, **options: inside and rates(*given, **options | {"measure": False})
    )
    module.run(resolve("demo"), ["figure_12"], tmp_path, 1, True, measure=measure)
    assert taken == held
    assert not inside
