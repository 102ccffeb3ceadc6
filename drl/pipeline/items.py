"""The paper's items, as config/items.yaml declares them: their names, their jobs, their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from drl.config.items import ItemSettings, item_kind
from drl.config.schema import Config
from drl.errors import UserError, nearest
from drl.pipeline.step import PlannedJob
from drl.pipeline.studies import STUDIES
from drl.pipeline.studies.training import PRETRAIN
from drl.pipeline.study import Study

# The paper's sections, as the report orders its items.
SECTIONS = {
    "2, App. B, C": "2 Theory",
    "3.1": "3.1 Downstream classification",
    "3.2": "3.2 Semi-supervised classification",
    "3.3": "3.3 Qualitative results",
    "3.3, App. D": "3.3 Qualitative results",
    "App. C": "App. C The code's part in denoising",
    "App. E": "App. E Few-shot classification",
    "App. F": "App. F Few labels",
    "App. G": "App. G Ablations of pretraining",
    "App. H": "App. H Training on single timescales",
    "App. I": "App. I The initial noise scale",
}
BEYOND = "Beyond the paper"


def known_item(config: Config, item: str) -> ItemSettings:
    """Return an item's entry.

    Raises:
        UserError: If there is no such item.
    """
    if item not in config.items:
        raise UserError(f"unknown item {item!r}; {nearest(item, config.items)}")
    return config.items[item]


def study_of(config: Config, item: str) -> Study:
    """Return the study that an item is drawn from."""
    return STUDIES[known_item(config, item).study]


def item_name(kind: str, word: str) -> str:
    """Return an item's full name: both `4` and `figure_4` give figure_4."""
    return f"{kind}_{word}" if word.isdecimal() else word


def items_of_kind(config: Config, kind: str | None = None) -> tuple[str, ...]:
    """Return the names of all figures, tables or diagnostics; None: of all items."""
    return tuple(name for name in config.items if kind in (None, item_kind(name)))


def item_jobs(config: Config, item: str) -> tuple[PlannedJob, ...]:
    """Return the measurements that an item is drawn from."""
    return study_of(config, item).jobs_of_item(config, item)


def measurements(config: Config, item: str) -> tuple[str, ...]:
    """Return the CSV files below results/<scale>/ that an item is drawn from."""
    return tuple(file.path for file in study_of(config, item).files_of_item(config, item))


def models(config: Config, item: str) -> tuple[PlannedJob, ...]:
    """Return the pretrainings behind an item, including those that its models start from."""
    jobs = with_all_before(config, item_jobs(config, item))
    return tuple(job for job in jobs if job.step is PRETRAIN)


def with_all_before(config: Config, jobs: Iterable[PlannedJob]) -> dict[PlannedJob, tuple[PlannedJob, ...]]:
    """Return jobs and all jobs that they need, each with the jobs whose outputs it reads; needed jobs come first."""
    found: dict[PlannedJob, tuple[PlannedJob, ...]] = {}

    def add(job: PlannedJob) -> None:
        if job not in found:
            before = tuple(job.jobs_before(config))
            for other in before:
                add(other)
            found[job] = before

    for job in jobs:
        add(job)
    return found


def claimed(config: Config) -> Iterator[str]:
    """Yield the items whose measurements claims rest on."""
    yield from (name for name, item in config.items.items() if STUDIES[item.study].claimed)


def section_of(config: Config, item: str) -> str:
    """Return the heading under which the report shows an item."""
    return SECTIONS.get(known_item(config, item).section, BEYOND)
