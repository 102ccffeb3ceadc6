# Additions to SLURM's executor plugin, besides profiles/slurm.

from drl.jobs.slurm_executor import keep_unanswered_jobs

keep_unanswered_jobs()
