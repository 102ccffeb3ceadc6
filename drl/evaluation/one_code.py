"""Figure 7: many samples from one image's code, to see how much a code of that size leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drl.config.jobs import OneCodeJob
from drl.evaluation.codes import extract_codes
from drl.evaluation.generation import Generation, begin_generation
from drl.evaluation.geometry import mean_pairwise_distance
from drl.evaluation.montage import montage, save_png
from drl.evaluation.sampling import Wanted, image_seed, passes_on_gpu
from drl.jobs.job import Job


def run(job: Job[OneCodeJob]) -> None:
    """Write rows `mean_pairwise_distance` and `code_size`, the samples as PNG beside them, and the run card.

    Raises:
        UserError: If model and images do not belong together, or the model has no codes or cannot be sampled from.
    """
    found = begin_generation(
        job, passes_on_gpu(job.settings.sampler, job.settings.one_code.columns**2, job.resources.sampling_batch)
    )
    found.write(_rows(found), [job.out.with_suffix(".png")])


def _rows(found: Generation[OneCodeJob]) -> Iterator[dict[str, Any]]:
    settings, store = found.job.settings, found.store
    protocol = settings.one_code
    # The first test image, as the authors took.
    codes = extract_codes(found.method, store, store.test[:1], [protocol.t], found.placement)[0]
    count = protocol.columns**2
    wanted = [Wanted(image_seed(found.seed, "one code", k), 0) for k in range(count)]
    samples = found.samples(settings.sampler, wanted, codes)
    save_png(found.job.out.with_suffix(".png"), montage(samples, protocol.columns))
    yield {"metric": "mean_pairwise_distance", "value": mean_pairwise_distance(samples), "n": count}
    yield {"metric": "code_size", "value": codes.shape[1], "n": 1}
