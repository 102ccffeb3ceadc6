"""Code usage: how much the code helps the denoiser at each t (beyond the paper).

The denoising loss is measured twice on the same images and noise: with the code of the image, and with the code of
another image. The difference is the worth of the code at this t; zero means that the encoder has not begun to learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from drl.data.store import ImageStore
from drl.methods.base import Denoiser, Method
from drl.training.seeds import generator

CHUNK = 256


@torch.no_grad()
def code_usage(
    method: Method, store: ImageStore, images: int, times: Sequence[float], seed: int
) -> list[dict[str, Any]]:
    """Measure code usage with the weights as they are in training (not their moving average).

    Args:
        method: The method in training. It is in evaluation mode during the measurement. Methods without a conditional
            score give no rows.
        store: The images. Validation images are used, or training images if there are none.
        images: Largest number of images.
        times: Values of t in [0, 1].
        seed: Seed of the choice of images, their partners and the noise. Calls with the same seed use the same ones, so
            that the numbers of one training can be compared.

    Returns:
        Three rows for each t: `loss_own_code`, `loss_other_code`, `code_worth` (their difference), per image.
    """
    if not isinstance(method, Denoiser) or method.encoder is None:
        return []
    pool = store.val if len(store.val) else store.train
    # The order is random because stored images may be sorted by class; the next image is then of any class.
    positions = pool[torch.randperm(len(pool), generator=generator(seed, "code usage"))][:images]
    training = method.training
    method.eval()
    rows: list[dict[str, Any]] = []
    for value in times:
        own, other = _mean_losses(method, store, positions, value, seed)
        numbers = {"loss_own_code": own, "loss_other_code": other, "code_worth": other - own}
        rows += [{"t": value, "metric": name, "value": number, "n": len(positions)} for name, number in numbers.items()]
    method.train(training)
    return rows


def _mean_losses(
    method: Denoiser, store: ImageStore, positions: Tensor, value: float, seed: int
) -> tuple[float, float]:
    """Return the mean denoising loss with the codes of the images, and with those of other images."""
    device = store.images.device
    noises = generator(seed, f"code usage at {value}", device)
    chunks = positions.split(CHUNK)
    codes = torch.cat([method.encode(store.batch(chunk).images, _full(chunk, value, device)) for chunk in chunks])
    others = codes.roll(1, 0)
    totals = torch.zeros(2, device=device, dtype=torch.float64)
    for chunk, own, other in zip(chunks, codes.split(CHUNK), others.split(CHUNK), strict=True):
        x_0, t = method.scale(store.batch(chunk).images), _full(chunk, value, device)
        noise = torch.randn(x_0.shape, generator=noises, device=device)
        for k, z in enumerate((own, other)):
            totals[k] += method.denoising_loss(x_0, t, z, noise).double().sum()
    own_loss, other_loss = (totals / len(positions)).tolist()
    return own_loss, other_loss


def _full(chunk: Tensor, value: float, device: torch.device) -> Tensor:
    return torch.full((len(chunk),), value, device=device)
