# Helper functions. Rules live in the other files.

import sys
from functools import cache
from math import prod
from pathlib import Path

sys.path.insert(0, workflow.basedir)

from drl.pipeline import slices
from drl.config.recipes import is_file
from drl.config.resolve import scale_file
from drl.pipeline.configuration import load
from drl.errors import UserError
from drl.files import canonical_json
from drl.jobs.completion import forget
from drl.jobs.gpu_slots import visible_gpus
from drl.pipeline.items import BUILT, ITEMS, measurements, models, section_of
from drl.jobs.environment import hand_over, max_minutes, use_this_python
from drl.records.code_digest import command_digest
from drl.pipeline.own_study import (
    PARTS,
    study_dataset,
    study_file,
    study_metrics,
    study_page,
)
from drl.verdict.shown import ItemFacts, ReportPage

use_this_python()


def checked(call, *arguments):
    """Call a function; print its one-line complaint and stop with exit code 2, before any job starts."""
    try:
        return call(*arguments)
    except UserError as error:
        print(f"drl: {error}", file=sys.stderr)
        raise SystemExit(2)


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


@cache
def job(command, *names):
    """Return a job's settings as canonical JSON, and the digest of its code: what reruns it, besides its inputs."""
    settings = checked(getattr(slices, command), CONFIG, *names)
    return canonical_json(settings), checked(command_digest, command, settings)


# What a scheduler is asked for, by scale: megabytes and minutes of the first attempt. Measured peaks are 0.4 GB at demo, 0.5 GB
# at lite and 2.4 GB at paper scale (a job that drives a GPU holds a few more); MiniImageNet's images are 1.3 GB, and preparing
# them takes their files besides.
MEMORY = {
    "draw": {"demo": 1000, "lite": 1000, "paper": 1000},
    "prepare": {"demo": 2000, "lite": 2000, "paper": 8000},
    "compute": {"demo": 2000, "lite": 3000, "paper": 12000},
}
# Jobs that go on where they were need not get through at once; at paper scale a day is what most clusters allow.
MINUTES = {
    "draw": {"demo": 10, "lite": 10, "paper": 30},
    "prepare": {"demo": 10, "lite": 30, "paper": 240},
    "measure": {"demo": 10, "lite": 60, "paper": 240},
    "resumable": {"demo": 20, "lite": 240, "paper": 1440},
}


def memory(kind):
    """Return what a job may use, in MB: twice as much from the second attempt on, which may be one for lack of it."""
    first = MEMORY[kind][CONFIG.scale]
    return lambda wildcards, attempt: first * min(attempt, 2)


def minutes(kind):
    """Return how long a job may take: longer with each attempt, unless it goes on where the last one stopped.

    $DRL_MAX_MINUTES is what a cluster allows at most.
    """
    first = MINUTES[kind][CONFIG.scale]
    most = checked(max_minutes)
    grows = kind != "resumable"
    return lambda wildcards, attempt: min(first * attempt if grows else first, most)


def prepare_settings(wildcards):
    return job("prepare", wildcards.dataset)[0]


def prepare_code(wildcards):
    return job("prepare", wildcards.dataset)[1]


def pretrain_settings(wildcards):
    return job("pretrain", wildcards.dataset, wildcards.recipe)[0]


def pretrain_code(wildcards):
    return job("pretrain", wildcards.dataset, wildcards.recipe)[1]


def model_to_start_from(wildcards):
    """Return the model that a recipe goes on from, if any.

    A file that is not there is left to the job, which says what to do: all else can be planned and made without it.
    """
    before = checked(slices.starts_from, CONFIG, wildcards.dataset, wildcards.recipe)
    if before is None:
        return []
    if is_file(before):
        return before if Path(before).is_file() else []
    return f"{RESULTS}/models/{wildcards.dataset}/{before}/seed{wildcards.seed}/model.safetensors"


def fine_tune_job(wildcards):
    return job("fine_tune", wildcards.dataset, wildcards.arm, int(wildcards.labels))


def fine_tune_settings(wildcards):
    return fine_tune_job(wildcards)[0]


def fine_tune_code(wildcards):
    return fine_tune_job(wildcards)[1]


def model_of_arm(wildcards):
    """Return the model that an arm starts from, if any: of the fine-tuning's own seed."""
    arm = CONFIG.arms.get(wildcards.arm)
    if arm is None or arm.model is None:
        return []
    return f"{RESULTS}/models/{wildcards.dataset}/{arm.model}/seed{wildcards.seed}/model.safetensors"


# What `drl` calls a measurement, and the file of a pretraining that it reads, by the name of its rule.
STUDIES = {
    "probe": ("probe", "model.safetensors"),
    "few_shot": ("few-shot", "model.safetensors"),
    "learning_speed": ("learning-speed", "snapshots.safetensors"),
}


# What `drl` calls a study that draws samples, and the suffixes of the files that it writes beside its numbers.
SAMPLING = {
    "latent_grid": ("latent-grid", [".png", ".codes.csv"]),
    "code_swap": ("code-swap", [".png"]),
    "one_code": ("one-code", [".png"]),
    "later_start": ("later-start", [".safetensors"]),
}


def silhouette_models(wildcards):
    """Return all models of Figure 12 on a dataset."""
    return [
        f"{RESULTS}/models/{model.folder}/model.safetensors"
        for model in models(CONFIG, "figure_12")
        if model.dataset == wildcards.dataset
    ]


def fid_extractor(wildcards):
    """Return the classifier whose features measure samples; none with Inception, which drl fetches."""
    if CONFIG.studies.fid.extractor == "inception":
        return []
    recipe = CONFIG.studies.fid.recipe
    return f"{RESULTS}/models/{wildcards.dataset}/{recipe}/seed0/model.safetensors"


def study_settings(study):
    return lambda wildcards: job(study, wildcards.dataset, wildcards.recipe)[0]


def study_code(study):
    return lambda wildcards: job(study, wildcards.dataset, wildcards.recipe)[1]


def item_settings(command, *item):
    """Return a function, because whether `dataset` suits an item is asked for when the item is."""
    return lambda wildcards: job(command, *item)[0]


def item_code(command, *item):
    return lambda wildcards: job(command, *item)[1]


def item_metrics(item):
    """Return the metrics files of an item."""
    return [f"{RESULTS}/{name}" for name in measurements(CONFIG, item)]


def item_pictures(item):
    """Return what lies beside an item's metrics files and is shown with them."""
    _, suffixes = SAMPLING.get(ITEMS[item].study, (None, []))
    return [
        file.removesuffix(".csv") + suffix
        for file in item_metrics(item)
        for suffix in suffixes
    ]


def item_file(item):
    """Return the file that stands for an item."""
    if ITEMS[item].kind == "table":
        return f"{RESULTS}/tables/{item}.csv"
    return f"{RESULTS}/figures/{item}.svg"


def run_card(file):
    """Mark the run card of an item for the report."""
    name = Path(file).stem.replace("_", " ").capitalize()
    return report(f"{file}.json", category="Run cards", labels={"item": name})


def item_label(item):
    """Return how the report lists an item: one label, because it takes a second one with two values for a switch."""
    return {"item": f"{item.replace('_', ' ').capitalize()}: {ITEMS[item].shows}"}


def item_about(item):
    """Return what an item's caption says of how it was made, and nothing else: a change of it draws the item again."""
    axes = CONFIG.items[item]
    shown = {"recipes": axes.recipes} if axes.recipes else {"arms": axes.arms}
    return {
        "scale": CONFIG.scale,
        "datasets": ", ".join(CONFIG.item_datasets(item)),
        **{name: ", ".join(values) for name, values in shown.items()},
        "seeds": ", ".join(map(str, CONFIG.item_seeds(item))),
        "facts": ItemFacts(item, Path(RESULTS), CONFIG),
        "page": ReportPage(Path(RESULTS), CONFIG),
        **study_about(item),
    }


def study_about(item):
    """Return what captions say of an item's study."""
    studies, study = CONFIG.studies, ITEMS[item].study
    if study == "probe":
        best = studies.probe.select == "best_val"
        return {
            "probe_seeds": ", ".join(map(str, studies.probe.seeds)),
            "epochs": studies.probe.epochs,
            "select": "best on validation" if best else "last",
            "trajectory": studies.probe.trajectory and ITEMS[item].trajectory,
            "dae_input": studies.probe.dae_input,
        }
    if study == "few_shot":
        recipes = CONFIG.items[item].recipes
        swept = [name for name in recipes if len(CONFIG.members(name)) > 1]
        return {"few_shot_split": studies.few_shot.split, "swept": ", ".join(swept)}
    if study == "learning_speed":
        speed = studies.learning_speed
        return {"accuracy": speed.accuracy, "snapshots": speed.snapshots}
    if study == "latent_grid":
        return {"cells": studies.latent_grid.cells}
    if study == "code_swap":
        return {"swap_t": studies.code_swap.t}
    if study == "one_code":
        return {"samples_of_one_code": studies.one_code.columns**2}
    if study == "later_start":
        return {"uniform": studies.later_start.uniform.replace("_", " ")}
    if study == "fine_tune":
        return about_fine_tuning(item)
    if study == "theory":
        return about_theory()
    if study == "fid":
        return {
            "later_images": studies.later_start.images,
            "repeats": studies.later_start.repeats,
            "extractor": studies.fid.extractor,
        }
    return {}


def about_fine_tuning(item):
    """Return what captions of tables about LaplaceNet say."""
    study = CONFIG.studies.fine_tune
    labels = {
        name: CONFIG.item_labels(item, name) for name in CONFIG.item_datasets(item)
    }
    splits = {
        split for seed in CONFIG.item_seeds(item) for split in CONFIG.splits(seed)
    }
    early = ITEMS[item].settings.get("early", False)
    epoch = f"outer epoch {study.early_epoch}"
    if study.select == "best_val":
        reading = "of the best outer epoch on validation images"
        reading += f" up to {epoch}" if early else ""
    else:
        reading = f"at {epoch}" if early else "of the last outer epoch"
    return {
        "labels": "; ".join(
            f"{name} {', '.join(map(str, budgets))}" for name, budgets in labels.items()
        ),
        "splits": ", ".join(map(str, sorted(splits))),
        "reading": reading,
    }


def about_theory():
    """Return what the caption of the theory study says."""
    study = CONFIG.studies.theory
    points = [plane.points for plane in study.mixture.planes]
    return {
        "dimensions": 2 * len(points),
        "components": prod(points),
        "classes": points[study.mixture.label_plane],
        "code_size": study.code_size,
        "objective": {"edm": "EDM's", "paper": "the paper's"}[study.objective],
        "steps": study.steps,
        "draws": study.draws,
        "neighbours": study.neighbours,
    }


def claimed_metrics():
    """Return the metrics files that claims rest on, each once."""
    items = slices.claimed(CONFIG)
    return list(dict.fromkeys(file for item in items for file in item_metrics(item)))


def verdict_files():
    """Return what compares everything with the paper."""
    return [f"{RESULTS}/comparison.csv", f"{RESULTS}/claims.csv"]


def parts_of_study(wildcards):
    """Return the files of a study of the dataset that --config names."""
    dataset = checked(study_dataset, CONFIG)
    return [f"{RESULTS}/{study_file(dataset, part)}" for part in PARTS]


def part_metrics(part):
    """Return a function that names the metrics files of a part of a study."""
    return lambda wildcards: [
        f"{RESULTS}/{name}" for name in study_metrics(CONFIG, wildcards.dataset, part)
    ]


def part_pictures(wildcards):
    """Return the codes that a scatter shows."""
    return [
        name.removesuffix(".csv") + ".codes.csv"
        for name in part_metrics("latent_scatter")(wildcards)
    ]


@cache
def study_part(dataset, part):
    """Return the settings of a part of a study as canonical JSON, and the digest of its code."""
    settings = checked(slices.study, CONFIG, dataset, part)
    code = checked(command_digest, PARTS[part].kind, settings)
    return canonical_json(settings), code


def part_settings(part):
    return lambda wildcards: study_part(wildcards.dataset, part)[0]


def part_code(part):
    return lambda wildcards: study_part(wildcards.dataset, part)[1]


def part_about(wildcards):
    """Return what captions of a study say of how it was made."""
    checked(slices.dataset_known, CONFIG, wildcards.dataset)
    images, studies = CONFIG.datasets[wildcards.dataset], CONFIG.studies
    colours = "grey" if images.channels == 1 else "colour"
    return {
        "scale": CONFIG.scale,
        "page": study_page(CONFIG, wildcards.dataset),
        "title": images.title,
        "folder": images.folder if images.contents else None,
        "train": images.train,
        "test": images.test,
        "classes": images.classes,
        "pixels": f"{images.image_size}x{images.image_size} pixels, {colours}",
        "recipes": ", ".join(studies.study.recipes),
        "seeds": ", ".join(map(str, CONFIG.seeds)),
        "probe_seeds": ", ".join(map(str, studies.probe.seeds)),
        "shown": min(images.test, studies.study.test_images),
        "split": studies.few_shot.split,
    }


def study_category(wildcards):
    checked(slices.dataset_known, CONFIG, wildcards.dataset)
    return f"Study of {CONFIG.datasets[wildcards.dataset].title}"


def all_items(kind=None):
    """Return the files of all items of a kind that this version builds."""
    return [item_file(item) for item in BUILT if kind in (None, ITEMS[item].kind)]
