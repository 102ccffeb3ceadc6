"""Operations and sizes of networks. They are the same on every device, so they are counted once and then stored."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from drl.config.recipes import Recipe
from drl.costs.book import Book
from drl.files import fingerprint
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method
from drl.models.model_file import PARTS
from drl.pipeline.disk import Facts, Size
from drl.pipeline.units import WorkUnit, code_size

# Multiply-adds of one evaluation of FID's Inception at 299 x 299 (torchvision's network, counted by FlopCounterMode).
INCEPTION_MULTIPLY_ADDS = 5.7e9


def operations_of(unit: WorkUnit, book: Book) -> float:
    """Return the floating-point operations of one unit of a network's work; two per multiply-add."""
    return book.get_or_put(lambda: 2 * _multiply_adds(unit), "operations", unit.kind, unit.key)


def size_of(recipe: Recipe, facts: Facts, book: Book) -> Size:
    """Return the bytes of a recipe's weights for images with these channels, size and classes."""
    networks = recipe.model_dump(mode="json", include={"encoder", "score", "decoder", "method", "freeze"})
    digest, counted = fingerprint(networks, facts), cache(lambda: _size(_empty(recipe, facts)))

    def bytes_of(name: str) -> int:
        return int(book.get_or_put(lambda: float(getattr(counted(), name)), "size", digest, name))

    return Size(*map(bytes_of, Size._fields))


def _empty(recipe: Recipe, facts: Facts) -> Method:
    """Build networks without allocating memory for their weights."""
    with torch.device("meta"):
        neutral = torch.ones(1, facts[0], 1, 1)
        return build_method(recipe, ImageFacts(*facts), neutral, neutral)


def _size(method: Method) -> Size:
    parts = {name: part for name in PARTS if isinstance(part := getattr(method, name, None), nn.Module)}
    states = {name: list(part.state_dict().values()) for name, part in parts.items()}
    codes = states[method.code_part] if method.code_part else []
    everything = [value for values in states.values() for value in values]
    return Size(_bytes(everything), _bytes(codes), _bytes(list(method.parameters())), len(everything), len(codes))


def _bytes(values: list[Tensor]) -> int:
    return sum(value.numel() * value.element_size() for value in values)


def _multiply_adds(unit: WorkUnit) -> float:
    spec = unit.spec
    if unit.kind == "probe":
        # Products of both layers: forward, for the gradients of their weights, and for the hidden layer's gradient.
        each = 2 * spec["features"] * spec["hidden"] + 3 * spec["hidden"] * spec["classes"]
        return float(each * spec["sets"] * spec["seeds"] * spec["batch"])
    if unit.kind == "pseudo_labels":
        # The search for neighbours, and conjugate gradients on a graph with k to 2 k edges per image.
        edges = 2 * spec["images"] * spec["k"]
        return float(spec["images"] ** 2 * spec["features"] + spec["iterations"] * edges * spec["classes"])
    if unit.kind == "inception":
        return INCEPTION_MULTIPLY_ADDS
    return _network(spec, unit.kind) * (3 if unit.kind == "fine_tune" else 1)


def _network(spec: Mapping[str, Any], kind: str) -> float:
    """Count without computing. A training step per image is within 2 % of the count by drl.methods.describe."""
    method: Any = _empty(spec["recipe"], spec["facts"])
    trains, (channels, size, _) = kind == "train", spec["facts"]
    if spec["recipe"].freeze == "encoder":
        method.code_network().requires_grad_(False)
    with torch.device("meta"), torch.set_grad_enabled(trains), FlopCounterMode(display=False) as counter:
        # In training, networks normalise by batch.
        t, images = torch.zeros(2), torch.zeros(2, channels, size, size, dtype=torch.uint8)
        method.train(trains)
        if kind == "score":
            z = None if method.encoder is None else torch.zeros(2, code_size(spec["recipe"]))
        elif trains and method.encoder is None:
            z = None
        else:
            z = method.encode(images, t)
        if kind == "score" or (trains and hasattr(method, "score_network")):
            output = method.score(images.float(), t, z)
        elif trains and hasattr(method, "decoder"):
            output = method.decoder(z, method.sde.noise_label(t))
        elif trains:
            output = method.projection(z) if hasattr(method, "projection") else method.head(z)
        if trains:
            output.sum().backward()
    # Two operations per multiply-add, and batches of two; contrastive methods encode two views of each image.
    return float(counter.get_total_flops()) / (2 if trains and hasattr(method, "projection") else 4)
