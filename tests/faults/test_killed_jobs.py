"""kill -9 of a job at any moment, once or again and again: run again, it makes the same files."""

import pytest

from tests.faults.conftest import KINDS
from tests.faults.processes import kill


def killed_within(seconds, earliest, work, chance, over_finished=False):
    """Kill a job at a random moment of the time that it takes; if it has ended before, it begins again."""
    for _ in range(10):
        if kill(work.start(), seconds * chance.uniform(earliest, 1.0)):
            return
        assert work.started[-1].exitcode == 0, work.said()
        seconds *= 0.9
        if not over_finished:
            work.clear()
    pytest.fail("the job ended ten times before it was killed")


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_is_killed_is_gone_on_with(kind, job, undisturbed, chance):
    whole, seconds = undisturbed(kind, job)
    work = job(kind)
    # Twice, because the second process finds what the first has left.
    for _ in range(2):
        killed_within(seconds, 0.0, work, chance)
    assert work.run() == 0, work.said()
    assert work.made() == whole
    assert work.rest() == []


def test_a_job_that_is_killed_while_it_writes_its_files_leaves_no_mixture(job, undisturbed, chance):
    """Run again over finished files, and killed near the end: old files, new files, never a part of one."""
    whole, seconds = undisturbed("pretrain", job)
    work = job("pretrain")
    assert work.run() == 0
    killed_within(seconds, 0.7, work, chance, over_finished=True)
    assert work.made() == whole
    assert work.run() == 0, work.said()
    assert (work.made(), work.rest()) == (whole, [])
