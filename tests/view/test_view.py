"""What a person sees of a run, from records as Snakemake logs them."""

import io
import logging

import pytest

from drl.view.handler import ViewHandler, wanted
from drl.view.state import RunSeen

STATS = {"pretrain": 2, "probe": 2, "draw_figure_4": 1, "figure_4": 1, "all": 1, "total": 7}


class Usual(logging.StreamHandler):
    """Snakemake's own handler."""


def record(message="", level=logging.INFO, **more):
    found = logging.LogRecord("snakemake", level, "", 0, message, None, None)
    vars(found).update(more)
    return found


def begins(number, rule, log, **wildcards):
    about = {"jobid": number, "rule_name": rule, "wildcards": wildcards, "log": [str(log)], "output": [f"{rule}.svg"]}
    return record(event="job_info", **about)


@pytest.fixture
def shown(tmp_path):
    """A handler that prints into text, and the text."""
    text = io.StringIO()
    return ViewHandler(Usual(text), "demo", tmp_path / "all.log", text), text


def test_before_jobs_begin_the_usual_handler_prints(shown):
    handler, text = shown
    handler.handle(record("Building DAG of jobs..."))
    handler.handle(record("Provided cores: 2", event="resources_info"))
    handler.close()
    assert text.getvalue() == "Building DAG of jobs...\n"


def test_each_job_is_named_by_method_dataset_and_seed_and_counted(shown, tmp_path):
    handler, text = shown
    handler.handle(record(event="run_info", stats=STATS))
    axes = {"dataset": "digits", "recipe": "drl", "seed": "0"}
    handler.handle(begins(1, "pretrain", tmp_path / "1.log", **axes))
    handler.handle(record(event="job_finished", job_id=1))
    handler.handle(begins(9, "figure_4", "", **{}))
    handler.handle(record("Select jobs to execute..."))
    handler.handle(record(event="job_finished", job_id=9))
    lines = text.getvalue().splitlines()
    assert lines[0] == "results/demo: 5 jobs (2 pretrain, 2 probe, 1 draw)"
    assert lines[1].startswith("full log: ")
    assert lines[2].startswith("[1/5] pretrain drl on digits, seed 0: ")
    assert len(lines) == 3


def test_what_to_do_about_a_failed_job_is_the_last_thing(shown, tmp_path):
    handler, text = shown
    log = tmp_path / "1.log"
    log.write_text("step 1\ndrl: no images: add some\n")
    handler.handle(record(event="run_info", stats=STATS))
    handler.handle(begins(1, "prepare", log, dataset="digits"))
    handler.handle(begins(2, "probe", log, dataset="digits"))
    handler.handle(record("CalledProcessError in file x", logging.ERROR, event="error"))
    handler.handle(record("Error in rule", logging.ERROR, event="job_error", jobid=2))
    handler.handle(record("Error in rule", logging.ERROR, event="job_error", jobid=2))
    handler.handle(record("WorkflowError:\nAt least one job did not complete successfully.", logging.ERROR))
    handler.close()
    said = text.getvalue()
    assert said.count("failed: probe on digits") == 1
    assert "CalledProcessError" not in said
    assert "WorkflowError" not in said
    assert said.splitlines()[-1] == "    drl: no images: add some"


def test_warnings_and_other_errors_are_not_lost(shown):
    handler, text = shown
    handler.handle(record(event="run_info", stats=STATS))
    handler.handle(record("the disk is slow", logging.WARNING))
    handler.handle(record("LockException: somebody else", logging.ERROR))
    assert "warning: the disk is slow\n" in text.getvalue()
    assert "LockException: somebody else\n" in text.getvalue()


@pytest.mark.parametrize("stop", [True, False])
def test_a_run_that_ends_before_its_jobs_says_so(shown, stop):
    handler, text = shown
    handler.handle(record(event="run_info", stats=STATS))
    if stop:
        handler.handle(record("Terminating processes on user request, this might take some time."))
    handler.close()
    last = text.getvalue().splitlines()[-1]
    assert last.startswith("stopped: 0 of 5" if stop else "ended early: 0 of 5")
    assert last.endswith("the same command goes on from here")


def test_a_run_ends_with_where_to_look_and_what_to_type(shown, tmp_path):
    handler, text = shown
    handler.handle(record(event="run_info", stats={"draw_figure_4": 1}))
    handler.handle(begins(1, "draw_figure_4", tmp_path / "1.log"))
    handler.handle(record(event="job_finished", job_id=1))
    handler.close()
    ending = text.getvalue()[text.getvalue().index("1 jobs done") :]
    assert "look at  draw_figure_4.svg" in ending
    assert "the same command with --report results/demo/report.html" in ending
    assert "drl claims --scale demo" in ending


def test_time_left_is_that_of_like_jobs_side_by_side():
    now = [0.0]
    run = RunSeen(clock=lambda: now[0])
    run.planned({"pretrain": 4, "probe": 4, "total": 8})
    assert run.seconds_left() is None
    run.begun(1, {"rule_name": "pretrain"})
    run.begun(2, {"rule_name": "probe"})
    now[0] = 10.0
    run.ended(1)
    assert run.seconds_left() == 3 * 10 + 4 * 10 - 10  # nothing is known of probes: as long as all others
    now[0] = 20.0
    run.ended(2)
    run.begun(3, {"rule_name": "pretrain"})
    run.begun(4, {"rule_name": "probe"})
    assert run.seconds_left() == (3 * 10 + 3 * 20) / 2
    now[0] = 25.0
    assert run.seconds_left() == (3 * 10 + 3 * 20 - 5 - 5) / 2
    now[0] = 500.0
    assert run.seconds_left() == (3 * 10 + 3 * 20 - 10 - 20) / 2, "a job that takes longer is not counted as negative"


@pytest.mark.parametrize(
    ("given", "terminal", "quiet", "shows"),
    [
        *(
            (None, True, [], True),
            (None, False, [], False),
            (None, True, ["host"], True),
            (None, True, ["rules"], False),
        ),
        *(("on", False, ["rules"], True), ("off", True, [], False)),
    ],
)
def test_it_is_shown_in_a_terminal_or_where_it_is_asked_for(monkeypatch, given, terminal, quiet, shows):
    monkeypatch.delenv("DRL_VIEW", raising=False)
    if given is not None:
        monkeypatch.setenv("DRL_VIEW", given)
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    assert wanted(stream, quiet) is shows
