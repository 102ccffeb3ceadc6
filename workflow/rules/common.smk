# Helper functions for the rules in the other files; most answers come from drl/pipeline/rules.py.

import os
import sys
from pathlib import Path

# Not the project's folder, where a random.py of the user would come before Python's.
PACKAGE = str(Path(workflow.basedir, "workflow", "package"))
sys.path.insert(0, PACKAGE)

from snakemake.cli import get_argument_parser
from snakemake.logging import logger

from drl.config.profiles import check_files
from drl.config.said import check_command_line, of_snakemake
from drl.config.words import as_typed, shell_quoted
from drl.errors import UserError
from drl.files import canonical_json
from drl.jobs.completion import forget
from drl.jobs.environment import (
    hand_over,
    max_minutes,
    preload,
    use_this_python,
)
from drl.jobs.failures import last_words
from drl.jobs.gpu_slots import visible_gpus
from drl.jobs.tensorboard import check_installed
from drl.out_places import check_results
from drl.pipeline import rules
from drl.pipeline.configuration import origins, resolve_over
from drl.pipeline.drawing import CLAIMS, COMPARE, STUDY_PARTS, item_step
from drl.pipeline.items import items_of_kind
from drl.pipeline.studies import STUDIES
from drl.pipeline.studies.training import PREPARE
from drl.pipeline.targets import check_reported, check_steps, check_targets
from drl.records.adopt import adopt, adoptable, told, worth_it
from drl.records.linked import check_links
from drl.verdict.late_text import LateText
from drl.view.handler import ViewHandler, wanted

use_this_python(PACKAGE)


def checked(call, *arguments):
    """Call a function. If it raises UserError, print its message and exit with code 2, before any job starts."""
    try:
        return call(*arguments)
    except UserError as error:
        print(f"drl: {error}", file=sys.stderr)
        raise SystemExit(2)


def said():
    """Return --configfile and --config, with names as the user typed them."""
    settings = workflow.config_settings
    if workflow.is_main_process:
        check_command_line(sys.argv)
        check_files(settings.configfiles)
        # Those of `configfile:` statements, if another workflow includes this one.
        check_files(map(Path, workflow.configfiles))
    typed = as_typed(config, settings.config_args)
    # A submitted job's own Snakemake gets the same words through a shell.
    settings.config_args = shell_quoted(settings.config_args)
    return typed


def asked(function):
    """Wrap a function of wildcards in `checked`."""
    return lambda wildcards: checked(function, wildcards)


def words_given():
    """Return this Snakemake's command line; None inside submitted jobs, which have another, and in other programs."""
    if not workflow.is_main_process or not of_snakemake(sys.argv):
        return None
    # Snakemake tells a workflow its targets only after it has read the Snakefile.
    return get_argument_parser().parse_known_args(sys.argv[1:])[0]


def adopt_copies():
    """Let results that were copied here, and are whole, count as made (drl/records/adopt.py), before jobs are planned."""
    given, folder = words_given(), Path(RULES.results("").rstrip("/"))
    other = ("touch", "report", "summary", "detailed_summary", "unlock", "list_rules")
    other += ("list_target_rules", "lint", "cleanup_metadata", "archive", "dag")
    other += ("rulegraph", "filegraph", "d3dag", "delete_all_output")
    if given is None or any(getattr(given, name, None) for name in other):
        return
    if os.environ.get("DRL_ADOPT") == "off" or not worth_it(folder, CONFIG):
        return
    if given.dryrun:
        print(
            f"drl: some results are older than what they were made from, as after a copy; those that are whole count "
            f"as made in a real run, or after `drl adopt {folder}`",
            file=sys.stderr,
        )
        return
    found = adoptable(folder, CONFIG)
    try:
        renamed = adopt(
            folder, found, OWN, ["--snakefile", str(workflow.main_snakefile)]
        )
        print(*told(folder, found, renamed), sep="\n", file=sys.stderr)
    except UserError as error:
        print(f"drl: {error}; they are made again", file=sys.stderr)


def check_asked():
    """Check the targets, when all rules are known; the Snakemake inside a submitted job gets them from the first one."""
    given = words_given()
    if given is None:
        return
    alone = {rule.name: not rule.has_wildcards() for rule in workflow.rules}
    makes = lambda path: any(rule.is_producer(path) for rule in workflow.rules)
    checked(check_targets, given.targets, alone, makes)
    checked(check_steps, (*given.forcerun, *given.until), alone, makes)
    if given.report is not None:
        folder = Path(RULES.results("").rstrip("/"))
        study = checked(RULES.study_parts) if "study" in given.targets else ()
        checked(check_reported, given.targets, CONFIG, folder, study)


def show_view():
    """Show jobs by method, dataset and seed in place of Snakemake's own output (drl/view); the log file has that too."""
    settings = workflow.output_settings
    asked_more = settings.verbose or settings.printshellcmds or settings.debug_dag
    if not workflow.is_main_process or settings.dryrun or asked_more:
        return
    logs = [
        Path(known.baseFilename)
        for known in logger.handlers
        if hasattr(known, "baseFilename")
    ]
    for place, usual in enumerate(logger.handlers):
        if usual.name == "DefaultStreamHandler" and wanted(
            usual.stream, settings.quiet or ()
        ):
            logger.handlers[place] = ViewHandler(
                usual, CONFIG.scale, logs[0] if logs else None
            )


def shows_view():
    """Whether the view is shown, which prints the last words of failed jobs itself."""
    return any(
        isinstance(known, ViewHandler) and known.shows for known in logger.handlers
    )


def limit_gpu_jobs():
    """Limit the number of concurrent GPU jobs on this machine to the number of GPU slots, or to N of --resources gpu=N.

    Without a limit, Snakemake counts only cores, which is right without a GPU.
    """
    slots = len(visible_gpus()) * CONFIG.run.gpu_slots
    given = "gpu" in workflow.global_resources
    # The Snakemake inside a submitted job gets the resources of that job and must not set a limit.
    if given or CONFIG.run.device == "cpu" or not slots or not workflow.is_main_process:
        return
    # The executor is not known yet. With scope local, jobs that are submitted elsewhere do not count.
    workflow.resourcescope(gpu="local")
    workflow.register_resource("gpu", slots)


def preload_jobs():
    """Load libraries once for all jobs on this machine (drl/jobs/preloaded_server.py), if they compute on its CPU."""
    here = workflow.is_main_process and workflow.local_exec and not workflow.touch
    apart = workflow.deployment_settings.deployment_method
    gpu = CONFIG.run.device == "cuda" or (
        CONFIG.run.device == "auto" and visible_gpus()
    )
    jobs = sum(job.is_shell for job in workflow.dag.needrun_jobs())
    # Loading everything takes as long as two or three jobs need to load their parts.
    if here and not apart and not gpu and CONFIG.run.compile != "on" and jobs >= 4:
        preload()


def needs_of(step):
    """Return the resources of a job, for a scheduler."""
    gpu = {"gpu": 1} if step.gpu else {}
    return {"mem_mb": RULES.memory(step), "runtime": RULES.minutes(step), **gpu}


def params_of(step, **axes):
    """Return the params of a job, which cause a rerun if they change: its settings and the digest of its code."""
    return {
        "job": RULES.words(step, **axes),
        "settings": asked(RULES.settings(step, **axes)),
        "code": asked(RULES.code_digest(step, **axes)),
    }


def texts_of(item):
    """Return the texts of an item for the report; they are written together with the report."""
    folder = Path(f"results/{CONFIG.scale}")
    return {
        "caption": LateText("drl.reporting.captions", "caption", CONFIG, item),
        "facts": LateText("drl.verdict.item_facts", "item_facts", item, folder, CONFIG),
        "page": LateText("drl.verdict.report_page", "page", folder, CONFIG),
    }


def texts_of_study(part):
    """Return the texts of one part of the study of a dataset, for the report."""

    def told(wildcards):
        return {
            "caption": LateText(
                "drl.reporting.captions",
                "study_caption",
                CONFIG,
                wildcards.dataset,
                part,
            ),
            "page": LateText(
                "drl.verdict.study_page", "study_page", CONFIG, wildcards.dataset
            ),
        }

    return told


def item_files(kind=None):
    """Return the files of all items of a kind."""
    return [RULES.item_file(item) for item in items_of_kind(CONFIG, kind)]


def verdict_files():
    """Return the files of the comparison with the paper."""
    return [RULES.results(step.output) for step in (COMPARE, CLAIMS)]
