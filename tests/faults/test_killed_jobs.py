"""kill -9 of a job at any moment, once or again and again: run again, it makes the same files."""

import pytest

from tests.faults.conftest import KINDS
from tests.faults.processes import kill


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_is_killed_is_gone_on_with(kind, job, undisturbed, chance):
    whole, seconds = undisturbed(kind, job)
    work = job(kind)
    kills = 0
    # Twice, because the second process finds what the first has left.
    for _ in range(2):
        kills += kill(work.start(), chance.uniform(0, seconds))
    assert work.run() == 0, work.said()
    assert work.made() == whole
    assert work.rest() == []
    print(f"{kind}: killed {kills} times within {seconds:.1f} s")


def test_a_job_that_is_killed_while_it_writes_its_files_leaves_no_mixture(job, undisturbed, chance):
    """Run again over finished files, and killed near the end: old files, new files, never a part of one."""
    whole, seconds = undisturbed("pretrain", job)
    work = job("pretrain")
    assert work.run() == 0
    kill(work.start(), seconds * chance.uniform(0.7, 1.0))
    assert work.made() == whole
    assert work.run() == 0, work.said()
    assert (work.made(), work.rest()) == (whole, [])
