"""Train the models of a mixture, on fresh samples at every step."""

from __future__ import annotations

from typing import Any

import torch

from drl.diffusion.sde import SDE
from drl.jobs.progress import Reporter
from drl.theory.mixture import Mixture
from drl.theory.models import Autoencoder, ConditionalScoreModel, Model, ScoreModel
from drl.training.optimiser import WarmedAdam
from drl.training.seeds import generator, stream_seed

MODELS: dict[str, type[Model]] = {"unconditional": ScoreModel, "drl": ConditionalScoreModel, "ae": Autoencoder}
OPTIMISER = {"schedule": "cosine", "gradient_clip": 1.0, "betas": (0.9, 0.999), "epsilon": 1e-8, "weight_decay": 0.0}


class Training:
    """A training that advances step by step.

    Attributes:
        model: The model in training.
    """

    def __init__(self, recipe: str, mixture: Mixture, sde: SDE, settings: dict[str, Any], seed: int) -> None:
        """Build the model.

        Args:
            recipe: A key of MODELS.
            mixture: Source of the samples.
            sde: The kernel.
            settings: The configuration's `studies.theory`.
            seed: Seed of weights, samples, times and noise.
        """
        # torch's layers draw their initial weights from the default generator only.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stream_seed(seed, f"theory, weights of {recipe}"))
            self.model = MODELS[recipe](settings, sde, mixture.dimensions)
        self.mixture, self.batch_size, self.step = mixture, settings["batch_size"], 0
        self.samples = generator(seed, f"theory, samples of {recipe}")
        self.noise = generator(seed, f"theory, noise of {recipe}")
        self.optimiser = WarmedAdam(
            self.model.parameters(), {**OPTIMISER, **settings["optimiser"]}, max(1, settings["steps"])
        )

    def advance(self) -> float:
        """Do one training step and return its loss."""
        x_0, _ = self.mixture.sample(self.batch_size, self.samples)
        loss = self.model.objective(x_0.float(), self.noise)
        loss.backward()
        self.optimiser.step(self.step)
        self.step += 1
        return float(loss.detach())


def trained(recipe: str, mixture: Mixture, sde: SDE, settings: dict[str, Any], seed: int) -> Model:
    """Train a model completely and return it in evaluation mode; arguments as in `Training`."""
    training = Training(recipe, mixture, sde, settings, seed)
    with Reporter(f"theory {recipe}, seed {seed}", settings["steps"], unit="steps") as reporter:
        for _ in range(settings["steps"]):
            loss = training.advance()
            reporter.advance(f"loss {loss:.4f}" if reporter.due() else "")
    return training.model.eval().requires_grad_(False)
