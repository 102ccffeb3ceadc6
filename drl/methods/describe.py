"""`drl describe`: a recipe's resolved values, where each was set, and the size of its networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import yaml
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from drl.config.datasets import DatasetSettings
from drl.config.origins import flat
from drl.config.recipes import Recipe
from drl.data.batch import Batch
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method

MIB = 2**20
WIDEST_VALUE = 20


def described(
    name: str, dataset: str, images: DatasetSettings, recipe: Recipe, origins: Mapping[str, str]
) -> dict[str, Any]:
    """Return the resolved recipe, trainable parameters by part, operations per image and memory, as plain values.

    Args:
        name: The recipe's name.
        dataset: The dataset's name.
        images: Its settings.
        recipe: The resolved recipe.
        origins: Where its settings come from, by keys with dots; settings that are missing here are defaults.
    """
    facts = ImageFacts(images.channels, images.image_size, images.classes)
    neutral = torch.ones(1, images.channels, 1, 1)
    method = build_method(recipe, facts, 0 * neutral, neutral)
    forward, training = operations(method, facts)
    weights = sum(value.numel() * value.element_size() for value in method.parameters())
    return {
        "recipe": name,
        "dataset": dataset,
        "settings": settings_in(recipe.model_dump(mode="json"), origins),
        "trainable_parameters": parameters(method),
        "multiply_adds_per_image": {"forward": forward, "training_step": training},
        "memory_bytes": {
            "weights_gradients_adam_ema": 5 * weights,
            "activations_of_a_batch": activations(method, facts) * recipe.batch_size,
        },
        "batch_size": recipe.batch_size,
    }


def lines(about: Mapping[str, Any]) -> list[str]:
    """Return what `described` found as text, one line per setting: its key, its value, and where it was set."""
    operations, memory = about["multiply_adds_per_image"], about["memory_bytes"]
    return [
        f"recipe {about['recipe']} on {about['dataset']}",
        "",
        *settings_lines(about["settings"]),
        "",
        "trainable parameters",
        *(_number(f"  {part}", f"{count:,}") for part, count in about["trainable_parameters"].items()),
        "",
        _number("operations per image, forward", f"{operations['forward'] / 1e6:,.1f}", "M multiply-adds"),
        _number("operations per image, training step", f"{operations['training_step'] / 1e6:,.1f}", "M multiply-adds"),
        _number("memory: weights, gradients, Adam, EMA", f"{memory['weights_gradients_adam_ema'] / MIB:,.1f}", "MiB"),
        _number(
            f"memory: activations of a batch of {about['batch_size']}",
            f"{memory['activations_of_a_batch'] / MIB:,.1f}",
            "MiB in fp32, at least",
        ),
    ]


def settings_in(recipe: dict[str, Any], origins: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return each setting's value and the file and section that set it, by its key with dots.

    The section is the recipe or its `for_dataset` section. The setting's key continues the section's.
    """
    return {
        key: {"value": value, "set_in": origins.get(key, "default").removesuffix(f".{key}")}
        for key, value in flat(recipe).items()
    }


def settings_lines(settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return one line per setting: its key, its value, and what set it."""
    rows = [(key, _as_yaml(found["value"]), found["set_in"]) for key, found in settings.items()]
    keys, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    # A long value, such as the path of a model file, does not widen the column.
    return [f"{key:<{keys}}  {value:<{min(values, WIDEST_VALUE)}}  {origin}" for key, value, origin in rows]


def _number(name: str, value: str, unit: str = "") -> str:
    return f"{name:<54}{value:>12} {unit}".rstrip()


def _as_yaml(value: Any) -> str:
    text = str(yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6))
    return text.removesuffix("\n").removesuffix("\n...")


def parameters(method: Method) -> dict[str, int]:
    """Count trainable parameters of each part."""
    counts: dict[str, int] = {}
    score = getattr(method, "score_network", None)
    if isinstance(score, nn.Module):
        latent = getattr(score, "conditioning", None)
        path = _count(latent) if isinstance(latent, nn.Module) else 0
        counts["U-Net, with its time embedding"] = _count(score) - path
        counts["latent path (code to U-Net)"] = path
    if method.encoder is not None:
        counts["encoder, with head and t parameter"] = _count(method.encoder)
    decoder = getattr(method, "decoder", None)
    if isinstance(decoder, nn.Module):
        inner = getattr(decoder, "decoder", decoder)
        counts["decoder"] = _count(inner)
        if inner is not decoder:
            counts["latent path and time embedding of the decoder"] = _count(decoder) - _count(inner)
    projection = getattr(method, "projection", None)
    if isinstance(projection, nn.Module):
        counts["projection head, not kept"] = _count(projection)
    return counts


def operations(method: Method, facts: ImageFacts) -> tuple[int, int]:
    """Return multiply-adds per image of the training objective: forward alone, and forward with backward."""
    batch, generator = _batch(facts), torch.Generator().manual_seed(0)
    with FlopCounterMode(display=False) as forward:
        loss, _ = method.loss(batch, generator)
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    # The counter counts a multiply-add as two, and the batch has two images.
    return forward.get_total_flops() // 4, (forward.get_total_flops() + backward.get_total_flops()) // 4


def activations(method: Method, facts: ImageFacts) -> int:
    """Return bytes per image that autograd keeps for the backward pass, without the weights."""
    weights = {parameter.data_ptr() for parameter in method.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        method.loss(_batch(facts), torch.Generator().manual_seed(0))
    return sum(kept.values()) // 2


def _batch(facts: ImageFacts) -> Batch:
    shape = (2, facts.channels, facts.image_size, facts.image_size)
    return Batch(torch.zeros(shape, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
