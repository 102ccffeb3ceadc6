# Every figure and table of the paper. `snakemake --cores all` makes all of them, `snakemake figure_4` makes one.


include: "workflow/rules/common.smk"
include: "workflow/rules/slurm.smk"


# `config` contains the user's settings: --configfile, overridden by --config. They override config/ and the scale's file, as in `drl`.
# There is no `configfile:` statement, because Snakemake would merge the files in a different way.
OWN = checked(said)
CONFIG = checked(resolve_over, OWN)
RULES = rules.Rules(CONFIG, checked(max_minutes))
checked(check_results, Path(RULES.results("")))
checked(check_installed, CONFIG.run)
if workflow.is_main_process:
    checked(check_links, Path(RULES.results("")), CONFIG)
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


check_asked()
adopt_copies()
show_view()


# The first page of the HTML report.
report: "workflow/report/verdict.rst"


onstart:
    preload_jobs()


# Files of jobs whose Snakemake was killed are kept (drl/jobs/completion.py) until a Snakemake ends normally, as here.
onsuccess:
    forget(Path(RULES.results(".state")))


# The messages of failed jobs are printed again at the end, because --quiet hides them, and other messages follow them.
onerror:
    if not shows_view():
        print(*last_words(Path(log[0])), sep="\n", file=sys.stderr)
    forget(Path(RULES.results(".state")))
