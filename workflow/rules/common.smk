# Helper functions. Rules live in the other files.

import sys
from functools import cache

sys.path.insert(0, workflow.basedir)

from drl.config import slices
from drl.config.resolve import load, scale_file
from drl.errors import UserError
from drl.files import canonical_json
from drl.items import BUILT, ITEMS, measurements
from drl.job_environment import hand_over, use_this_python
from drl.provenance import command_digest

use_this_python()


def checked(call, *arguments):
    """Call a function; print its one-line complaint and stop with exit code 2, before any job starts."""
    try:
        return call(*arguments)
    except UserError as error:
        print(f"drl: {error}", file=sys.stderr)
        raise SystemExit(2)


@cache
def job(command, *names):
    """Return a job's settings as canonical JSON, and the digest of its code: what reruns it, besides its inputs."""
    settings = checked(getattr(slices, command), CONFIG, *names)
    return canonical_json(settings), checked(command_digest, command, settings)


def prepare_settings(wildcards):
    return job("prepare", wildcards.dataset)[0]


def prepare_code(wildcards):
    return job("prepare", wildcards.dataset)[1]


def pretrain_settings(wildcards):
    return job("pretrain", wildcards.dataset, wildcards.recipe)[0]


def pretrain_code(wildcards):
    return job("pretrain", wildcards.dataset, wildcards.recipe)[1]


# What `drl` calls a measurement, and the file of a pretraining that it reads, by the name of its rule.
STUDIES = {
    "probe": ("probe", "model.safetensors"),
    "few_shot": ("few-shot", "model.safetensors"),
    "learning_speed": ("learning-speed", "snapshots.safetensors"),
}


def study_settings(study):
    return lambda wildcards: job(study, wildcards.dataset, wildcards.recipe)[0]


def study_code(study):
    return lambda wildcards: job(study, wildcards.dataset, wildcards.recipe)[1]


def item_inputs(item):
    """Return the metrics files of an item."""
    return [f"{RESULTS}/{name}" for name in measurements(CONFIG, item)]


def item_file(item):
    """Return the file that stands for an item."""
    return f"{RESULTS}/figures/{item}.svg"


def item_about(item):
    """Return what an item's caption says of how it was made."""
    studies = CONFIG.studies
    recipes = CONFIG.items[item].recipes
    return {
        "scale": CONFIG.scale,
        "datasets": ", ".join(CONFIG.item_datasets(item)),
        "recipes": ", ".join(recipes),
        "seeds": ", ".join(map(str, CONFIG.seeds)),
        "probe_seeds": ", ".join(map(str, studies.probe.seeds)),
        "epochs": studies.probe.epochs,
        "select": (
            "best on validation" if studies.probe.select == "best_val" else "last"
        ),
        "trajectory": studies.probe.trajectory and ITEMS[item].trajectory,
        "dae_input": studies.probe.dae_input,
        "few_shot_split": studies.few_shot.split,
        "swept": ", ".join(name for name in recipes if len(CONFIG.members(name)) > 1),
        "accuracy": studies.learning_speed.accuracy,
        "snapshots": studies.learning_speed.snapshots,
    }


def all_items(kind=None):
    """Return the files of all items of a kind that this version builds."""
    return [item_file(item) for item in BUILT if kind in (None, ITEMS[item].kind)]
