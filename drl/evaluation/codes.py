"""Codes of many images at many t, once, for every probe that reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from drl.data.store import ImageStore
from drl.device import Placement
from drl.errors import UserError
from drl.methods.base import Method

# Images a pass: on a CPU activations should stay in its caches, a GPU wants enough to do.
CHUNKS = {"cpu": 128, "cuda": 2000}


@torch.inference_mode()
def extract_codes(
    method: Method,
    store: ImageStore,
    indices: Tensor,
    times: Sequence[float],
    placement: Placement,
    advance: Callable[[], None] = lambda: None,
) -> Tensor:
    """Encode images without augmentation, in evaluation mode: neither weights nor batch statistics move.

    Args:
        method: A pretrained model on the placement's device.
        store: Its images, on the same device.
        indices: int64 [N], which images.
        times: Values of t in [0, 1].
        placement: Device and precision.
        advance: Called after each pass.

    Returns:
        float32 [T, N, D] on the device.

    Raises:
        UserError: If the images are not of the size the model was trained on, or a code is not finite.
    """
    check_images(method, store)
    training = method.training
    method.eval()
    rows = []
    for value in times:
        chunks = []
        for chunk in indices.split(CHUNKS[placement.device.type]):
            batch = store.batch(chunk)
            t = torch.full((len(chunk),), value, device=placement.device)
            with placement.autocast():
                chunks.append(method.encode(batch.images, t).float())
            advance()
        rows.append(torch.cat(chunks))
    method.train(training)
    codes = torch.stack(rows)
    finite = codes.isfinite().flatten(1).all(1)
    if not bool(finite.all()):
        bad = [value for value, good in zip(times, finite.tolist(), strict=True) if not good]
        raise UserError(f"the model's codes at t = {bad[0]} are not finite numbers; pretrain it again")
    # Probes differentiate through what they read, which inference tensors do not allow.
    return codes.clone()


def check_images(method: Method, store: ImageStore) -> None:
    """Compare the images with those that the model was built for.

    Raises:
        UserError: If channels or size differ.
    """
    found = tuple(store.images.shape[1:3])
    wanted = (method.facts.channels, method.facts.image_size)
    if found != wanted:
        raise UserError(
            f"the model was trained on {wanted[0]} channels of {wanted[1]} pixels but dataset {store.name!r} has "
            f"{found[0]} channels of {found[1]} pixels; give the images that it was trained on"
        )


def passes(images: int, times: int, placement: Placement) -> int:
    """Return how often `extract_codes` calls `advance`."""
    return times * -(-images // CHUNKS[placement.device.type])
