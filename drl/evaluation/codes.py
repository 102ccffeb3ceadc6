"""Compute the codes of many images at many t once, for all probes that read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from drl.config.recipes import Recipe
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.jobs.device import Placement
from drl.jobs.progress import Reporter
from drl.methods.base import ImageFacts, Method
from drl.training.seeds import generator

# Images per pass: on a CPU, activations should fit into its caches; a GPU needs enough work.
CHUNKS = {"cpu": 128, "cuda": 2000}


@dataclass(frozen=True)
class CodeTable:
    """Codes of some of a dataset's images, which can be looked up by the images' indices.

    Attributes:
        codes: float32 [T, N, D], on the device.
        labels: int64 [N], on the device.
        rows: int64 [images of the dataset] on the device, the row of each image's codes; -1 if it has none.
    """

    codes: Tensor
    labels: Tensor
    rows: Tensor

    def part(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes [T, n, D] and labels [n] of the images at `indices` (int64 [n])."""
        at = self.rows[indices.to(self.rows.device)]
        return self.codes.index_select(1, at), self.labels.index_select(0, at)

    def standardised(self, indices: Tensor) -> CodeTable:
        """Return the table with each entry centred and scaled, for each t, by the codes of some images (int64 [n]).

        Raises:
            UserError: If the codes are so large that a mean or a deviation is not finite; all codes would become 0.
        """
        codes, _ = self.part(indices)
        mean, deviation = codes.mean(1, keepdim=True), codes.std(1, keepdim=True)
        if not bool((mean + deviation).isfinite().all()):
            raise UserError(
                "the model's codes are so large that their deviation is not a finite number; pretrain it again"
            )
        # An entry that is constant stays 0.
        return replace(self, codes=(self.codes - mean) / torch.where(deviation > 0, deviation, 1))


def as_probed(table: CodeTable, recipe: Recipe, train: Tensor) -> CodeTable:
    """Return the codes as probes read them: as they are, but activations of a score network standardised (ours).

    Such activations are small numbers, on which the few steps of a probe would decide.

    Args:
        table: The codes of all images that a probe sees.
        recipe: The recipe of the model.
        train: int64 indices of the images that the probe may be trained on.
    """
    return table.standardised(train) if recipe.method.codes_by == "score" else table


def read_codes(
    method: Method,
    store: ImageStore,
    indices: Tensor,
    times: Sequence[float],
    placement: Placement,
    noise_seed: int | None = None,
    title: str = "codes",
) -> CodeTable:
    """Call `extract_codes`, show its progress under a title, and return its result as a table."""
    passes = len(times) * -(-len(indices) // CHUNKS[placement.device.type])
    with Reporter(title, passes, unit="passes") as reporter:
        codes = extract_codes(method, store, indices, times, placement, reporter.advance, noise_seed)
    rows = torch.full((len(store.labels),), -1)
    rows[indices] = torch.arange(len(indices))
    return CodeTable(codes, store.labels[indices.to(placement.device)], rows.to(placement.device))


def extract_codes(
    method: Method,
    store: ImageStore,
    indices: Tensor,
    times: Sequence[float],
    placement: Placement,
    advance: Callable[[], None] = lambda: None,
    noise_seed: int | None = None,
) -> Tensor:
    """Encode images without augmentation, in evaluation mode: weights and batch statistics do not change.

    Args:
        method: A pretrained model on the placement's device.
        store: Its images, on the same device.
        indices: int64 [N], which images.
        times: Values of t in [0, 1].
        placement: Device and precision.
        advance: Called after each pass.
        noise_seed: Gives `Method.encode` a generator for each t, drawn from in the order of the images, so that DAE
            and score features see each image with one draw of the noise of that t. None: codes without randomness.

    Returns:
        float32 [T, N, D] on the device.

    Raises:
        UserError: If the images are not of the size the model was trained on, or a code is not finite.
    """
    check_images(method.facts, store)
    training = method.training
    method.eval()
    rows = []
    for value in times:
        noise = None if noise_seed is None else noise_at(value, noise_seed, placement.device)
        chunks = []
        for chunk in indices.split(CHUNKS[placement.device.type]):
            batch = store.batch(chunk)
            t = torch.full((len(chunk),), value, device=placement.device)
            with torch.inference_mode(), placement.autocast():
                chunks.append(method.encode(batch.images, t, noise).float())
            advance()
        rows.append(torch.cat(chunks))
    method.train(training)
    # Stack outside inference mode, because readers of codes may differentiate, which inference tensors do not allow.
    codes = torch.stack(rows)
    finite = codes.isfinite().flatten(1).all(1)
    if not bool(finite.all()):
        bad = [value for value, good in zip(times, finite.tolist(), strict=True) if not good]
        raise UserError(f"the model's codes at t = {bad[0]} are not finite numbers; pretrain it again")
    return codes


def noise_at(t: float, seed: int, device: torch.device) -> torch.Generator:
    """Return the source of the noise of images that are encoded at one t."""
    return generator(seed, f"codes at t = {t}", device)


def check_images(facts: ImageFacts, store: ImageStore) -> None:
    """Check that the images have the channels and size that a model was built for.

    Raises:
        UserError: If channels or size differ.
    """
    found = tuple(store.images.shape[1:3])
    wanted = (facts.channels, facts.image_size)
    if found != wanted:
        raise UserError(
            f"the model was trained on {wanted[0]} channels of {wanted[1]} pixels but dataset {store.name!r} has "
            f"{found[0]} channels of {found[1]} pixels; give the images that it was trained on"
        )
