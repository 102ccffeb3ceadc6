"""Train the models of a mixture, on fresh samples at every step."""

from __future__ import annotations

import math

import torch

from drl.config.recipes import OptimiserSettings
from drl.config.theory import TheorySettings
from drl.diffusion.sde import SDE
from drl.errors import UserError
from drl.jobs.progress import Reporter
from drl.theory.mixture import Mixture
from drl.theory.models import Autoencoder, ConditionalScoreModel, MixtureModel, ScoreModel
from drl.training.optimiser import WarmedAdam
from drl.training.seeds import generator, stream_seed

MODELS: dict[str, type[MixtureModel]] = {"unconditional": ScoreModel, "drl": ConditionalScoreModel, "ae": Autoencoder}


class TheoryTraining:
    """A training that advances step by step.

    Attributes:
        model: The model in training.
    """

    def __init__(self, recipe: str, mixture: Mixture, sde: SDE, settings: TheorySettings, seed: int) -> None:
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
        self.recipe, self.mixture, self.batch_size, self.step = recipe, mixture, settings.batch_size, 0
        self.samples = generator(seed, f"theory, samples of {recipe}")
        self.noise = generator(seed, f"theory, noise of {recipe}")
        optimiser = OptimiserSettings(
            learning_rate=settings.optimiser.learning_rate,
            betas=(0.9, 0.999),
            epsilon=1e-8,
            weight_decay=0.0,
            warmup_steps=settings.optimiser.warmup_steps,
            schedule="cosine",
            gradient_clip=1.0,
        )
        self.optimiser = WarmedAdam(self.model.parameters(), optimiser, settings.steps)

    def advance(self) -> float:
        """Do one training step and return its loss.

        Raises:
            UserError: If the loss or its gradient is not finite.
        """
        x_0, _ = self.mixture.sample(self.batch_size, self.samples)
        loss = self.model.objective(x_0.float(), self.noise)
        loss.backward()
        norm = self.optimiser.step(self.optimiser.rate_of(self.step))
        self.step += 1
        if not math.isfinite(float(loss.detach() + norm)):
            self._diverged()
        return float(loss.detach())

    def check(self) -> None:
        """Stop if a weight is not finite.

        Raises:
            UserError: If so.
        """
        if not all(bool(value.isfinite().all()) for value in self.model.state_dict().values()):
            self._diverged()

    def _diverged(self) -> None:
        raise UserError(
            f"theory: the loss, its gradient or a weight of {self.recipe} was not finite at step {self.step}; "
            "lower studies.theory.optimiser.learning_rate"
        )


def trained(recipe: str, mixture: Mixture, sde: SDE, settings: TheorySettings, seed: int) -> MixtureModel:
    """Train a model completely and return it in evaluation mode; arguments as in `TheoryTraining`."""
    training = TheoryTraining(recipe, mixture, sde, settings, seed)
    with Reporter(f"theory {recipe}, seed {seed}", settings.steps, unit="steps") as reporter:
        for _ in range(settings.steps):
            loss = training.advance()
            reporter.advance(f"loss {loss:.4f}" if reporter.due() else "")
    training.check()
    return training.model.eval().requires_grad_(False)
