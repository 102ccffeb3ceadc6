"""Figure 6: x_t denoised with the codes of several images, to see what another image's code changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from drl.config.jobs import CodeSwapJob
from drl.diffusion.samplers.noise import ImageNoise
from drl.diffusion.samplers.ode import solve_ode
from drl.diffusion.sde import perturb
from drl.errors import UserError
from drl.evaluation.codes import extract_codes
from drl.evaluation.generation import Generation, begin_generation
from drl.evaluation.montage import montage, save_png
from drl.evaluation.sampling import grid_of, image_seed, to_bytes
from drl.jobs.job import Job


def run(job: Job[CodeSwapJob]) -> None:
    """Write rows `error_own_code` and `error_other_code`, a PNG beside them, and the run card.

    The PNG has a row for each image and a column for each code. Its top row shows the images that the codes come from,
    and its left column x_t. Errors are root mean squared differences to x_0, with pixels in [0, 1].

    Raises:
        UserError: If model and images do not belong together, a class has no test image, or the score is not finite.
    """
    found = begin_generation(job, 0)  # of an ODE, whose steps are few
    found.write(_rows(found), [job.out.with_suffix(".png")])


def first_of_classes(labels: Tensor, candidates: Tensor, classes: int) -> Tensor:
    """Return the first candidate of each of the classes 0, 1, …, as int64 indices [classes].

    Raises:
        UserError: If a class has no candidate.
    """
    positions = []
    for label in range(classes):
        found = candidates[labels[candidates] == label]
        if not len(found):
            raise UserError(f"no test image has class {label}; set studies.code_swap.classes to at most {label}")
        positions.append(found[0])
    return torch.stack(positions)


def _rows(found: Generation[CodeSwapJob]) -> Iterator[dict[str, Any]]:
    settings, store, device = found.job.settings, found.store, found.placement.device
    protocol = settings.code_swap
    n, t = protocol.classes, protocol.t
    positions = first_of_classes(store.labels.cpu(), store.test, n)
    codes = extract_codes(found.method, store, positions, [t], found.placement)[0]
    images = store.images[positions.to(store.images.device)]
    x_0 = found.method.scale(images)
    seeds = [image_seed(found.seed, "code swap", k) for k in range(n)]
    noise = ImageNoise(seeds, x_0.shape[1:], device).start()
    x_t = perturb(found.method.sde, x_0, torch.full((n,), t, device=device), noise)
    # Row i, column j: image i with code j.
    start, z = x_t.repeat_interleave(n, 0), codes.repeat(n, 1)
    with torch.inference_mode():
        grid = grid_of(found.method, settings.sampler)
        x, evaluations = solve_ode(found.method.score, grid, start, t, z, protocol.tolerance)
    samples, original = to_bytes(x, found.method), images.cpu()
    _save(found.job.out.with_suffix(".png"), original, to_bytes(x_t, found.method), samples)
    difference = (samples.float() - original.float().repeat_interleave(n, 0)) / 255
    errors = difference.flatten(1).square().mean(1).sqrt().reshape(n, n)
    own = torch.eye(n, dtype=torch.bool)
    for metric, chosen in (("error_own_code", own), ("error_other_code", ~own)):
        yield {"t": t, "metric": metric, "value": float(errors[chosen].mean()), "n": int(chosen.sum())}
    yield {"t": t, "metric": "evaluations", "value": evaluations, "n": 1}


def _save(path: Path, original: Tensor, noisy: Tensor, samples: Tensor) -> None:
    n = len(original)
    rows = [torch.cat((torch.zeros_like(original[:1]), original))]
    rows += [torch.cat((noisy[k : k + 1], samples[k * n : (k + 1) * n])) for k in range(n)]
    save_png(path, montage(torch.cat(rows), n + 1))
