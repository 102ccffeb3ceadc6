"""Build a recipe's method by its name."""

from __future__ import annotations

import importlib

import torch
from torch import Tensor

from drl.config.recipes import Recipe
from drl.methods.base import ImageFacts, Method


def build_method(recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> Method:
    """Build the networks of a recipe with fresh weights from torch's default generator.

    The module is imported by name, so that the code digest of a training covers only its own method's file.

    Args:
        recipe: A resolved recipe.
        facts: Size of the images.
        mean: Channel means [1, C, 1, 1] of pixels in [0, 1].
        std: Channel standard deviations, like `mean`.
    """
    module = importlib.import_module(f"drl.methods.{recipe.method.kind}")
    method: Method = module.Objective(recipe, facts, mean, std)
    method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave it out
    return method
