import re

import pytest

from drl.jobs import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_now_and_then_with_rate_and_time_left(clock, capsys):
    with progress.Reporter("train", 100, done=20, per_step=64) as reporter:
        for _ in range(40):
            clock[0] += 1.0
            reporter.advance("loss 3" if reporter.due() else "")
        lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[-1] == "train: step 60/100, 64 images/s, 40 s left, loss 3"


def test_the_last_line_says_that_all_is_done(clock, capsys):
    with progress.Reporter("probe", 2, unit="epochs") as reporter:
        for _ in range(2):
            clock[0] += 0.5
            reporter.advance()
    assert re.search(r"probe: step 2/2, 2 epochs/s$", capsys.readouterr().err.strip())


def test_a_failed_block_prints_no_last_line(capsys):
    with pytest.raises(ValueError, match="x"), progress.Reporter("probe", 2):
        raise ValueError("x")
    assert capsys.readouterr().err == ""
