"""The names of the tensors of an unconditional NCSN++ in score_sde_pytorch, and the same tensors here.

Its modules are in one list, `all_modules.0`, `all_modules.1`, …, in the order in which the network uses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from drl.errors import UserError, clean, shown
from drl.models.layers import AttentionBlock, ResBlock
from drl.models.ncsnpp import NCSNpp

REMEDY = "give the recipe of the network that was trained"
# Song's name of a residual block's layer, and ours.
RES = (
    ("GroupNorm_0", "norm_0"),
    ("Conv_0", "conv_0"),
    ("Dense_0", "shift"),
    ("GroupNorm_1", "norm_1"),
    ("Conv_1", "conv_1"),
    ("Conv_2", "skip"),
)


def song_tensors(network: NCSNpp) -> dict[str, Tensor]:
    """Return the network's tensors by Song's names, in his order; they share memory with it.

    Raises:
        UserError: If the network is conditional on a code.
    """
    if network.conditioning is not None:
        raise UserError("Song's checkpoints are of unconditional networks; give a recipe of method unconditional")
    found: dict[str, Tensor] = {}
    for position, module in enumerate(_modules(network)):
        for name, tensor in _named(module):
            found[f"all_modules.{position}.{name}"] = tensor
    return found


def load_song(network: NCSNpp, checkpoint: Mapping[str, Any], where: str) -> list[Tensor]:
    """Copy the checkpoint's `model` into a network, by name.

    Args:
        network: An unconditional NCSN++ of the checkpoint's sizes.
        checkpoint: Result of torch.load: `model` maps names to tensors; `ema` has a list `shadow_params` without names.
        where: The file, for messages.

    Returns:
        The moving averages, in the order of `song_tensors` without the frozen frequencies.

    Raises:
        UserError: If names are missing or unexpected, a shape differs, or the list has a wrong length.
    """
    model = checkpoint.get("model")
    ema = checkpoint.get("ema")
    shadow = ema.get("shadow_params") if isinstance(ema, Mapping) else None
    if not isinstance(model, Mapping) or not isinstance(shadow, (list, tuple)):
        raise UserError(f"{where}: has no `model` or no `ema.shadow_params`; give a checkpoint of score_sde_pytorch")
    if odd := [name for name in model if not isinstance(name, str)]:
        raise UserError(f"{where}: holds a tensor named {shown(odd[0])}; give a checkpoint of score_sde_pytorch")
    # `sigmas` is the discrete noise schedule, which continuous models do not use.
    theirs = {name.removeprefix("module."): value for name, value in model.items()}
    if len(theirs) < len(model):
        twice = next(name for name in model if f"module.{name}" in model)
        raise UserError(
            f"{where}: holds {clean(twice)} twice, once as module.{clean(twice)}; give a file with one of them"
        )
    theirs.pop("sigmas", None)
    ours = song_tensors(network)
    for name in sorted(set(ours) | set(theirs)):
        if name not in theirs:
            raise UserError(
                f"{where}: lacks {name}, which the recipe's network has; give the recipe that it was trained with"
            )
        if name not in ours:
            raise UserError(
                f"{where}: holds {clean(name)}, which the recipe's network lacks; give the recipe it was trained with"
            )
        _check_fits(theirs[name], ours[name], f"{where}: {name}")
    with torch.no_grad():
        for name, tensor in ours.items():
            tensor.copy_(theirs[name])
    return _averages(ours, shadow, where)


def learnt_names(tensors: Mapping[str, Tensor]) -> list[str]:
    """Return the names of those `song_tensors` that are learned and averaged: all but the frozen frequencies."""
    return [name for name in tensors if not name.endswith(".W") or ".NIN_" in name]


def _check_fits(value: Any, ours: Tensor, called: str) -> None:
    """Check that a value is a tensor of finite real numbers with the shape of ours."""
    if not isinstance(value, Tensor):
        raise UserError(f"{called} is not a tensor; give a checkpoint of score_sde_pytorch")
    if value.shape != ours.shape:
        raise UserError(
            f"{called} has shape {tuple(value.shape)}, but {tuple(ours.shape)} in the recipe's network; {REMEDY}"
        )
    if not value.is_floating_point() or value.layout is not torch.strided or value.device.type != "cpu":
        raise UserError(f"{called} holds {value.dtype}, not plain real numbers; give a checkpoint of score_sde_pytorch")
    # As they will be stored: a large float64 is no float32.
    if not bool(value.to(ours.dtype).isfinite().all()):
        raise UserError(f"{called} holds numbers that are not finite: its training diverged; give another checkpoint")


def _averages(ours: Mapping[str, Tensor], shadow: Sequence[Any], where: str) -> list[Tensor]:
    learnt = learnt_names(ours)
    if len(shadow) != len(learnt):
        raise UserError(f"{where}: ema.shadow_params holds {len(shadow)} tensors, but the network learns {len(learnt)}")
    for name, value in zip(learnt, shadow, strict=True):
        _check_fits(value, ours[name], f"{where}: ema.shadow_params of {name}")
    return list(shadow)


def _modules(network: NCSNpp) -> Iterator[Any]:
    """Yield our modules in the order of Song's list."""
    embedding: Any = network.embedding
    down: Any = network.down
    up: Any = network.up
    yield from (embedding.features, embedding.mlp.linear_0, embedding.mlp.linear_1, down.conv)
    for level in down.levels:
        for stage in level.stages:
            yield from _stage(stage)
        if level.downsampler is not None:
            yield level.downsampler
        if level.pyramid is not None:
            yield nn.ModuleDict({"Conv2d_0" if level.fir is not None else "Conv_0": level.pyramid})
    yield from _stage(network.middle.first)
    yield network.middle.second
    for level in up.levels:
        for stage in level.stages:
            yield from _stage(stage)
        if level.upsampler is not None:
            yield level.upsampler
    yield from (up.norm, up.conv)


def _stage(stage: Any) -> Iterator[Any]:
    yield stage.block
    if stage.attention is not None:
        yield stage.attention


def _named(module: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield Song's names within a module, in his order, and our tensors."""
    if isinstance(module, ResBlock):
        for theirs, ours in RES:
            part = getattr(module, ours)
            if part is not None:
                yield from ((f"{theirs}.{name}", value) for name, value in part.named_parameters())
    elif isinstance(module, AttentionBlock):
        yield from ((f"GroupNorm_0.{name}", value) for name, value in module.norm.named_parameters())
        weights, biases = module.qkv.weight.chunk(3), module.qkv.bias.chunk(3)
        for k, (weight, bias) in enumerate(zip([*weights, module.out.weight], [*biases, module.out.bias], strict=True)):
            yield f"NIN_{k}.W", weight.T
            yield f"NIN_{k}.b", bias
    elif hasattr(module, "frequencies"):
        yield "W", module.frequencies
    else:
        yield from module.named_parameters()
