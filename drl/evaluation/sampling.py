"""Draw samples from a trained model, in batches, as bytes; drawing can be resumed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Literal

import torch
from torch import Tensor

from drl.config.sampling import GridSettings, Prior, SamplerSettings
from drl.data.store import from_unit, to_unit
from drl.diffusion.samplers.chain import ChainOptions, ChainState, run_chain
from drl.diffusion.samplers.noise import ImageNoise, image_uniform
from drl.diffusion.samplers.prior import prior
from drl.diffusion.samplers.steps import Grid
from drl.diffusion.sde import VE
from drl.errors import UserError
from drl.jobs.device import Placement
from drl.methods.base import Method
from drl.methods.score_matching import ScoreMatching
from drl.training.seeds import stream_seed

Uniform = Literal["per_pixel", "per_image_channel"]
# Images per batch, where none is given: on a CPU activations should stay in its caches, a GPU wants enough to do.
BATCH = {"cpu": 120, "cuda": 1200}


@dataclass(frozen=True)
class Wanted:
    """One sample to draw.

    Attributes:
        seed: Seed of its noise.
        code: Row of the codes, or None for an unconditional model.
        t_init: Time at which its chain begins, in (0, 1].
        prior: Distribution at t_init.
    """

    seed: int
    code: int | None = None
    t_init: float = 1.0
    prior: Prior = "gaussian"


@dataclass(frozen=True)
class Journal:
    """Saved results of an interrupted run, and functions with which this run saves its own.

    Attributes:
        done: The batches that are finished.
        keep: Called with the number and the samples of each finished batch.
        part: State of the next batch, or None.
        keep_part: Called every few steps with a batch's number and a function that returns its state.
    """

    done: Sequence[Tensor] = ()
    keep: Callable[[int, Tensor], None] = lambda number, images: None
    part: ChainState | None = None
    keep_part: Callable[[int, Callable[[], ChainState]], None] = lambda number, state: None


def image_seed(seed: int, purpose: str, number: int) -> int:
    """Return the seed of one image's noise, which differs from that of every other image."""
    return stream_seed(seed, f"{purpose}, image {number}")


def sampler_of(method: Method) -> ScoreMatching:
    """Return the method if it can be sampled from.

    Raises:
        UserError: If it has no score network.
    """
    if not isinstance(method, ScoreMatching):
        kind = method.recipe.method.kind
        raise UserError(f"method {kind} has no score network to sample from; give a drl, vdrl or unconditional model")
    return method


def grid_of(method: ScoreMatching, sampler: GridSettings) -> Grid:
    """Return the times of a sampler for the model's SDE."""
    epsilon = sampler.epsilon
    if epsilon is None:
        epsilon = 1e-5 if isinstance(method.sde, VE) else 1e-3
    return Grid(method.sde, sampler.steps, epsilon)


def options_of(sampler: SamplerSettings) -> ChainOptions:
    """Return what a chain does at each step."""
    return ChainOptions(sampler.predictor, sampler.corrector, sampler.snr, sampler.corrector_norm, sampler.denoise)


def check_start(t_init: float) -> None:
    """Check the time at which a chain begins.

    Raises:
        UserError: If it is outside (0, 1].
    """
    if not 0 < t_init <= 1:
        raise UserError(f"t_init is {t_init}; it must be above 0 and at most 1")


def needs_mean_image(wanted: Sequence[Wanted]) -> bool:
    """Return whether some chain begins around the mean training image."""
    return any(one.prior == "mean_image" for one in wanted)


def check_codes(method: ScoreMatching, z: Tensor | None) -> None:
    """Check that codes match the model.

    Raises:
        UserError: If they are missing, not allowed, or have another size.
    """
    if method.encoder is None:
        if z is not None:
            raise UserError("an unconditional model takes no codes; leave them out")
        return
    size = int(method.encoder.code_size)  # type: ignore[arg-type]
    if z is None or z.dim() != 2 or z.shape[1] != size:
        found = "none" if z is None else f"codes of {z.shape[-1]} entries"
        raise UserError(f"the model's codes have {size} entries, but there are {found}; give one code per sample")


def draw(
    method: Method,
    sampler: SamplerSettings,
    wanted: Sequence[Wanted],
    placement: Placement,
    z: Tensor | None = None,
    uniform: Uniform = "per_pixel",
    advance: Callable[[], None] = lambda: None,
    journal: Journal = Journal(),
    batch_size: int | None = None,
    mean_image: Tensor | None = None,
) -> Tensor:
    """Draw samples, batch by batch.

    Args:
        method: A trained model with a score network, on the placement's device.
        sampler: How they are drawn.
        wanted: The samples.
        placement: Device, precision, compiler.
        z: Codes [N, D] to which `wanted` refers.
        uniform: How u of the uniform prior is drawn.
        advance: Called after each step of each batch.
        journal: Saved results of an interrupted run, and how to save more.
        batch_size: Images per batch; None means BATCH.
        mean_image: Mean of the training images [C, H, W] in [0, 1], for the prior of this name.

    Returns:
        uint8 [N, C, H, W], on the CPU.

    Raises:
        UserError: If the model cannot be sampled from, codes do not match, t_init is outside (0, 1], a chain needs a
            mean image and there is none, or a sample is not finite.
    """
    model = sampler_of(method)
    check_codes(model, z)
    for one in wanted:
        check_start(one.t_init)
    if mean_image is None and needs_mean_image(wanted):
        raise UserError("prior mean_image needs the mean of the training images; give it as mean_image")
    score, images = score_function(model, placement), _Images(model, uniform, mean_image)
    chunks = list(journal.done)
    for number, batch in islice(enumerate(_batches(wanted, placement, batch_size)), len(chunks), None):
        part = journal.part if number == len(journal.done) else None
        keep = partial(journal.keep_part, number)
        chunks.append(_draw_batch(model, score, sampler, batch, placement, z, images, advance, part, keep))
        journal.keep(number, chunks[-1])
    return torch.cat(chunks)


def steps_by_batch(
    method: Method,
    sampler: SamplerSettings,
    wanted: Sequence[Wanted],
    placement: Placement,
    batch_size: int | None = None,
) -> list[int]:
    """Return the number of times that `draw` calls `advance` in each batch."""
    grid = grid_of(sampler_of(method), sampler)
    batches = _batches(wanted, placement, batch_size)
    return [grid.steps - min(grid.first_step(one.t_init) for one in batch) for batch in batches]


def passes_on_gpu(sampler: SamplerSettings, samples: int, batch_size: int | None) -> int:
    """Return how often a score network is run for a number of samples on a GPU, if all chains begin at t = 1."""
    each = sampler.steps * (1 if sampler.corrector == "none" else 2)
    return each * math.ceil(samples / (batch_size or BATCH["cuda"]))


def _batches(wanted: Sequence[Wanted], placement: Placement, batch_size: int | None) -> list[Sequence[Wanted]]:
    size = batch_size or BATCH[placement.device.type]
    return [wanted[start : start + size] for start in range(0, len(wanted), size)]


def score_function(model: ScoreMatching, placement: Placement) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """Return s(x_t, t, z) for a placement, compiled or not; its result is fp32 in every precision."""
    function = torch.compile(model.score, dynamic=True) if placement.compile else model.score

    def score(x: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        with placement.autocast():
            value: Tensor = function(x, t, z)
        return value.float()

    return score


@dataclass(frozen=True)
class _Images:
    """The images around which chains begin.

    Attributes:
        model: Scales their pixels.
        uniform: How u of the uniform prior is drawn.
        mean: The mean training image [C, H, W] in [0, 1], or None if no chain needs it.
    """

    model: ScoreMatching
    uniform: Uniform
    mean: Tensor | None

    def of(self, kind: Prior, seeds: Sequence[int], like: Tensor) -> Tensor:
        """Return an image for each seed, in scaled pixels, with the shape and device of `like` [B, C, H, W]."""
        if kind == "mean_image":
            assert self.mean is not None  # `draw` has checked it
            unit = self.mean.to(like).expand_as(like)
        else:
            unit = image_uniform(seeds, like.shape[1:], like.device)
            if self.uniform == "per_image_channel":
                unit = unit[:, :, :1, :1].expand_as(unit)
        return from_unit(unit, self.model.recipe.pixels, self.model.pixel_mean, self.model.pixel_std)


@torch.inference_mode()
def _draw_batch(
    model: ScoreMatching,
    score: Callable[[Tensor, Tensor, Tensor | None], Tensor],
    sampler: SamplerSettings,
    batch: Sequence[Wanted],
    placement: Placement,
    z: Tensor | None,
    images: _Images,
    advance: Callable[[], None],
    part: ChainState | None,
    keep: Callable[[Callable[[], ChainState]], None],
) -> Tensor:
    # Sort chains by their start; later ones join the earlier ones.
    order = sorted(range(len(batch)), key=lambda k: -batch[k].t_init)
    ordered = [batch[k] for k in order]
    facts, device, options = model.facts, placement.device, options_of(sampler)
    shape = (facts.channels, facts.image_size, facts.image_size)
    noise = ImageNoise([one.seed for one in ordered], shape, device, options.draws)
    codes = None if z is None else z.to(device)[[int(one.code or 0) for one in ordered]]
    grid = grid_of(model, sampler)
    start = _start(ordered, grid, noise, images, device)
    t_init = [one.t_init for one in ordered]
    x = run_chain(score, grid, start, t_init, noise, codes, options, advance, part, keep)
    bytes_ = to_bytes(x, model)
    found = torch.empty_like(bytes_)
    found[order] = bytes_
    return found


def _start(ordered: Sequence[Wanted], grid: Grid, noise: ImageNoise, images: _Images, device: torch.device) -> Tensor:
    # Start at the grid's own time. On the paper's grid, its sigma is within 0.4 % of sigma(t_init); on a grid of 100
    # steps, starting at t_init = 0.5 itself would give 4 % more noise than the noise label says.
    t_init = grid.times[[grid.first_step(one.t_init) for one in ordered]].to(device, torch.float32)
    z = noise.start()
    x = prior(grid.sde, t_init, z)
    for kind in sorted({one.prior for one in ordered} - {"gaussian"}):
        around = torch.tensor([one.prior == kind for one in ordered], device=device)
        other = prior(grid.sde, t_init, z, images.of(kind, [one.seed for one in ordered], z))
        x = torch.where(around[:, None, None, None], other, x)
    return x


def to_bytes(x: Tensor, model: Method) -> Tensor:
    """Return scaled images [B, C, H, W] as uint8 on the CPU, clipped at black and white.

    Raises:
        UserError: If an image is not finite.
    """
    if not bool(x.isfinite().all()):
        raise UserError("a sample is not finite; train the model longer, or set run.precision to fp32")
    unit = to_unit(x, model.recipe.pixels, model.pixel_mean, model.pixel_std)
    return (unit.clamp(0, 1) * 255).round().to(torch.uint8).cpu()
