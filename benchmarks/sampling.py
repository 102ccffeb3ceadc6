"""Sampling at the paper's size: network evaluations per second of the pipeline, compared with the plain way.

The plain way is the loop of the authors' repository: eager, fp32, contiguous weights, recorded gradients, and batches
of 50. The pipeline is the choice of `drl later-start` and the other sampling commands on this machine. Both run
complete predictor-corrector chains, with a few steps instead of 1,000, because every step takes the same time.

Silhouette: the function that Figure 12 uses, for 10,000 codes, compared with a direct call of scikit-learn.

    python benchmarks/sampling.py [--recipe drl] [--steps 16] [--out bench.json]
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import silhouette_score
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import command_line, write
from benchmarks.ways import WAYS, both
from drl.config.recipes import Recipe
from drl.config.resolve import recipe as resolve_recipe
from drl.config.sampling import SamplerSettings
from drl.diffusion.samplers.chain import run_chain
from drl.diffusion.samplers.noise import ImageNoise
from drl.evaluation.geometry import silhouette
from drl.evaluation.sampling import BATCH, grid_of, options_of, score_function
from drl.jobs.device import network_channels, peak_memory_bytes, place
from drl.methods.base import ImageFacts
from drl.methods.build import build_method
from drl.methods.score_matching import ScoreMatching
from drl.pipeline.configuration import resolve

PLAIN_BATCH = 50  # authors' code: eval batch
CODES = 10_000


@dataclass(frozen=True)
class Timing:
    """Speed and memory of one way of sampling."""

    way: str
    evaluations_per_second: float
    batch: int
    peak_memory_mib: float
    precision: str
    compile: bool


def build(recipe: Recipe) -> ScoreMatching:
    """Return a model for 32x32 colour images with new weights, which is as fast as a trained one."""
    torch.manual_seed(0)
    neutral = torch.ones(1, 3, 1, 1)
    method = build_method(recipe, ImageFacts(3, 32, 10), 0.5 * neutral, 0.25 * neutral).eval()
    assert isinstance(method, ScoreMatching)
    return method


def plain_chain(method: ScoreMatching, x: Tensor, z: Tensor | None, sampler: SamplerSettings) -> Tensor:
    """Do predictor-corrector steps like a plain script."""
    grid = grid_of(method, sampler)
    levels = [0.0, *method.sde.std(torch.linspace(0, 1, grid.steps)).tolist()]
    for i in range(grid.steps):
        t = torch.full((len(x),), float(grid.times[i]), device=x.device)
        score, noise = method.score(x, t, z), torch.randn_like(x)
        norms = (noise.flatten(1).norm(dim=1).mean(), score.flatten(1).norm(dim=1).mean())
        size = 2 * (sampler.snr * norms[0] / norms[1]) ** 2
        x = x + size * score + torch.sqrt(2 * size) * noise
        k = grid.steps - i
        variance = levels[k] ** 2 - levels[k - 1] ** 2
        x = x + variance * method.score(x, t, z) + variance**0.5 * torch.randn_like(x)
        # Drop the recorded gradients of this step, because memory would otherwise grow with the chain.
        x = x.detach()
    return x


def measure(way: str, recipe_name: str, steps: int, repeats: int, device: str, threads: int | None) -> Timing:
    """Time one way in this process, so that peak memory is that of this way alone."""
    config = resolve("paper")
    recipe = resolve_recipe(config, recipe_name, "cifar10")
    changes = {"predictor": "reverse_diffusion", "corrector": "langevin", "steps": steps}
    sampler = recipe.sampler.model_copy(update=changes)
    plain = way == "plain"
    placement = place(device, *(("fp32", "off") if plain else ("auto", "auto")), threads, network_channels(recipe))
    method = build(recipe).to(placement.device)
    batch = PLAIN_BATCH if plain else BATCH[placement.device.type]
    encoder: Any = method.encoder
    z = None if encoder is None else torch.randn(batch, encoder.code_size, device=placement.device)
    grid, options = grid_of(method, sampler), options_of(sampler)
    x = torch.randn(batch, 3, 32, 32, device=placement.device)
    score = None
    if plain:
        torch.backends.cudnn.allow_tf32 = True  # torch's default, which such scripts do not change
        method.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    else:
        method.requires_grad_(False)
        score = score_function(method, placement)

    def once() -> float:
        started = time.perf_counter()
        if score is None:
            plain_chain(method, x, z, sampler)
        else:
            with torch.inference_mode():
                noise = ImageNoise(list(range(batch)), x.shape[1:], placement.device, options.draws)
                run_chain(score, grid, noise.start(), [1.0] * batch, noise, z, options)
        if placement.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    once()
    seconds = statistics.median(once() for _ in range(repeats))
    memory = peak_memory_bytes(placement.device) / 2**20
    return Timing(way, 2 * steps * batch / seconds, batch, memory, placement.precision, placement.compile)


def silhouettes() -> float:
    """Return our time divided by scikit-learn's, for 10,000 codes of ten classes."""
    generator = torch.Generator().manual_seed(0)
    codes, labels = torch.randn(CODES, 2, generator=generator), torch.arange(CODES) % 10
    ours, theirs = [], []
    for _ in range(3):
        started = time.perf_counter()
        silhouette(codes, labels)
        between = time.perf_counter()
        silhouette_score(codes.double().numpy(), labels.numpy())
        theirs.append(time.perf_counter() - between)
        ours.append(between - started)
    return statistics.median(ours) / statistics.median(theirs)


def main() -> None:
    """Run both ways, each in a separate process, and print the ratios."""
    parser = command_line(__doc__)
    parser.add_argument("--recipe", default="drl", help="drl, or song_deep, the model of Table 6")
    parser.add_argument("--steps", type=int, default=16, help="steps of the chain; noise is drawn for 16 steps at once")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help="measure only this way, in this process, and print JSON")
    given = parser.parse_args()
    if given.way:
        timing = measure(given.way, given.recipe, given.steps, given.repeats, given.device, given.threads)
        print(json.dumps(asdict(timing)))
        return
    timings, ratio = both("evaluations")
    print(f"ratio     {ratio:8.2f}   ({given.recipe})")
    share = silhouettes()
    print(f"silhouette of {CODES:,} codes: {share:.2f} of scikit-learn's time")
    write({"timings": timings, "ratio": ratio, "silhouette": share}, given.out)


if __name__ == "__main__":
    main()
