"""Code usage: what the code is worth to the denoiser at each t (beyond the paper).

The denoising loss of held images is measured with each image's own code and with another image's, everything else
equal. The difference is what the code is worth there; zero means that the encoder has not begun to learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from drl.data.store import ImageStore
from drl.methods.base import Method
from drl.methods.conditional import ConditionalScoreMatching
from drl.training.seeds import generator

CHUNK = 256


@torch.no_grad()
def code_usage(
    method: Method, store: ImageStore, images: int, times: Sequence[float], seed: int
) -> list[dict[str, Any]]:
    """Measure code usage.

    Args:
        method: In training; it is put into evaluation mode and back. Methods without a conditional score give no rows.
        store: The images; validation images are used, or training images where there are none.
        images: How many, at most.
        times: Values of t in [0, 1].
        seed: The noise is the same at every call with the same seed, so that the numbers of one training compare.

    Returns:
        Three rows for each t: `loss_own_code`, `loss_other_code`, `code_worth` (their difference), per image.
    """
    if not isinstance(method, ConditionalScoreMatching):
        return []
    positions = (store.val if len(store.val) else store.train)[:images]
    training = method.training
    method.eval()
    rows: list[dict[str, Any]] = []
    for value in times:
        # The code of the image before it stands for "another image's": any fixed pairing without fixed points would do.
        own, other = (_mean_loss(method, store, positions, shift, value, seed) for shift in (0, 1))
        numbers = {"loss_own_code": own, "loss_other_code": other, "code_worth": other - own}
        rows += [{"t": value, "metric": name, "value": number, "n": len(positions)} for name, number in numbers.items()]
    method.train(training)
    return rows


def _mean_loss(
    method: ConditionalScoreMatching, store: ImageStore, positions: Tensor, shift: int, value: float, seed: int
) -> float:
    noises = generator(seed, f"code usage at {value}", store.images.device)
    total = torch.zeros((), device=store.images.device, dtype=torch.float64)
    for first in range(0, len(positions), CHUNK):
        chunk = positions[first : first + CHUNK]
        batch = store.batch(chunk)
        x_0 = method.scale(batch.images)
        t = torch.full((len(chunk),), value, device=x_0.device)
        noise = torch.randn(x_0.shape, generator=noises, device=x_0.device)
        z = method.encode(batch.images, t).roll(shift, 0)
        total += method.denoising_loss(x_0, t, z, noise).double().sum()
    return float(total) / len(positions)
