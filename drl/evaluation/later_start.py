"""Figure 13 and Table 6: samples whose chains begin at t_init < 1, from two priors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from drl.diffusion.samplers.chain import calls
from drl.evaluation.generation import Generation, begin_generation
from drl.evaluation.sample_sets import sample_name
from drl.evaluation.sampling import Wanted, grid_of, image_seed, options_of
from drl.evaluation.where import Where
from drl.files import atomic


def later_start(
    model: Path,
    images: Path,
    out: Path,
    settings: dict[str, Any],
    code: str,
    where: Where,
    expected: dict[str, Any] | None = None,
) -> None:
    """Write `out` (rows `sigma`, `steps_saved`, `evaluations` for each t_init), the samples beside it, and the card.

    The samples are a safetensors file with one uint8 tensor [images, C, H, W] for each repeat, prior and t_init, named
    by drl.evaluation.sample_sets.sample_name.

    Arguments and errors as in drl.evaluation.latent_grid; settings are drl.pipeline.slices.later_start.
    """
    run = begin_generation("later_start", model, images, settings, code, where, expected)
    run.write(out, _rows(run, out), [samples_file(out)])


def samples_file(out: Path) -> Path:
    """Return the path of the samples, beside the numbers."""
    return out.with_suffix(".safetensors")


def _rows(run: Generation, out: Path) -> Iterator[dict[str, Any]]:
    protocol = run.settings["later_start"]
    cells = list(product(range(protocol["repeats"]), protocol["priors"], protocol["t_init"]))
    # The cells of an image are adjacent, so that one batch has chains of every t_init.
    wanted = [
        Wanted(image_seed(run.seed, f"later start {sample_name(*cell)}", k), None, cell[2], cell[1])
        for k in range(protocol["images"])
        for cell in cells
    ]
    images = run.samples(wanted, None, protocol["uniform"])
    by_cell = images.reshape(protocol["images"], len(cells), *images.shape[1:]).transpose(0, 1)
    named = {sample_name(*cell): samples.contiguous() for cell, samples in zip(cells, by_cell, strict=True)}
    with atomic(samples_file(out)) as temporary:
        save_file(named, str(temporary))
    yield from _numbers(run, protocol)


def _numbers(run: Generation, protocol: dict[str, Any]) -> Iterator[dict[str, Any]]:
    grid, options = grid_of(run.method, run.settings["sampler"]), options_of(run.settings["sampler"])
    for t in protocol["t_init"]:
        steps, evaluations = calls(grid, [t], options)
        sigma = float(run.method.sde.std(torch.tensor(t, dtype=torch.float64)))
        yield {"t": t, "metric": "sigma", "value": sigma, "n": 1}
        yield {"t": t, "metric": "steps_saved", "value": 100 * (1 - steps / grid.steps), "n": grid.steps}
        yield {"t": t, "metric": "evaluations", "value": evaluations, "n": 1}
