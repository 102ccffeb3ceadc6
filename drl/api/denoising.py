"""Denoise images with a model in one step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from drl.diffusion.samplers.noise import ImageNoise
from drl.diffusion.sde import per_image, perturb
from drl.evaluation.sampling import image_seed, score_function, to_bytes
from drl.jobs.device import Placement
from drl.methods.score_matching import ScoreMatching


@torch.inference_mode()
def denoised(
    method: ScoreMatching, placement: Placement, images: Tensor, times: Sequence[float], z: Tensor | None, seed: int
) -> Tensor:
    """Add noise to images, and return E[x_0 | x_t, z] = (x_t + std(t)^2 s(x_t, t, z)) / m(t) (Tweedie's formula).

    Args:
        method: A model on the placement's device.
        placement: Device and precision.
        images: uint8 [B, C, H, W] on the device.
        times: Values of t in (0, 1].
        z: Codes [B, D] or [1, D] on the device; None: each image's own at t, if the model is conditional.
        seed: Of the noise, which is the same at all t and depends only on the image and the seed.

    Returns:
        uint8 [T, B, C, H, W] on the CPU.

    Raises:
        UserError: If an image is not finite.
    """
    x_0, score = method.scale(images), score_function(method, placement)
    noise = ImageNoise([seed_of(image, seed) for image in images], x_0.shape[1:], placement.device).start()
    rows = []
    for value in times:
        t = torch.full((len(images),), value, device=placement.device)
        codes = None if z is None else z.expand(len(images), -1)
        if codes is None and method.encoder is not None:
            with placement.autocast():
                codes = method.encode(images, t).float()
        x_t = perturb(method.sde, x_0, t, noise)
        std, mean = (per_image(values, x_t) for values in (method.sde.std(t), method.sde.mean_factor(t)))
        rows.append(to_bytes((x_t + std**2 * score(x_t, t, codes)) / mean, method))
    return torch.stack(rows)


def content_name(values: Tensor) -> str:
    """Return a name for an image's pixels or a code, so that its noise does not depend on its place in a batch."""
    return hashlib.sha256(values.cpu().contiguous().numpy().tobytes()).hexdigest()


def seed_of(image: Tensor, seed: int) -> int:
    """Return the seed of an image's noise."""
    return image_seed(seed, f"denoise {content_name(image)}", 0)
