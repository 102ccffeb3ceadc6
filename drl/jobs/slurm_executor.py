"""Workarounds for two bugs in Snakemake's SLURM plugin.

It forgets its jobs when SLURM's controller does not answer, and waits forever for jobs that were preempted for good.
The reports for the plugin's maintainers are in docs/upstream_reports.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import wraps
from types import ModuleType
from typing import Any

PLUGIN = "snakemake_executor_plugin_slurm"
REPORTS = ("report_job_success", "report_job_error")
# While SLURM puts a preempted job back into its queue, it may call the job preempted, but not for so long.
PREEMPTED_SECONDS = 60


def keep_unanswered_jobs(plugin: ModuleType | None = None) -> None:
    """Let Snakemake continue to wait for its jobs while SLURM's controller does not answer.

    Each time the plugin (2.8.0) asks SLURM about its jobs, it returns those that still run. If SLURM answers none of
    its queries, it returns no job, and Snakemake then waits forever for nothing. After this call the plugin also
    returns every job that it has reported neither as finished nor as failed. A second call changes nothing.

    Args:
        plugin: The plugin. None: the plugin that Snakemake has loaded, if any.
    """
    plugin = sys.modules.get(PLUGIN) if plugin is None else plugin
    if plugin is None or hasattr(plugin.Executor.check_active_jobs, "__wrapped__"):
        return
    ask = plugin.Executor.check_active_jobs

    @wraps(ask)
    async def check_active_jobs(executor: Any, active_jobs: Sequence[Any]) -> AsyncIterator[Any]:
        settled: set[int] = set()

        def noted(report: Callable[..., Any]) -> Callable[..., Any]:
            def reported(job: Any, *words: Any, **more: Any) -> Any:
                settled.add(id(job))
                return report(job, *words, **more)

            return reported

        for name in REPORTS:
            setattr(executor, name, noted(getattr(executor, name)))
        try:
            async for job in ask(executor, active_jobs):
                settled.add(id(job))
                yield job
        finally:
            for name in REPORTS:
                delattr(executor, name)
        for job in active_jobs:
            if id(job) not in settled:
                yield job

    plugin.Executor.check_active_jobs = check_active_jobs


def end_preempted_jobs(plugin: ModuleType | None = None, clock: Callable[[], float] = time.monotonic) -> None:
    """Let Snakemake submit a job again that was preempted and that SLURM does not put back into its queue.

    With PreemptMode=CANCEL, such a job stays PREEMPTED. The plugin (2.8.0) always expects SLURM to continue it, and
    waits forever. After this call, a job that is PREEMPTED in all answers of a minute counts as CANCELLED, which
    Snakemake retries. A second call changes nothing.

    Args:
        plugin: The plugin. None: the plugin that Snakemake has loaded, if any.
        clock: Returns the time in seconds.
    """
    plugin = sys.modules.get(PLUGIN) if plugin is None else plugin
    if plugin is None or hasattr(plugin.query_job_status, "__wrapped__"):
        return
    ask = plugin.query_job_status
    since: dict[str, float] = {}

    @wraps(ask)
    async def query_job_status(*words: Any, **more: Any) -> tuple[dict[str, str] | None, float | None]:
        states, seconds = await ask(*words, **more)
        if states is None:
            return states, seconds
        now = clock()
        preempted = [job for job, state in states.items() if state == "PREEMPTED"]
        for job in [job for job in since if job not in preempted]:
            del since[job]
        for job in preempted:
            if now - since.setdefault(job, now) >= PREEMPTED_SECONDS:
                states[job] = "CANCELLED"
        return states, seconds

    plugin.query_job_status = query_job_status  # type: ignore[attr-defined]
