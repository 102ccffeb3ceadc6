"""A workaround for a bug in Snakemake's SLURM plugin: it forgets its jobs when SLURM's controller does not answer.

The report for the plugin's maintainers is in docs/upstream_reports.md.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from functools import wraps
from types import ModuleType
from typing import Any

PLUGIN = "snakemake_executor_plugin_slurm"
REPORTS = ("report_job_success", "report_job_error")


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
