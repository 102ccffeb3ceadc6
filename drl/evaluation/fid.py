"""Table 6: FID of samples, with a fixed protocol that is recorded completely."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation.features import Extractor, inception_extractor, supervised_extractor
from drl.evaluation.frechet import Statistics, frechet_distance
from drl.evaluation.sample_sets import sample_name
from drl.evaluation.where import Where
from drl.jobs.device import Placement, memory_used, place
from drl.jobs.progress import Reporter
from drl.records.inputs import check_inputs
from drl.records.metrics import read_metrics, write_metrics
from drl.records.run_card import read_card, write_card


def fid(
    samples: Path,
    images: Path,
    out: Path,
    settings: dict[str, Any],
    code: str,
    where: Where,
    extractor: Path | None,
    expected: dict[str, Any] | None = None,
) -> None:
    """Write `out`, with a row `fid` for each repeat, prior and t_init, and the run card with everything that matters.

    The reference is the dataset's training images at their own resolution, as bytes; samples are bytes too.

    Args:
        samples: What drl later-start wrote, its card beside its numbers.
        images: The prepared images that the model was trained on.
        out: The CSV file.
        settings: drl.pipeline.slices.fid.
        code: Digest of the code, for the card.
        where: Device and threads.
        extractor: The supervised model, where the extractor is `supervised`.
        expected: What the samples' card must say, such as recipe and seed.

    Raises:
        UserError: If samples are missing, changed, not those expected, of another size or dataset than the images, or
            too few for the features.
    """
    started = time.monotonic()
    # Always in fp32, because a fixed protocol must not depend on the device's preferred format.
    placement = place(where.device, "fp32", "off", where.threads)
    inputs = check_inputs([samples, samples.with_suffix(".csv"), images, *([] if extractor is None else [extractor])])
    store = ImageStore.open(images, placement.device)
    about = _about(samples, store, expected or {})
    found = _extractor(settings["fid"]["extractor"], extractor, where, placement, store)
    reference = Statistics.of(found.features(store.images[store.train.to(store.images.device)], placement.device))
    cells = settings["cells"]
    total = cells["repeats"] * len(cells["priors"]) * len(cells["t_init"])
    rows = list(_starts(samples))
    with Reporter("fid", total, unit="sets") as reporter:
        for row in _rows(samples, store, found, reference, settings, placement.device):
            rows.append(row)
            reporter.advance()
    write_metrics(out, [{**about, "study": "fid", **row} for row in rows])
    write_card(
        "fid",
        [out],
        settings,
        code,
        inputs=inputs,
        **about,
        **placement.describe(),
        protocol=_protocol(settings, store, placement) | found.describe() | _described(reference),
        seconds=round(time.monotonic() - started, 2),
        **memory_used(placement.device),
    )


def _protocol(settings: dict[str, Any], store: ImageStore, placement: Placement) -> dict[str, Any]:
    return {
        "images": settings["images"],
        "split": "train",
        "resolution": store.images.shape[2],
        "values": "bytes, 0 to 255",
        "precision": placement.precision,
    }


def _described(reference: Statistics) -> dict[str, Any]:
    return {"reference_images": reference.n, "reference_statistics_sha256": reference.sha256}


def _starts(samples: Path) -> Iterator[dict[str, Any]]:
    """Yield the facts about each t_init and its savings, so that the table needs no other file."""
    for row in read_metrics(samples.with_suffix(".csv")):
        if row["metric"] in ("sigma", "steps_saved"):
            yield {key: row[key] for key in ("t", "metric", "value", "n")}


def _extractor(kind: str, model: Path | None, where: Where, placement: Placement, store: ImageStore) -> Extractor:
    if kind == "inception":
        weights = where.inception_weights
        return inception_extractor(None if weights is None else Path(weights), placement.device)
    if model is None:
        raise UserError("fid: extractor supervised needs a model; give --extractor")
    return supervised_extractor(model, placement, store.name)


def _about(samples: Path, store: ImageStore, expected: dict[str, Any]) -> dict[str, Any]:
    card = read_card(samples.with_suffix(".csv.json"))
    if card.get("command") != "later_start":
        raise UserError(
            f"{samples.with_suffix('.csv.json')}: is not the run card of samples; give files that drl later-start wrote"
        )
    about = {key: card[key] for key in ("scale", "dataset", "recipe", "seed")}
    for key, wanted in expected.items():
        if about[key] != wanted:
            raise UserError(f"{samples} has samples of {key} {about[key]!r}, not {wanted!r}; give the right ones")
    if samples.name not in card["outputs"]:
        raise UserError(f"{samples}: is not listed in its run card; run drl later-start again")
    if about["dataset"] != store.name:
        raise UserError(
            f"{samples} has samples of a model of dataset {about['dataset']!r}, but the reference is {store.name!r}; "
            "give the images that the model was trained on"
        )
    return about


def _rows(
    samples: Path, store: ImageStore, extractor: Extractor, reference: Statistics, settings: dict[str, Any], device: Any
) -> Iterator[dict[str, Any]]:
    cells = settings["cells"]
    try:
        with safe_open(str(samples), framework="pt") as file:
            for repeat, prior, t in product(range(cells["repeats"]), cells["priors"], cells["t_init"]):
                images: Tensor = file.get_tensor(sample_name(repeat, prior, t))
                if images.shape[1:] != store.images.shape[1:]:
                    raise UserError(
                        f"{samples}: samples are {tuple(images.shape[1:])}, reference images "
                        f"{tuple(store.images.shape[1:])}; give images of the model's own resolution"
                    )
                if len(images) != settings["images"]:
                    raise UserError(
                        f"{samples}: has {len(images)} samples per cell, not {settings['images']}; run drl later-start "
                        "again, or set studies.later_start.images to that number"
                    )
                distance = frechet_distance(Statistics.of(extractor.features(images, device)), reference)
                yield {"arm": prior, "t": t, "split": repeat, "metric": "fid", "value": distance, "n": len(images)}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{samples}: cannot be read ({error}); run drl later-start again") from error
