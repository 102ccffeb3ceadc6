"""Pseudo-labels, the probe suite, codes and samples: seconds, and labels against the CPU's."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks import probe, pseudo_labels
from benchmarks.gpu_check.step import Where
from benchmarks.gpu_check.subjects import configuration, subject
from benchmarks.harness import seconds
from drl.config.resolve import recipe as resolve_recipe
from drl.diffusion.samplers.chain import run_chain
from drl.diffusion.samplers.noise import ImageNoise
from drl.evaluation.codes import extract_codes
from drl.evaluation.mlp_probe import train_probes
from drl.evaluation.sampling import BATCH, grid_of, options_of, score_function
from drl.jobs.device import network_channels, place
from drl.laplacenet.pseudo_labels import pseudo_labels as label
from drl.methods.score_matching import ScoreMatching


def labels(where: Where) -> dict[str, Any]:
    """Update the pseudo-labels of 50,000 codes of 128 numbers and 100 classes, on the device and on the CPU."""
    images, classes, known = (600, 3, 30) if where.tiny else (50_000, 100, 4000)
    codes, truth = pseudo_labels.clusters(images, classes)
    chosen = torch.randperm(images, generator=torch.Generator().manual_seed(1))[:known]
    place(where.device, "fp32", "off")

    def update(device: torch.device) -> tuple[float, torch.Tensor]:
        given = (codes.to(device), chosen.to(device), truth[chosen].to(device), classes)
        label(*given)
        took, found = seconds(lambda: label(*given), device)
        return took, found.labels.cpu()

    took, found = update(torch.device(where.device))
    slow, expected = (took, found) if where.device == "cpu" else update(torch.device("cpu"))
    return {"seconds": took, "seconds on the CPU": slow, "different labels": int((found != expected).sum())}


def probes(where: Where) -> dict[str, Any]:
    """Train the probes of 11 t, 4 budgets and 3 seeds for 5 epochs."""
    placement = place(where.device, "auto", "off", channels=16)
    size, epochs = (100, 1) if where.tiny else (4000, 5)
    source = torch.Generator().manual_seed(1)
    codes, classes = probe.clusters(size, placement.device, source)
    test = probe.clusters(1000, placement.device, source)
    config = configuration(Where(where.device, False, where.folder))[0]
    options = config.studies.probe.model_copy(update={"epochs": epochs, "seeds": probe.SEEDS})

    def suite() -> float:
        found = []
        for part in (10, 4, 2, 1):
            n = size // part
            given = codes[:, :n].contiguous(), classes[:n], {"test": test}, probe.CLASSES
            found.append(train_probes(*given, options, placement.device, placement.precision).accuracy["test"])
        return float(torch.stack(found).mean())

    suite()
    took, accuracy = seconds(suite, placement.device)
    return {"seconds": took, "mean accuracy": accuracy}


def encode(where: Where) -> dict[str, Any]:
    """Compute the codes of images."""
    config, dataset, size = configuration(where)
    recipe = resolve_recipe(config, "drl", dataset)
    placement = place(where.device, "auto", "off", channels=network_channels(recipe))
    method, store = subject(recipe, size, placement)
    method.eval()
    indices = store.train.repeat(1 if where.tiny else 20)

    def codes() -> torch.Tensor:
        return extract_codes(method, store, indices, [0.5], placement)

    codes()
    took, _ = seconds(codes, placement.device)
    return {"images/s": len(indices) / took}


def sampling(where: Where) -> dict[str, Any]:
    """Evaluate the score network in predictor-corrector chains of 16 steps."""
    config, dataset, size = configuration(where)
    recipe = resolve_recipe(config, "drl", dataset)
    placement = place(where.device, "auto", "off", channels=network_channels(recipe))
    method, _ = subject(recipe, size, placement)
    assert isinstance(method, ScoreMatching)
    method.eval().requires_grad_(False)
    batch, steps = (8, 3) if where.tiny else (BATCH[placement.device.type], 16)
    changes = {"predictor": "reverse_diffusion", "corrector": "langevin", "steps": steps}
    sampler = recipe.sampler.model_copy(update=changes)
    grid, options, score = grid_of(method, sampler), options_of(sampler), score_function(method, placement)
    encoder: Any = method.encoder
    z = torch.randn(batch, encoder.code_size, device=placement.device)

    def chain() -> None:
        with torch.inference_mode():
            noise = ImageNoise(list(range(batch)), (3, size, size), placement.device, options.draws)
            run_chain(score, grid, noise.start(), [1.0] * batch, noise, z, options)

    chain()
    took, _ = seconds(chain, placement.device)
    return {"evaluations/s": 2 * steps * batch / took}
