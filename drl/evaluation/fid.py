"""Table 6: FID of samples, with a fixed protocol that is recorded completely."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from drl.config.jobs import FidJob
from drl.data.store import ImageStore
from drl.data.tensors import open_tensors
from drl.errors import UserError
from drl.evaluation.features import Extractor, inception_extractor, supervised_extractor
from drl.evaluation.frechet import Statistics, frechet_distance
from drl.evaluation.measurement import write_results
from drl.evaluation.sample_sets import sample_name
from drl.jobs.device import Placement, place
from drl.jobs.job import Job
from drl.jobs.progress import Reporter
from drl.records.card import read_card
from drl.records.inputs import check_inputs
from drl.records.metrics import read_metrics


def run(job: Job[FidJob]) -> None:
    """Write a row `fid` for each repeat, prior and t_init, and the run card with all that the score depends on.

    The reference are the dataset's training images, at its own resolution, as bytes; samples are bytes too. The inputs
    are `samples`, which drl later-start wrote, with its card beside its numbers, `images`, and as `extractor` the
    supervised model where the settings' extractor is one.

    Raises:
        UserError: If samples are missing, changed, not those of the job, of another size or dataset than the images, or
            too few for the features.
    """
    started, settings = time.monotonic(), job.settings
    samples, images = job.input("samples"), job.input("images")
    # Use fp32 everywhere, because a fixed protocol must not depend on the device's preferred format.
    placement = place(job.resources.device, "fp32", "off", job.resources.threads)
    digests = check_inputs([samples, samples.with_suffix(".csv"), images, *job.inputs.get("extractor", ())])
    store = ImageStore.open(images, placement.device)
    about = _about(job, samples, store)
    extractor = _extractor(job, placement, store)
    training = store.images[store.train.to(store.images.device)]
    reference = Statistics.of(extractor.features(training, placement.device))
    rows = list(_starts(samples))
    with Reporter("fid", len(_cells(settings)), unit="sets") as reporter:
        for row in _rows(samples, store, extractor, reference, settings):
            rows.append(row)
            reporter.advance()
    protocol = {
        "images": settings.images,
        "split": "train",
        "resolution": store.images.shape[2],
        "values": "bytes, 0 to 255",
        "precision": placement.precision,
        "reference_images": reference.n,
        "reference_statistics_sha256": reference.sha256,
        **extractor.describe(),
    }
    made, seconds = [{**about, "study": job.study, **row} for row in rows], time.monotonic() - started
    write_results(job, made, digests, placement, seconds, **about, protocol=protocol)


def _starts(samples: Path) -> Iterator[dict[str, Any]]:
    """Yield the facts about each t_init and its savings, so that the table needs no other file."""
    for row in read_metrics(samples.with_suffix(".csv")):
        if row["metric"] in ("sigma", "steps_saved"):
            yield {key: row[key] for key in ("t", "metric", "value", "n")}


def _extractor(job: Job[FidJob], placement: Placement, store: ImageStore) -> Extractor:
    if job.settings.fid.extractor == "inception":
        weights = job.resources.inception_weights
        return inception_extractor(None if weights is None else Path(weights), placement.device)
    return supervised_extractor(job.input("extractor"), placement, store.name)


def _about(job: Job[FidJob], samples: Path, store: ImageStore) -> dict[str, Any]:
    card = read_card(samples.with_suffix(".csv.json"))
    if card.command != "later_start":
        raise UserError(
            f"{samples.with_suffix('.csv.json')}: is not the run card of samples; give files that drl later-start wrote"
        )
    about = {key: card.fact(key) for key in ("scale", "dataset", "recipe", "seed")}
    for key in ("dataset", "recipe", "seed"):
        if about[key] != job.about[key]:
            raise UserError(
                f"{samples} holds samples of {key} {about[key]!r}, not {job.about[key]!r}; give the right ones"
            )
    if samples.name not in card.outputs:
        raise UserError(f"{samples}: is not listed in its run card; run drl later-start again")
    if about["dataset"] != store.name:
        raise UserError(
            f"{samples} has samples of a model of dataset {about['dataset']!r}, but the reference is {store.name!r}; "
            "give the images that the model was trained on"
        )
    return about


def _cells(settings: FidJob) -> list[tuple[int, str, float]]:
    """Return repeat, prior and t_init of each set of samples."""
    cells = settings.cells
    return list(product(range(cells.repeats), cells.priors, cells.t_init))


def _rows(
    samples: Path, store: ImageStore, extractor: Extractor, reference: Statistics, settings: FidJob
) -> Iterator[dict[str, Any]]:
    try:
        with open_tensors(samples) as file:
            for repeat, prior, t in _cells(settings):
                images: Tensor = file.get_tensor(sample_name(repeat, prior, t))
                if images.shape[1:] != store.images.shape[1:]:
                    raise UserError(
                        f"{samples}: samples are {tuple(images.shape[1:])}, reference images "
                        f"{tuple(store.images.shape[1:])}; give images of the model's own resolution"
                    )
                if len(images) != settings.images:
                    raise UserError(
                        f"{samples}: holds {len(images)} samples in a cell, not {settings.images}; run drl later-start "
                        "again, or set studies.later_start.images to it"
                    )
                features = extractor.features(images, store.images.device)
                distance = frechet_distance(Statistics.of(features), reference)
                yield {"arm": prior, "t": t, "split": repeat, "metric": "fid", "value": distance, "n": len(images)}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{samples}: cannot be read ({error}); run drl later-start again") from error
