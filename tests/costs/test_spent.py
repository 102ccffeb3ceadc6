"""What items really cost, from cards and benchmark files."""

import csv
import json
import math
import re

import pytest

from drl.costs.items_table import known_costs, record
from drl.costs.jobs import jobs_of
from drl.costs.show import show, time_of
from drl.costs.spent import Spent, benchmark_file, job_cost, plain_sum, spent_parts, write_csv
from drl.errors import UserError
from drl.jobs.durations import duration
from drl.pipeline.configuration import resolve
from tests.cards import WHOLE
from tests.job_settings import trained

CONFIG = resolve("demo")
HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def make(folder, job, seconds=10.0, of_card=7.0, **card):
    output = folder / job.output
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(b"x" * 1000)
    card = (
        WHOLE | {"outputs": {output.name: "0" * 64}, "device": "cpu", "seconds": of_card, "peak_memory_bytes": 1} | card
    )
    output.with_name(output.name + ".json").write_text(json.dumps(card))
    benchmark = benchmark_file(folder, job)
    benchmark.parent.mkdir(parents=True, exist_ok=True)
    benchmark.write_text(f"{HEAD}{seconds}\t0:00:10\t100.0\t1\t1\t1\t0\t0\t80\t8.0\n")


@pytest.fixture
def folder(tmp_path):
    for item in ("figure_4", "figure_9"):
        for job in jobs_of(CONFIG, item):
            make(tmp_path, job)
    return tmp_path


def test_benchmark_files_lie_where_rules_say(tmp_path):
    expected = {
        "data/digits/images.safetensors": "prepare/digits",
        "models/digits/drl/seed0/model.safetensors": "pretrain/digits/drl/seed0",
        "metrics/probe/digits/drl/seed0.csv": "probe/digits/drl/seed0",
        "metrics/silhouettes/digits.csv": "silhouettes/digits",
        "metrics/fine_tune/digits/none/labels100_split12_seed0.csv": "fine_tune/digits/none/labels100/split12/seed0",
        "figures/figure_4.svg": "draw/figure_4",
        "tables/table_1.csv": "draw/table_1",
    }
    jobs = {job.output: job for item in ("figure_4", "figure_12", "table_1") for job in jobs_of(CONFIG, item)}
    for output, name in expected.items():
        assert benchmark_file(tmp_path, jobs[output]) == tmp_path / "benchmarks" / f"{name}.tsv"


def test_the_total_counts_shared_jobs_once(folder):
    spent = Spent.read(folder, CONFIG)
    total, count = plain_sum(spent.jobs), len(jobs_of(CONFIG, "figure_4")) + 1
    assert total["jobs"] == count  # Figure 9 draws models of Figure 4
    assert total["hours"] == round(10 * count / 3600, 4)
    assert total["cpu_hours"] == round(8 * count / 3600, 4)
    assert total["peak_memory_bytes"] == 100 * 2**20
    assert plain_sum(spent.own("figure_9"))["jobs"] == 1
    groups = [group["items"] for group in spent.plain()["shared"]]
    assert ["figure_4", "figure_9", "figure_10", "figure_11"] in groups


def test_images_and_models_alone_have_costs(tmp_path, capsys):
    jobs = [job for job in jobs_of(CONFIG, "figure_4") if job.step.name in ("prepare", "pretrain")]
    for job in jobs:
        make(tmp_path, job)
    spent = Spent.read(tmp_path, CONFIG)
    show(spent_parts(spent))
    hours = 10 * len(jobs) / 3600
    assert re.search(rf"^ *total +{len(jobs)} +0 +{duration(10 * len(jobs))} ", capsys.readouterr().out, re.MULTILINE)
    plain = spent.plain()
    assert (plain["items"], plain["total"]["jobs"], plain["total"]["missing"]) == ({}, len(jobs), 0)
    assert plain["total"]["peak_memory_bytes"] == 100 * 2**20
    assert write_csv(spent).read_text().splitlines()[1].startswith(f"total,{len(jobs)},0,{hours:.4f},")


@pytest.mark.parametrize("cell", ["nan", "inf", "-1", "1e308", "x", ""])
def test_a_number_that_no_job_can_need_is_left_out(tmp_path, cell):
    job = trained("digits", "drl_2d", 0)
    make(tmp_path, job, seconds=cell)
    file = benchmark_file(tmp_path, job)
    file.write_text(file.read_text().replace("100.0", cell).replace("8.0", cell))
    found = job_cost(tmp_path, job)
    assert (found.seconds, found.memory, math.isnan(found.cpu_seconds)) == (7, 1, True)


def test_the_processors_time_without_a_benchmark_file_is_unknown(tmp_path):
    jobs = jobs_of(CONFIG, "figure_6")
    for job in jobs:
        make(tmp_path, job)
    benchmark_file(tmp_path, jobs[0]).unlink()
    found = plain_sum(Spent.read(tmp_path, CONFIG).of_item("figure_6"))
    assert found["jobs_of_unknown_cpu_time"] == 1
    assert found["cpu_hours"] == round(8 * (len(jobs) - 1) / 3600, 4)
    for job in jobs[1:]:
        benchmark_file(tmp_path, job).unlink()
    assert Spent.read(tmp_path, CONFIG).plain()["items"]["figure_6"]["cpu_hours"] is None


def test_the_processors_time_is_that_of_the_job_if_its_shell_only_waited_for_a_server(tmp_path):
    job = trained("digits", "drl_2d", 0)
    make(tmp_path, job, cpu_seconds=31.5)
    assert job_cost(tmp_path, job).cpu_seconds == 31.5
    make(tmp_path, job, cpu_seconds=7.5)  # Snakemake also counts the end of the process
    assert job_cost(tmp_path, job).cpu_seconds == 8
    benchmark_file(tmp_path, job).unlink()
    assert job_cost(tmp_path, job).cpu_seconds == 7.5


def test_a_job_without_card_and_benchmark_file_is_unknown(tmp_path):
    jobs = jobs_of(CONFIG, "figure_6")
    for job in jobs:
        make(tmp_path, job)
        benchmark_file(tmp_path, job).unlink()
        (tmp_path / f"{job.output}.json").unlink()
    spent = Spent.read(tmp_path, CONFIG)
    assert spent.plain()["total"]["hours"] is None
    assert spent.plain()["without_card_or_benchmark"] == [job.output for job in jobs]
    assert any("no card or benchmark file" in part for part in spent_parts(spent) if isinstance(part, str))
    assert time_of(spent.of_item("figure_6")) == "?"


def test_missing_jobs_are_named(folder):
    gone = "metrics/probe/digits/drl/seed0.csv"
    (folder / gone).unlink()
    spent = Spent.read(folder, CONFIG)
    assert gone in spent.plain()["missing"]
    assert spent.plain()["items"]["figure_4"]["missing"] == 1
    assert any(gone in part for part in spent_parts(spent) if isinstance(part, str))
    assert "table_1" in spent.untouched


def test_all_processes_of_an_interrupted_job_count(tmp_path):
    job = trained("digits", "drl_2d", 0)
    make(tmp_path, job, of_card=500.0)
    assert job_cost(tmp_path, job).seconds == 500
    make(tmp_path, job, seconds=10.0)
    assert job_cost(tmp_path, job).seconds == 10


def test_old_and_new_cards(tmp_path):
    job = trained("digits", "drl_2d", 0)
    make(tmp_path, job, device="cuda", peak_memory_bytes=7 * 2**30)
    old = job_cost(tmp_path, job)
    assert (old.gpu_memory, old.memory, old.gpu_seconds) == (7 * 2**30, 100 * 2**20, 10)
    make(tmp_path, job, device="cuda", peak_memory_bytes=3 * 2**30, peak_gpu_memory_bytes=5)
    new = job_cost(tmp_path, job)
    assert (new.gpu_memory, new.memory) == (5, 3 * 2**30)
    card = tmp_path / f"{job.output}.json"
    card.write_text(json.dumps(WHOLE | {"seconds_of_last_process": 77.0}))
    assert job_cost(tmp_path, job).seconds == 77


@pytest.mark.parametrize("text", ["", "s\n", HEAD, HEAD + "NA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n", "\x00\xff"])
def test_an_unreadable_benchmark_leaves_the_card(tmp_path, text):
    job = trained("digits", "drl_2d", 0)
    make(tmp_path, job)
    benchmark_file(tmp_path, job).write_text(text)
    assert job_cost(tmp_path, job).seconds == 7
    (tmp_path / f"{job.output}.json").write_text("{")
    assert job_cost(tmp_path, job).unknown


def test_the_csv(folder):
    rows = list(csv.DictReader(write_csv(Spent.read(folder, CONFIG)).open()))
    assert [row["item"] for row in rows][-1] == "total"
    named = {row["item"]: row for row in rows}
    assert float(named["figure_4"]["hours"]) == pytest.approx(10 * len(jobs_of(CONFIG, "figure_4")) / 3600, abs=1e-4)
    assert int(named["total"]["jobs"]) == len(jobs_of(CONFIG, "figure_4")) + 1


def test_a_file_that_only_has_the_name_of_costs_stays(folder):
    (folder / "costs.csv").write_text("item,price\nrent,900\n")
    with pytest.raises(UserError, match=r"costs\.csv is there already, and no table of costs; move it away"):
        write_csv(Spent.read(folder, CONFIG))
    assert (folder / "costs.csv").read_text() == "item,price\nrent,900\n"
    (folder / "costs.csv").unlink()
    assert write_csv(Spent.read(folder, CONFIG)) == write_csv(Spent.read(folder, CONFIG))


def test_recorded_costs_replace_words_of_whole_items(folder, tmp_path):
    file = tmp_path / "costs.csv"
    file.write_text("item,scale,cost\nfigure_4,demo,old\nfigure_4,lite,kept\n")
    spent = Spent.read(folder, CONFIG)
    record(spent, "demo", file)
    found = known_costs(file)
    assert found["figure_4", "demo"].startswith(duration(10 * len(jobs_of(CONFIG, "figure_4"))))
    assert found["figure_4", "lite"] == "kept"
    assert ("table_1", "demo") not in found
    (folder / "metrics/probe/digits/drl/seed0.csv").unlink()
    file.write_text("item,scale,cost\nfigure_4,demo,old\n")
    record(Spent.read(folder, CONFIG), "demo", file)
    assert known_costs(file)["figure_4", "demo"] == "old"


def test_times_in_words():
    assert [duration(value) for value in (20, 840, 6600)] == ["20 s", "14 min", "1 h 50 min"]


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no results"):
        Spent.read(tmp_path, CONFIG)
