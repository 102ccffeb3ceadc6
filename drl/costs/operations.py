"""Operations and sizes of networks, counted once and kept in the book of rates: they are the same on every device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from drl.config.recipes import Recipe
from drl.costs.rates import Book
from drl.files import fingerprint
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method
from drl.models.model_file import PARTS
from drl.pipeline.disk import Facts, Size
from drl.pipeline.work import NETWORK, WorkUnit, code_size

# One evaluation of FID's Inception, multiply-adds at 299 x 299 (counted on torchvision's, FlopCounterMode).
INCEPTION_MULTIPLY_ADDS = 5.7e9


def operations_of(units: Iterable[WorkUnit], book: Book) -> dict[str, float]:
    """Return floating-point operations of one unit, by key, of units that networks make up; two a multiply-add."""
    found = {}
    for unit in units:
        if unit.kind in NETWORK:
            known = book.get("operations", unit.kind, unit.key)
            counted = known if known is not None else 2 * _multiply_adds(unit)
            found[unit.key] = counted if known is not None else book.put(counted, "operations", unit.kind, unit.key)
    return found


def size_of(recipe: Recipe, facts: Facts, book: Book) -> Size:
    """Return the bytes of a recipe's weights for images of channels, size and classes."""
    networks = recipe.model_dump(mode="json", include={"encoder", "score", "decoder", "method", "freeze"})
    names = tuple(Size.__annotations__)
    keys = [("size", fingerprint(networks, facts), name) for name in names]
    known = [book.get(*key) for key in keys]
    if None in known:
        counted = _size(_empty(recipe, facts))
        known = [book.put(float(getattr(counted, name)), *key) for name, key in zip(names, keys, strict=True)]
    return Size(*(int(value) for value in known if value is not None))


def _empty(recipe: Recipe, facts: Facts) -> Method:
    """Build networks without memory for their weights."""
    with torch.device("meta"):
        neutral = torch.ones(1, facts[0], 1, 1)
        return build_method(recipe, ImageFacts(*facts), neutral, neutral)


def _size(method: Method) -> Size:
    parts = {name: part for name in PARTS if isinstance(part := getattr(method, name, None), nn.Module)}
    states = {name: list(part.state_dict().values()) for name, part in parts.items()}
    encoder = states.get("encoder", [])
    everything = [value for values in states.values() for value in values]
    return Size(_bytes(everything), _bytes(encoder), _bytes(list(method.parameters())), len(everything), len(encoder))


def _bytes(values: list[Tensor]) -> int:
    return sum(value.numel() * value.element_size() for value in values)


def _multiply_adds(unit: WorkUnit) -> float:
    spec = unit.spec
    if unit.kind == "probe":
        # Products of both layers forward, of their weights' gradients, and of the hidden layer's.
        each = 2 * spec["features"] * spec["hidden"] + 3 * spec["hidden"] * spec["classes"]
        return float(each * spec["sets"] * spec["seeds"] * spec["batch"])
    if unit.kind == "pseudo_labels":
        # The search for neighbours, and conjugate gradients on a graph with k to 2 k edges an image.
        edges = 2 * spec["images"] * spec["k"]
        return float(spec["images"] ** 2 * spec["features"] + spec["iterations"] * edges * spec["classes"])
    if unit.kind == "inception":
        return INCEPTION_MULTIPLY_ADDS
    if unit.kind == "train":
        return _training(spec)
    forward = _forward(spec, unit.kind)
    return 3 * forward if unit.kind == "fine_tune" else forward


def _training(spec: Mapping[str, Any]) -> float:
    """Count a training step of an image without computing it, within 2 % of drl.methods.describe, which does."""
    method: Any = _empty(spec["recipe"], spec["facts"]).train()
    channels, size, _ = spec["facts"]
    if spec["recipe"].freeze == "encoder":
        method.trained_encoder().requires_grad_(False)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        t, images = torch.zeros(2), torch.zeros(2, channels, size, size, dtype=torch.uint8)
        z = None if method.encoder is None else method.encode(images, t)
        if hasattr(method, "score_network"):
            output = method.score(images.float(), t, z)
        elif hasattr(method, "decoder"):
            output = method.decoder(z, method.sde.noise_label(t))
        else:
            output = method.projection(z) if hasattr(method, "projection") else method.head(z)
        output.sum().backward()
    # Batches of two; contrastive methods show the encoder two views of each image.
    return float(counter.get_total_flops() / 2 / (1 if hasattr(method, "projection") else 2))


def _forward(spec: Mapping[str, Any], unit: str) -> float:
    channels, size, _ = spec["facts"]
    method = _empty(spec["recipe"], spec["facts"]).eval()
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        t = torch.zeros(1)
        if unit == "score":
            z = None if method.encoder is None else torch.zeros(1, code_size(spec["recipe"]))
            score: Any = method
            score.score(torch.zeros(1, channels, size, size), t, z)
        else:
            method.encode(torch.zeros(1, channels, size, size, dtype=torch.uint8), t)
    return float(counter.get_total_flops() / 2)
