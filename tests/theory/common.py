"""Settings of a study that takes a second, and an optimiser for small smooth losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from drl.config.theory import TheorySettings

TINY: dict[str, Any] = {
    "mixture": {
        "planes": [{"points": 3, "radius": 1.0}, {"points": 2, "radius": 0.5}],
        "spread": 0.2,
        "label_plane": 1,
    },
    "ve": {"sigma_min": 0.01, "sigma_max": 50.0},
    "vp": {"beta_min": 0.1, "beta_max": 20.0},
    "t": [0.0, 0.5, 1.0],
    "code_size": 2,
    "l1_weight": 1e-5,
    "objective": "edm",
    "times": {"kind": "uniform", "epsilon": 1e-5},
    "network": {"hidden": 32, "depth": 2, "frequencies": 8, "fourier_scale": 0.2},
    "optimiser": {"learning_rate": 1e-2, "warmup_steps": 5},
    "batch_size": 64,
    "steps": 60,
    "draws": 600,
    "nodes": 20,
    "paths": 500,
    "path_steps": 100,
    "train": 200,
    "validation": 100,
    "test": 150,
    "neighbours": 5,
}


def settings(**changes: Any) -> TheorySettings:
    """Return checked settings, as a job has them."""
    return TheorySettings.model_validate(TINY | changes)


def minimise(loss: Callable[[], Tensor], weights: list[Tensor]) -> None:
    """Minimise a loss that is not random, to nearly the last digit."""
    optimiser = torch.optim.LBFGS(
        weights,
        max_iter=300,
        tolerance_grad=1e-10,
        tolerance_change=1e-15,
        history_size=50,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    optimiser.step(closure)
