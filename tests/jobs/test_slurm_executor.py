"""The patches of Snakemake's SLURM plugin, on a stand-in for its executor."""

import asyncio
import inspect
import sys
from types import SimpleNamespace

import pytest

from drl.jobs.slurm_executor import PLUGIN, end_preempted_jobs, keep_unanswered_jobs


@pytest.fixture
def plugin():
    class Executor:
        """Asks about jobs as the plugin does: `answer` has a state for each job, or is None where SLURM is away."""

        def __init__(self, answer):
            self.answer, self.reports = answer, []

        def report_job_success(self, job):
            self.reports.append(("success", job))

        def report_job_error(self, job, msg=None):
            self.reports.append(("error", job, msg))

        async def check_active_jobs(self, active_jobs):
            if self.answer is None:
                return
            for job in active_jobs:
                if self.answer[job] == "COMPLETED":
                    self.report_job_success(job)
                elif self.answer[job] == "FAILED":
                    self.report_job_error(job, msg="why")
                else:
                    yield job

    return SimpleNamespace(Executor=Executor)


def asked(executor, jobs):
    async def all_of():
        return [job async for job in executor.check_active_jobs(jobs)]

    return asyncio.run(all_of())


def test_without_the_patch_jobs_are_forgotten_when_nobody_answers(plugin):
    assert asked(plugin.Executor(None), ["a", "b"]) == []


def test_jobs_are_kept_when_nobody_answers(plugin):
    keep_unanswered_jobs(plugin)
    executor = plugin.Executor(None)
    assert asked(executor, ["a", "b"]) == ["a", "b"]
    assert executor.reports == []


def test_an_answer_counts_as_before_and_no_job_comes_twice(plugin):
    keep_unanswered_jobs(plugin)
    executor = plugin.Executor({"a": "COMPLETED", "b": "RUNNING", "c": "FAILED", "d": "PENDING"})
    assert asked(executor, ["a", "b", "c", "d"]) == ["b", "d"]
    assert executor.reports == [("success", "a"), ("error", "c", "why")]
    executor.answer = None
    assert asked(executor, ["b", "d"]) == ["b", "d"]


def test_the_executor_is_left_as_it_was_also_after_an_error(plugin):
    keep_unanswered_jobs(plugin)
    executor = plugin.Executor({})
    with pytest.raises(KeyError):
        asked(executor, ["a"])
    assert set(vars(executor)) == {"answer", "reports"}


def test_a_second_call_changes_nothing(plugin):
    keep_unanswered_jobs(plugin)
    patched = plugin.Executor.check_active_jobs
    keep_unanswered_jobs(plugin)
    assert plugin.Executor.check_active_jobs is patched


def test_nothing_is_loaded_for_it(monkeypatch):
    monkeypatch.delitem(sys.modules, PLUGIN, raising=False)
    keep_unanswered_jobs()
    end_preempted_jobs()
    assert PLUGIN not in sys.modules


def test_the_real_plugin_has_what_is_patched():
    plugin = pytest.importorskip(PLUGIN)
    assert inspect.isasyncgenfunction(plugin.Executor.check_active_jobs)
    assert all(callable(getattr(plugin.Executor, name)) for name in ("report_job_success", "report_job_error"))
    assert inspect.iscoroutinefunction(plugin.query_job_status)
    assert "query_job_status" in plugin.Executor.check_active_jobs.__code__.co_names


@pytest.fixture
def answers():
    """Ask a patched plugin what SLURM says of its jobs, at a time in seconds."""
    now, said = [0.0], [None]

    async def query_job_status(command, logger):
        return (None, None) if said[0] is None else (dict(said[0]), 0.1)

    plugin = SimpleNamespace(query_job_status=query_job_status)
    end_preempted_jobs(plugin, clock=lambda: now[0])
    end_preempted_jobs(plugin)

    def answer(time, states):
        now[0], said[0] = time, states
        return asyncio.run(plugin.query_job_status("squeue", None))[0]

    return answer


def test_a_job_that_stays_preempted_counts_as_cancelled(answers):
    assert answers(0, {"1": "PREEMPTED", "2": "RUNNING"}) == {"1": "PREEMPTED", "2": "RUNNING"}
    assert answers(59, {"1": "PREEMPTED", "2": "PREEMPTED"}) == {"1": "PREEMPTED", "2": "PREEMPTED"}
    assert answers(60, {"1": "PREEMPTED", "2": "PREEMPTED"}) == {"1": "CANCELLED", "2": "PREEMPTED"}


def test_a_job_that_slurm_puts_back_is_left_to_it_each_time(answers):
    assert answers(0, {"1": "PREEMPTED"}) == {"1": "PREEMPTED"}
    assert answers(59, {"1": "PENDING"}) == {"1": "PENDING"}
    assert answers(100, {"1": "PREEMPTED"}) == {"1": "PREEMPTED"}
    assert answers(159, {"1": "PREEMPTED"}) == {"1": "PREEMPTED"}
    assert answers(160, {"1": "PREEMPTED"}) == {"1": "CANCELLED"}


def test_no_answer_about_a_preempted_job_is_passed_on(answers):
    assert answers(0, {"1": "PREEMPTED"}) == {"1": "PREEMPTED"}
    assert answers(30, None) is None
    assert answers(60, {"1": "PREEMPTED"}) == {"1": "CANCELLED"}
