"""The network to fine-tune: an encoder with a linear layer, with new weights or weights from a pretrained model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from drl.data.store import ImageStore, scale_pixels
from drl.errors import UserError
from drl.files import atomic
from drl.methods.base import ImageFacts
from drl.models.build import build_encoder
from drl.models.model_file import encoder_weights
from drl.models.wide_resnet import WideResNet
from drl.training.seeds import stream_seed

# Parts of a pretrained encoder that the classifier does not use: the linear layer and the learned t start anew, and the
# layer that computes VDRL's code from the features does not exist in the classifier.
FRESH = ("classifier.", "param_t")
LEFT_OUT = ("linear_latent.",)


def build(network: Mapping[str, Any], facts: ImageFacts, seed: int) -> WideResNet:
    """Build the classifier with new weights, which depend only on the seed, not on the device.

    Args:
        network: `encoder` section of a recipe, of kind wide_resnet.
        facts: Size of the images, number of classes.
        seed: Seed of the run; arms with the same seed start from the same linear layer.
    """
    torch.manual_seed(stream_seed(seed, "weights"))
    encoder = build_encoder(network["encoder"], facts, probabilistic=False)
    assert isinstance(encoder, WideResNet)
    return encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def take_encoder(
    network: WideResNet, model: Path, dataset: str, settings: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Copy a pretrained encoder's weights and batch statistics into the classifier, name by name.

    The authors' code pairs the two lists of tensors by position and skips those that do not match; here every name and
    shape must match.

    Args:
        network: The classifier.
        model: A model.safetensors.
        dataset: What it must have been trained on.
        settings: `network` of the job: encoder and pixels, which must be the model's.

    Returns:
        The names that were taken, and what the model says it is: scale, dataset, recipe, seed.

    Raises:
        UserError: If the model is of another dataset, has no such encoder, or one of another width or depth.
    """
    about, weights = encoder_weights(model)
    if about["about"]["dataset"] != dataset:
        raise UserError(f"{model}: was trained on {about['about']['dataset']!r}, not on {dataset!r}; pretrain on that")
    for key in ("pixels", "centre_inputs", "encoder"):
        theirs, ours = (_essential(of[key]) for of in (about["recipe"], settings))
        if theirs != ours:
            raise UserError(
                f"{model}: its `{key}` is {theirs}, and the classifier's {ours}; "
                "pretrain a recipe like studies.fine_tune.network_of"
            )
    found = {name: value for name, value in weights.items() if not name.startswith((*FRESH, *LEFT_OUT))}
    wanted = {name: value for name, value in network.state_dict().items() if not name.startswith(FRESH)}
    for name in sorted(set(found) | set(wanted)):
        shapes = [tuple(part[name].shape) if name in part else None for part in (found, wanted)]
        if shapes[0] != shapes[1]:
            raise UserError(
                f"{model}: encoder.{name} has shape {shapes[0]} and the classifier wants {shapes[1]}; "
                "pretrain a recipe with the encoder of studies.fine_tune.network_of"
            )
    network.load_state_dict(found, strict=False)
    return sorted(found), about["about"]


def _essential(section: Any) -> Any:
    """Return a setting without the keys that do not change the meaning of weights."""
    return {key: value for key, value in section.items() if key != "dropout"} if isinstance(section, dict) else section


def set_t(network: WideResNet, t: float) -> None:
    """Set the start of the learned t to a value in (0, 1); the parameter is its logit."""
    with torch.no_grad():
        network.param_t.fill_(math.log(t / (1 - t)))


def inputs(images: Tensor, store: ImageStore, network: Mapping[str, Any]) -> Tensor:
    """Scale uint8 images [B, C, H, W] as in the network's recipe."""
    scaled = scale_pixels(images, network["pixels"], store.mean, store.std)
    return 2 * scaled - 1 if network["centre_inputs"] else scaled


def save_classifier(path: Path, network: WideResNet, settings: Mapping[str, Any], store: ImageStore) -> None:
    """Write the classifier's weights, and in the header everything that is needed to use them.

    Args:
        path: The file.
        network: The trained classifier.
        settings: `network` of the job.
        store: Its images, which give size, class names, mean and deviation.
    """
    facts = {"channels": store.images.shape[1], "image_size": store.images.shape[2], "classes": len(store.classes)}
    header = {"network": settings, "facts": facts, "names": list(store.classes)}
    header |= {"mean": store.mean.flatten().tolist(), "std": store.std.flatten().tolist()}
    tensors = {name: value.detach().contiguous().cpu() for name, value in network.state_dict().items()}
    # Only one key, because safetensors writes several in random order, and equal classifiers should give equal files.
    with atomic(path) as temporary:
        save_file(tensors, str(temporary), metadata={"classifier": json.dumps(header, sort_keys=True)})


def load_classifier(path: str | Path) -> tuple[WideResNet, dict[str, Any]]:
    """Read a classifier, in evaluation mode, and its header.

    Raises:
        UserError: If the file is missing, damaged or not a classifier.
    """
    path = Path(path)
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {})["classifier"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(
            f"{path}: is not an intact classifier ({error}); give a file that drl fine-tune wrote"
        ) from error
    with torch.random.fork_rng(devices=[]):
        network = build(header["network"], ImageFacts(**header["facts"]), 0)
    network.load_state_dict(tensors)
    return network.eval(), header
