"""The jobs behind each item, as Snakemake makes them. Pure Python: what it says is compared with real dry runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from drl.config.recipes import is_file
from drl.config.resolve import recipe
from drl.config.schema import Config
from drl.errors import UserError, nearest
from drl.pipeline import slices
from drl.pipeline.checks import own_study_fits
from drl.pipeline.items import BUILT, ITEMS, FineTuning, Model, fine_tunings, measurements, models
from drl.pipeline.own_study import PARTS, study_dataset, study_file, study_models
from drl.records.code_digest import ENTRY_POINTS

DRAW = "draw"
STUDY = "study"
# Figures and tables are drawn alike; the verdict is no item's, and takes seconds.
NO_KINDS = ("figure", "table", "compare", "claims")
# What drl runs as a job.
KINDS = (*(command for command in ENTRY_POINTS if command not in NO_KINDS), DRAW)


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        kind: Its rule; `draw` stands for all rules that draw an item.
        output: The file that stands for it, below results/<scale>/; its name.
        dataset: What it computes on; empty for drawing.
        model: The model that it makes or measures, if it is one.
        run: The fine-tuning that it is.
        item: The item that it draws.
        needs: Outputs of the jobs that it waits for.
    """

    kind: str
    output: str
    dataset: str = ""
    model: Model | None = None
    run: FineTuning | None = None
    item: str = ""
    needs: tuple[str, ...] = ()


def chosen_items(targets: Iterable[str]) -> tuple[str, ...]:
    """Return the items that targets name, in the registry's order; without targets all of them.

    Args:
        targets: Items, `all`, `all_figures`, `all_tables`, `study`.

    Raises:
        UserError: If a target is none of these.
    """
    groups = {"all": set(BUILT)}
    groups |= {f"all_{kind}s": {item for item in BUILT if ITEMS[item].kind == kind} for kind in ("figure", "table")}
    wanted: set[str] = set()
    for target in targets or ["all"]:
        if target not in groups and target not in (*BUILT, STUDY):
            raise UserError(f"plan: unknown target {target!r}; {nearest(target, [*BUILT, *groups, STUDY])}")
        wanted |= groups.get(target, {target})
    return tuple(item for item in (*BUILT, STUDY) if item in wanted)


def jobs_of(config: Config, item: str) -> dict[str, Job]:
    """Return all jobs that an item needs when nothing is made yet, its own drawing among them, by their outputs."""
    collection = _Collection(config)
    if item == STUDY:
        collection.add_study(study_dataset(config))
    else:
        collection.add_item(item)
    return collection.jobs


def check_items(config: Config, items: Iterable[str]) -> None:
    """Check that items can be made, as Snakemake checks it when it plans them.

    Raises:
        UserError: If a dataset does not suit one of them.
    """
    for item in items:
        if item == STUDY:
            own_study_fits(config, study_dataset(config), recipe)
        elif config.dataset is not None:
            slices.figure(config, item)


def users(jobs: Mapping[str, Mapping[str, Job]]) -> dict[str, tuple[str, ...]]:
    """Turn jobs by item around: the items that need each job."""
    found: dict[str, list[str]] = {}
    for item, known in jobs.items():
        for output in known:
            found.setdefault(output, []).append(item)
    return {output: tuple(items) for output, items in found.items()}


class _Collection:
    """Jobs found so far, each with all that it needs."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.jobs: dict[str, Job] = {}

    def add_item(self, item: str) -> None:
        study = ITEMS[item].study
        if study == "fine_tune":
            needs = [self._fine_tuning(run) for run in fine_tunings(self.config, item)]
        elif study == "theory":
            needs = [self._theory(output) for output in measurements(self.config, item)]
        elif study == "silhouettes":
            needs = [self._silhouettes(dataset) for dataset in self.config.item_datasets(item)]
        else:
            make = self._model if study == "pretrain" else {"fid": self._fid}.get(study, self._measurement(study))
            needs = [make(model) for model in models(self.config, item)]
        file = f"tables/{item}.csv" if ITEMS[item].kind == "table" else f"figures/{item}.svg"
        self._add(Job(DRAW, file, item=item, needs=tuple(needs)))

    def add_study(self, dataset: str) -> None:
        for model in study_models(self.config, dataset):
            self._code_view(model)
        for part, about in PARTS.items():
            needs = tuple(
                self._code_view(model) if study == "code_view" else self._measurement(study)(model)
                for study in about.measured_by
                for model in study_models(self.config, dataset)
            )
            self._add(Job(DRAW, study_file(dataset, part), item=f"study_{part}", needs=needs))

    def _add(self, job: Job) -> str:
        self.jobs.setdefault(job.output, job)
        return job.output

    def _images(self, dataset: str) -> str:
        return self._add(Job("prepare", f"data/{dataset}/images.safetensors", dataset))

    def _model(self, model: Model) -> str:
        needs = [self._images(model.dataset)]
        before = slices.starts_from(self.config, model.dataset, model.recipe)
        if before is not None and not is_file(before):
            needs.append(self._model(Model(model.dataset, before, model.seed)))
        output = f"models/{model.folder}/model.safetensors"
        return self._add(Job("pretrain", output, model.dataset, model, needs=tuple(needs)))

    def _measurement(self, study: str) -> Callable[[Model], str]:
        def make(model: Model) -> str:
            needs = (self._model(model), self._images(model.dataset))
            return self._add(Job(study, f"metrics/{study}/{model.folder}.csv", model.dataset, model, needs=needs))

        return make

    def _code_view(self, model: Model) -> str:
        # Probes say at which t codes are drawn.
        needs = (self._model(model), self._images(model.dataset), self._measurement("probe")(model))
        return self._add(Job("code_view", f"metrics/code_view/{model.folder}.csv", model.dataset, model, needs=needs))

    def _fid(self, model: Model) -> str:
        study, needs = self.config.studies.fid, [self._measurement("later_start")(model)]
        if study.extractor == "supervised":
            needs.append(self._model(Model(model.dataset, study.recipe, 0)))
        needs.append(self._images(model.dataset))
        output = f"metrics/fid/{model.folder}.csv"
        return self._add(Job("fid", output, model.dataset, model, needs=tuple(needs)))

    def _silhouettes(self, dataset: str) -> str:
        # The rule reads the models of Figure 12 on this dataset, whichever item asks.
        needs = [self._model(model) for model in models(self.config, "figure_12") if model.dataset == dataset]
        needs.append(self._images(dataset))
        return self._add(Job("silhouettes", f"metrics/silhouettes/{dataset}.csv", dataset, needs=tuple(needs)))

    def _theory(self, output: str) -> str:
        return self._add(Job("theory", output))

    def _fine_tuning(self, run: FineTuning) -> str:
        needs = [self._images(run.dataset)]
        recipe = self.config.arms[run.arm].model
        if recipe is not None:
            needs.append(self._model(Model(run.dataset, recipe, run.seed)))
        output = f"metrics/fine_tune/{run.name}.csv"
        return self._add(Job("fine_tune", output, run.dataset, run=run, needs=tuple(needs)))
