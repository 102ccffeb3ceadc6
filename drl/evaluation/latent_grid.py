"""Figures 2 and 3: 2-d codes of the test images, and samples from codes over a square."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drl.config.jobs import LatentGridJob
from drl.errors import UserError
from drl.evaluation.codes import extract_codes
from drl.evaluation.generation import Generation, begin_generation
from drl.evaluation.geometry import ink_r2, silhouette
from drl.evaluation.montage import montage, save_png
from drl.evaluation.sampling import Wanted, image_seed, passes_on_gpu
from drl.files import atomic
from drl.jobs.job import Job


def run(job: Job[LatentGridJob]) -> None:
    """Write numbers, the samples as PNG and the codes as CSV beside them, and the run card.

    `job.out` has rows `silhouette` and `ink_r2` of the test images' codes.

    Raises:
        UserError: If model and images do not belong together, the model's codes are not 2-d, or it cannot be sampled
            from.
    """
    found = begin_generation(
        job, passes_on_gpu(job.settings.sampler, job.settings.latent_grid.cells**2, job.resources.sampling_batch)
    )
    found.write(_rows(found), [job.out.with_suffix(".png"), job.out.with_suffix(".codes.csv")])


def square(cells: int, extent: float) -> Tensor:
    """Return codes [cells^2, 2] over [-extent, extent]^2, row by row from the top; z_1 grows to the right, z_2 up."""
    axis = torch.linspace(-extent, extent, cells)
    z_2, z_1 = torch.meshgrid(axis.flip(0), axis, indexing="ij")
    return torch.stack((z_1.flatten(), z_2.flatten()), dim=1)


def _rows(found: Generation[LatentGridJob]) -> Iterator[dict[str, Any]]:
    settings, store, out = found.job.settings, found.store, found.job.out
    protocol = settings.latent_grid
    codes = extract_codes(found.method, store, store.test, [protocol.t], found.placement)[0].cpu()
    if codes.shape[1] != 2:
        raise UserError(f"a scatter needs 2-d codes, but the model's have {codes.shape[1]} entries; give a 2-d recipe")
    labels = store.labels[store.test].cpu()
    table = np.column_stack((codes.double().numpy(), labels.numpy()))
    with atomic(out.with_suffix(".codes.csv")) as path:
        np.savetxt(path, table, ("%.5g", "%.5g", "%d"), delimiter=",", header="z_1,z_2,label", comments="")
    cells = protocol.cells
    wanted = [Wanted(image_seed(found.seed, "latent grid", k), k) for k in range(cells**2)]
    samples = found.samples(settings.sampler, wanted, square(cells, protocol.extent))
    save_png(out.with_suffix(".png"), montage(samples, cells))
    numbers = {"silhouette": silhouette(codes, labels), "ink_r2": ink_r2(codes, store.images[store.test])}
    for metric, value in numbers.items():
        yield {"metric": metric, "value": value, "n": len(labels)}
