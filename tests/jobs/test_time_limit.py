import os
import stat

import pytest

from drl.jobs.time_limit import budget, minutes_left, parse


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("45", 0.75),
        ("1:30", 1.5),
        ("59:00", 59),
        ("2:00:00", 120),
        ("1-01:00:30", 1500.5),
        ("UNLIMITED", None),
        ("INVALID", None),
        ("NOT_SET", None),
        ("", None),
    ],
)
def test_slurms_way_to_write_time(text, minutes):
    assert parse(text) == minutes


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Put a stand-in for squeue first in PATH; return what writes its answer."""

    def answers(body: str) -> None:
        file = tmp_path / "squeue"
        file.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{body}\n')
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    return answers


@pytest.mark.parametrize(
    ("answer", "expected"),
    # A quarter of a minute at least, a tenth, ten minutes at most.
    [("0:40", 40 / 60 - 0.25), ("0:05", 0), ("30:00", 27), ("2-00:00:00", 2870), ("UNLIMITED", None)],
)
def test_a_job_stops_a_little_before_its_limit(squeue, tmp_path, answer, expected):
    squeue(f"echo {answer}")
    assert budget("auto") == pytest.approx(expected)
    assert (tmp_path / "asked").read_text() == "--noheader --jobs 17 --format %L\n"


def test_without_an_answer_a_job_says_that_it_will_not_stop(squeue, capsys):
    squeue("exit 1")
    assert minutes_left() is None
    assert "set run.wall_clock_minutes" in capsys.readouterr().err


def test_a_job_that_squeue_no_longer_lists_has_no_limit(squeue):
    squeue("true")
    assert minutes_left() is None


def test_a_controller_that_is_away_for_a_moment_is_asked_again(squeue, tmp_path):
    squeue(f"if [ $(wc -l < {tmp_path}/asked) -lt 3 ]; then exit 1; fi; echo 10:00")
    assert minutes_left() == 10


def test_without_slurm_there_is_no_limit_and_a_number_is_taken_as_it_is(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert budget("auto") is None
    assert budget(None) is None
    assert budget(3.5) == 3.5
