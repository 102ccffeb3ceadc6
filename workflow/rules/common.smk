# Helper functions. Rules live in the other files; what they ask is answered by drl/pipeline/rules.py.

import sys
from pathlib import Path

sys.path.insert(0, workflow.basedir)

from drl.errors import UserError
from drl.files import canonical_json
from drl.jobs.completion import forget
from drl.jobs.environment import hand_over, max_minutes, use_this_python
from drl.jobs.failures import last_words
from drl.jobs.gpu_slots import visible_gpus
from drl.out_places import nearest_folder
from drl.pipeline import rules
from drl.pipeline.configuration import origins, resolve_over
from drl.pipeline.drawing import CLAIMS, COMPARE, STUDY_PARTS, item_step
from drl.pipeline.items import items_of_kind
from drl.pipeline.studies import STUDIES
from drl.pipeline.studies.training import PREPARE
from drl.verdict.late_text import LateText

use_this_python()


def checked(call, *arguments):
    """Call a function; print its one-line complaint and stop with exit code 2, before any job starts."""
    try:
        return call(*arguments)
    except UserError as error:
        print(f"drl: {error}", file=sys.stderr)
        raise SystemExit(2)


def asked(function):
    """Let a function of wildcards complain in one line, too."""
    return lambda wildcards: checked(function, wildcards)


def limit_gpu_jobs():
    """Let at most as many GPU jobs run here at once as there are GPU slots, unless --resources gpu=N says how many.

    Without a limit Snakemake counts cores alone, which is right where there is no GPU.
    """
    slots = len(visible_gpus()) * CONFIG.run.gpu_slots
    given = "gpu" in workflow.global_resources
    # The Snakemake in a submitted job is given that job's resources, and is not the one that counts.
    if given or CONFIG.run.device == "cpu" or not slots or not workflow.is_main_process:
        return
    # Which executor will run the jobs is not known yet; local: jobs that are submitted elsewhere do not count.
    workflow.resourcescope(gpu="local")
    workflow.register_resource("gpu", slots)


def needs_of(step):
    """Return what a scheduler is asked for."""
    gpu = {"gpu": 1} if step.gpu else {}
    return {"mem_mb": RULES.memory(step), "runtime": RULES.minutes(step), **gpu}


def params_of(step, **axes):
    """Return what reruns a job besides its inputs: its settings and the digest of its code."""
    return {
        "job": RULES.words(step, **axes),
        "settings": asked(RULES.settings(step, **axes)),
        "code": asked(RULES.code_digest(step, **axes)),
    }


def texts_of(item):
    """Return what the report says about an item; it is written when the report is."""
    folder = Path(f"results/{CONFIG.scale}")
    return {
        "caption": LateText("drl.reporting.captions", "caption", CONFIG, item),
        "facts": LateText("drl.verdict.item_facts", "item_facts", item, folder, CONFIG),
        "page": LateText("drl.verdict.report_page", "page", folder, CONFIG),
    }


def texts_of_study(part):
    """Return what the report says about a part of a study of one dataset."""

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
                "drl.pipeline.own_study", "study_page", CONFIG, wildcards.dataset
            ),
        }

    return told


def study_category(wildcards):
    title = CONFIG.datasets[wildcards.dataset].title
    return f"Study of {title}"


def item_files(kind=None):
    """Return the files of all items of a kind."""
    return [RULES.item_file(item) for item in items_of_kind(CONFIG, kind)]


def verdict_files():
    """Return what compares everything with the paper."""
    return [RULES.results(step.output) for step in (COMPARE, CLAIMS)]
