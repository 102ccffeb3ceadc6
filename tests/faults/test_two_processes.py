"""Several processes at one job: one works, the others wait and take what it made."""

import os
import signal

import pytest

from tests.faults.conftest import KINDS
from tests.faults.processes import kill, wait_for


def stopped_within(work, seconds, chance):
    """Start a job, and let it stand still at some moment after it has begun to save."""
    process = work.start()
    wait_for(lambda: list(work.states.glob("*/*.safetensors")) or process.exitcode is not None)
    process.join(chance.uniform(0, seconds / 10))
    os.kill(process.pid, signal.SIGSTOP)
    return process


def waits(work, number):
    """Whether the process of a number has said that it waits."""
    return "is running this job already; waiting for it to end" in work.said(number)


@pytest.mark.parametrize("kind", KINDS)
def test_processes_at_one_job_make_it_once(kind, job, undisturbed, chance):
    whole, seconds = undisturbed(kind, job)
    work = job(kind)
    first = stopped_within(work, seconds, chance)
    others = [work.start(), work.start()]
    wait_for(lambda: waits(work, 1) and waits(work, 2))
    os.kill(first.pid, signal.SIGCONT)
    for process in (first, *others):
        process.join(120)
    said = [work.said(number) for number in range(3)]
    assert [process.exitcode for process in (first, *others)] == [0, 0, 0], said
    assert (work.made(), work.rest()) == (whole, [])
    assert ["is made already" in text for text in said] == [False, True, True]


@pytest.mark.parametrize("kind", KINDS)
def test_the_one_that_waits_goes_on_where_a_killed_one_was(kind, job, undisturbed, chance):
    whole, seconds = undisturbed(kind, job)
    work = job(kind)
    first = stopped_within(work, seconds, chance)
    second = work.start()
    wait_for(lambda: waits(work, 1))
    assert kill(first, 0)
    second.join(120)
    assert second.exitcode == 0, work.said()
    assert (work.made(), work.rest()) == (whole, [])
    assert f"process {first.pid} on " in work.said()
    assert "is made already" not in work.said()
