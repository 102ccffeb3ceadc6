"""The theory study: one job per seed, which needs no images and no model."""

from __future__ import annotations

from typing import Any

from drl.config.jobs import TheoryJob
from drl.config.schema import Config
from drl.config.theory import DATASET, RECIPES
from drl.pipeline.study import Study


def _theory(config: Config) -> TheoryJob:
    return TheoryJob(theory=config.studies.theory)


def _theory_item(config: Config, item: str) -> dict[str, Any]:
    return {"datasets": (DATASET,), "recipes": RECIPES}


THEORY = Study(
    name="theory",
    help="Check Eq. 6, the kernels and Proposition 2.1 on a mixture of Gaussians, whose score is known.",
    module="drl.theory.study",
    axes=("seed",),
    settings=_theory,
    output="metrics/theory/mixture/seed{seed}.csv",
    gpu=False,
    item_settings=_theory_item,
)
