"""Figure 13 and Table 6: samples whose chains begin at t_init < 1, from two priors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
from safetensors.torch import save_file

from drl.config.jobs import LaterStartJob
from drl.diffusion.samplers.chain import calls
from drl.evaluation.generation import Generation, begin_generation
from drl.evaluation.sample_sets import sample_name
from drl.evaluation.sampling import Wanted, grid_of, image_seed, options_of, passes_on_gpu
from drl.files import atomic
from drl.jobs.job import Job


def run(job: Job[LaterStartJob]) -> None:
    """Write rows `sigma`, `steps_saved` and `evaluations` for each t_init, the samples beside them, and the run card.

    The samples are a safetensors file with one uint8 tensor [images, C, H, W] for each repeat, prior and t_init;
    drl.evaluation.sample_sets.sample_name gives its name.

    Raises:
        UserError: If model and images do not belong together, or the model has codes or cannot be sampled from.
    """
    protocol = job.settings.later_start
    samples = protocol.images * protocol.repeats * len(protocol.priors) * len(protocol.t_init)
    found = begin_generation(job, passes_on_gpu(job.settings.sampler, samples, job.resources.sampling_batch))
    found.write(_rows(found), [job.out.with_suffix(".safetensors")])


def _rows(found: Generation[LaterStartJob]) -> Iterator[dict[str, Any]]:
    protocol, sampler = found.job.settings.later_start, found.job.settings.sampler
    cells = list(product(range(protocol.repeats), protocol.priors, protocol.t_init))
    # All cells of an image lie side by side, so that one batch holds chains of every t_init.
    wanted = [
        Wanted(image_seed(found.seed, f"later start {sample_name(*cell)}", k), None, cell[2], cell[1])
        for k in range(protocol.images)
        for cell in cells
    ]
    images = found.samples(sampler, wanted, None, protocol.uniform)
    by_cell = images.reshape(protocol.images, len(cells), *images.shape[1:]).transpose(0, 1)
    named = {sample_name(*cell): samples.contiguous() for cell, samples in zip(cells, by_cell, strict=True)}
    with atomic(found.job.out.with_suffix(".safetensors")) as temporary:
        save_file(named, str(temporary))
    grid, options = grid_of(found.method, sampler), options_of(sampler)
    for t in protocol.t_init:
        steps, evaluations = calls(grid, [t], options)
        sigma = float(found.method.sde.std(torch.tensor(t, dtype=torch.float64)))
        yield {"t": t, "metric": "sigma", "value": sigma, "n": 1}
        yield {"t": t, "metric": "steps_saved", "value": 100 * (1 - steps / grid.steps), "n": grid.steps}
        yield {"t": t, "metric": "evaluations", "value": evaluations, "n": 1}
