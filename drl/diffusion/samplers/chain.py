"""The chain from noise to an image: corrector, predictor, corrector, … (Song et al. 2021, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from drl.diffusion.samplers.noise import STEPS_AT_ONCE, ImageNoise
from drl.diffusion.samplers.steps import Grid, euler_maruyama, langevin, reverse_diffusion

# s(x_t, t, z) for x [B, C, H, W], t [B], codes [B, D] or None.
Score = Callable[[Tensor, Tensor, Tensor | None], Tensor]
PREDICTORS = {"reverse_diffusion": reverse_diffusion, "euler_maruyama": euler_maruyama}


@dataclass(frozen=True)
class ChainOptions:
    """The kinds of steps in a chain, and their settings.

    Attributes:
        predictor: Name of a step in drl.diffusion.samplers.steps.
        corrector: One Langevin step before each predictor step, or none.
        snr: Signal-to-noise ratio of the corrector.
        corrector_norm: `image` uses each image's own norms; `batch` averages them over the batch (authors' code).
        denoise: Return the mean of the last step, without the noise that it adds.
    """

    predictor: Literal["reverse_diffusion", "euler_maruyama"] = "reverse_diffusion"
    corrector: Literal["langevin", "none"] = "langevin"
    snr: float = 0.16
    corrector_norm: Literal["image", "batch"] = "image"
    denoise: bool = True

    @property
    def draws(self) -> int:
        """Number of noise draws per step."""
        return 1 if self.corrector == "none" else 2


@dataclass(frozen=True)
class ChainState:
    """The state of a batch of chains between two steps. Chains that continue from it give the same samples.

    Attributes:
        step: The next step.
        x: Current images [B, C, H, W].
        mean: x without the last step's noise.
        noise: States of the images' generators, uint8 [B, …].
    """

    step: int
    x: Tensor
    mean: Tensor
    noise: Tensor


def run_chain(
    score: Score,
    grid: Grid,
    start: Tensor,
    t_init: Sequence[float],
    noise: ImageNoise,
    z: Tensor | None = None,
    options: ChainOptions = ChainOptions(),
    advance: Callable[[], None] = lambda: None,
    resume: ChainState | None = None,
    keep: Callable[[Callable[[], ChainState]], None] = lambda state: None,
) -> Tensor:
    """Integrate the reverse SDE from each image's own t_init to epsilon, all images in one batch.

    An image joins the batch at the step where its own chain begins. From then on it shares every call of the score
    network with the others.

    Args:
        score: s(x_t, t, z).
        grid: Times and discrete SDE.
        start: x at t_init [B, C, H, W].
        t_init: [B], descending, in (0, 1].
        noise: Noise of the same images, with `options.draws` draws per step.
        z: Codes [B, D], or None.
        options: Predictor, corrector and their settings.
        advance: Called after each step.
        resume: State of an interrupted run to continue from.
        keep: Called every few steps with a function that returns the current state.

    Returns:
        x_0 [B, C, H, W].
    """
    first = [grid.first_step(value) for value in t_init]
    assert first == sorted(first), "chains must be in the order in which they begin"
    predictor = PREDICTORS[options.predictor]
    x, mean, begin = start.clone(), start.clone(), first[0]
    if resume is not None:
        x, mean, begin = resume.x.to(x, copy=True), resume.mean.to(x, copy=True), resume.step
        noise.restore(resume.noise)
    for step in range(begin, grid.steps):
        # Between two blocks of noise, the generators' states describe the noise completely. A resumed run makes a step
        # before it offers a state again. Otherwise a job that stops at every state would make no progress.
        if step % STEPS_AT_ONCE == 0 and step > begin:
            keep(lambda step=step: ChainState(step, x.clone(), mean.clone(), noise.state()))  # type: ignore[misc]
        count = sum(begin <= step for begin in first)
        t = torch.full((count,), float(grid.times[step]), device=x.device)
        codes = None if z is None else z[:count]
        draws = noise.step(step, count)
        now = x[:count]
        if options.corrector == "langevin":
            at_now = score(now, t, codes)
            now, _ = langevin(grid, step, now, at_now, draws[0], options.snr, options.corrector_norm == "batch")
        x[:count], mean[:count] = predictor(grid, step, now, score(now, t, codes), draws[-1])
        advance()
    return mean if options.denoise else x


def calls(grid: Grid, t_init: Sequence[float], options: ChainOptions) -> tuple[int, int]:
    """Return the number of steps of a batch of chains, and its score evaluations summed over the images."""
    first = [grid.first_step(value) for value in t_init]
    return grid.steps - min(first), options.draws * sum(grid.steps - begin for begin in first)
