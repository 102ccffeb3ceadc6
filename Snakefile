# Every figure and table of the paper. `snakemake --cores all` makes all that this version builds, `snakemake figure_4` one.


include: "workflow/rules/common.smk"
include: "workflow/rules/slurm.smk"


# `config` holds what the user said, --configfile and then --config. It is laid over config/ and the scale's file, as `drl` does it:
# there is no `configfile:` statement, by which Snakemake would merge them in a way of its own.
CONFIG = checked(resolve_over, config)
RULES = rules.Rules(CONFIG, checked(max_minutes))
checked(nearest_folder, Path(RULES.results(".state")))
hand_over(canonical_json(CONFIG.run.slice()), canonical_json(origins(CONFIG)))
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
        item_files(),
        verdict_files(),


include: "workflow/rules/studies.smk"
include: "workflow/rules/items.smk"
include: "workflow/rules/own_images.smk"
include: "workflow/rules/verdict.smk"


# What the HTML report opens on.
report: "workflow/report/verdict.rst"


# Jobs that Snakemake did not live to see finished are not lost (drl/jobs/completion.py); with it they end here.
onsuccess:
    forget(Path(RULES.results(".state")))


# What failed jobs said is printed once more at the end: --quiet hides it, and other jobs push it away.
onerror:
    print(*last_words(Path(log[0])), sep="\n", file=sys.stderr)
    forget(Path(RULES.results(".state")))
