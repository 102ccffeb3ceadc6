"""Figure 7: many samples from one image's code, to see how much a code of that size leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drl.evaluation.codes import extract_codes
from drl.evaluation.generation import Generation, begin_generation
from drl.evaluation.geometry import mean_pairwise_distance
from drl.evaluation.montage import montage, save_png
from drl.evaluation.sampling import Wanted, image_seed
from drl.evaluation.where import Where


def one_code(
    model: Path,
    images: Path,
    out: Path,
    settings: dict[str, Any],
    code: str,
    where: Where,
    expected: dict[str, Any] | None = None,
) -> None:
    """Write `out` (rows `mean_pairwise_distance` and `code_size`), the samples as PNG beside it, and the run card.

    Arguments and errors as in drl.evaluation.latent_grid; settings are drl.pipeline.slices.one_code.
    """
    run = begin_generation("one_code", model, images, settings, code, where, expected)
    run.write(out, _rows(run, out), [out.with_suffix(".png")])


def _rows(run: Generation, out: Path) -> Iterator[dict[str, Any]]:
    protocol, store = run.settings["one_code"], run.found.store
    # Use the first test image, as the authors did.
    codes = extract_codes(run.method, store, store.test[:1], [protocol["t"]], run.found.placement)[0]
    count = protocol["columns"] ** 2
    samples = run.samples([Wanted(image_seed(run.seed, "one code", k), 0) for k in range(count)], codes)
    save_png(out.with_suffix(".png"), montage(samples, protocol["columns"]))
    yield {"metric": "mean_pairwise_distance", "value": mean_pairwise_distance(samples), "n": count}
    yield {"metric": "code_size", "value": codes.shape[1], "n": 1}
