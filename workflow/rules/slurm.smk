# What SLURM's executor plugin needs besides profiles/slurm.

import sys
from functools import wraps


def keep_jobs_that_nobody_answers_for():
    """Let Snakemake go on waiting for its jobs while SLURM's controller restarts.

    The plugin (2.8.0) gives back the jobs that still run each time it has asked for news. If all its questions fail it gives
    back none, and Snakemake then waits for nothing, forever. Here jobs of which it had no news still run.
    """
    plugin = sys.modules.get("snakemake_executor_plugin_slurm")
    if plugin is None or hasattr(plugin.Executor.check_active_jobs, "__wrapped__"):
        return
    ask = plugin.Executor.check_active_jobs

    @wraps(ask)
    async def check_active_jobs(executor, active_jobs):
        settled = set()

        def noting(report):
            def reported(job, *words, **more):
                settled.add(id(job))
                return report(job, *words, **more)

            return reported

        reports = ("report_job_success", "report_job_error")
        for name in reports:
            setattr(executor, name, noting(getattr(executor, name)))
        try:
            async for job in ask(executor, active_jobs):
                settled.add(id(job))
                yield job
        finally:
            for name in reports:
                delattr(executor, name)
        for job in active_jobs:
            if id(job) not in settled:
                yield job

    plugin.Executor.check_active_jobs = check_active_jobs


keep_jobs_that_nobody_answers_for()
