# Additions to SLURM's executor plugin, besides profiles/slurm.

from drl.jobs.slurm_executor import end_preempted_jobs, keep_unanswered_jobs

keep_unanswered_jobs()
end_preempted_jobs()
