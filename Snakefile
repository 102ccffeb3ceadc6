# Every figure and table of the paper. `snakemake --cores all` makes all that this version builds, `snakemake figure_4` one.


include: "workflow/rules/common.smk"
include: "workflow/rules/slurm.smk"


# `config` holds what the user said, --configfile and then --config. It is laid over config/ and the scale's file, as `drl` does it:
# there is no `configfile:` statement, by which Snakemake would merge them in a way of its own.
CONFIG = checked(resolve_over, config)
RESULTS = f"results/{CONFIG.scale}"
hand_over(canonical_json(CONFIG.run.slice()), canonical_json(slices.origins(CONFIG)))
limit_gpu_jobs()


wildcard_constraints:
    dataset="[a-z0-9_]+",
    recipe=r"[a-z0-9_]+(-[a-z]+[0-9.]+)*",
    seed="[0-9]+",
    arm="[a-z0-9_]+",
    labels="[0-9]+",
    split="[0-9]+",


rule all:
    default_target: True
    input:
        all_items(),
        verdict_files(),


include: "workflow/rules/prepare.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/generate.smk"
include: "workflow/rules/fine_tune.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/items.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/verdict.smk"


# What the HTML report opens on.
report: "workflow/report/verdict.rst"


# Jobs that Snakemake did not live to see finished are not lost (drl/jobs/completion.py); with it they end here.
onsuccess:
    forget(Path(RESULTS) / ".state")


onerror:
    forget(Path(RESULTS) / ".state")
