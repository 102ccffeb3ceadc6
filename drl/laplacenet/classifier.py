"""The network to fine-tune: an encoder with a linear layer, with new weights or weights from a pretrained model."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor

from drl.config.jobs import ClassifierSettings
from drl.data.store import ImageStore, scale_pixels
from drl.errors import UserError
from drl.files import atomic
from drl.methods.base import ImageFacts
from drl.models.build import build_encoder
from drl.models.model_file import About, encoder_weights
from drl.models.weights_file import SaidImages, open_weights, parse_header
from drl.models.wide_resnet import WideResNet
from drl.training.seeds import stream_seed

# Parts of a pretrained encoder that the classifier does not use: the linear layer and the learned t start anew, and the
# layer that computes VDRL's code from the features does not exist in the classifier.
FRESH = ("classifier.", "param_t")
LEFT_OUT = ("linear_latent.",)
NO_CLASSIFIER = "give a file that drl fine-tune wrote"


class _Said(SaidImages):
    """The header in a file, before it is checked."""

    network: ClassifierSettings
    names: Annotated[tuple[str, ...], Field(max_length=1_000_000)]


@dataclass(frozen=True)
class ClassifierHeader:
    """Header of a classifier's file, with everything that is needed to use its weights.

    Attributes:
        network: As in the job that trained it.
        facts: Size of the images, number of classes.
        names: Names of the classes.
        mean: Mean of the training pixels in [0, 1], one number per channel.
        std: Their standard deviation.
    """

    network: ClassifierSettings
    facts: ImageFacts
    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def json(self) -> str:
        """Return the header as JSON for the file."""
        plain = {**vars(self), "network": self.network.slice(), "facts": vars(self.facts)}
        return json.dumps(plain, sort_keys=True)


def build(settings: ClassifierSettings, facts: ImageFacts, seed: int) -> WideResNet:
    """Build the classifier with new weights, which depend only on the seed, not on the device.

    Args:
        settings: `network` of the job.
        facts: Size of the images, number of classes.
        seed: Seed of the run; arms with the same seed start from the same linear layer.
    """
    torch.manual_seed(stream_seed(seed, "weights"))
    encoder = build_encoder(settings.encoder, facts, probabilistic=False)
    assert isinstance(encoder, WideResNet)
    return encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def take_encoder(
    network: WideResNet, model: Path, dataset: str, settings: ClassifierSettings
) -> tuple[list[str], About]:
    """Copy a pretrained encoder's weights and batch statistics into the classifier, name by name.

    The authors' code pairs the two lists of tensors by position and skips those that do not match; here every name and
    shape must match.

    Args:
        network: The classifier.
        model: A model.safetensors.
        dataset: The dataset on which it must have been trained.
        settings: `network` of the job; its encoder and pixels must be equal to the model's.

    Returns:
        The names of the copied tensors, and scale, dataset, recipe and seed of the model.

    Raises:
        UserError: If the model has another dataset, or its encoder is missing or different.
    """
    header, weights = encoder_weights(model)
    if header.about.dataset != dataset:
        raise UserError(f"{model}: was trained on {header.about.dataset!r}, not on {dataset!r}; pretrain on that")
    for key in ("pixels", "centre_inputs", "encoder"):
        theirs, ours = (_essential(of.slice()[key]) for of in (header.recipe, settings))
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
    return sorted(found), header.about


def _essential(section: Any) -> Any:
    """Return a setting without the keys that do not change the meaning of weights."""
    return {key: value for key, value in section.items() if key != "dropout"} if isinstance(section, dict) else section


def set_t(network: WideResNet, t: float) -> None:
    """Set the start of the learned t to a value in (0, 1); the parameter is its logit."""
    with torch.no_grad():
        network.param_t.fill_(math.log(t / (1 - t)))


def inputs(images: Tensor, store: ImageStore, settings: ClassifierSettings) -> Tensor:
    """Scale uint8 images [B, C, H, W] as in the network's recipe."""
    scaled = scale_pixels(images, settings.pixels, store.mean, store.std)
    return 2 * scaled - 1 if settings.centre_inputs else scaled


def save_classifier(path: Path, network: WideResNet, settings: ClassifierSettings, store: ImageStore) -> None:
    """Write the classifier's weights, and in the header everything that is needed to use them.

    Args:
        path: The file.
        network: The trained classifier.
        settings: `network` of the job.
        store: Its images, with their size, class names, mean and deviation.
    """
    _, channels, size, _ = store.images.shape
    mean, std = (tuple(values.flatten().tolist()) for values in (store.mean, store.std))
    facts = ImageFacts(channels, size, len(store.classes))
    header = ClassifierHeader(network=settings, facts=facts, names=tuple(store.classes), mean=mean, std=std)
    tensors = {name: value.detach().contiguous().cpu() for name, value in network.state_dict().items()}
    # Only one key, because safetensors writes several in random order, and equal classifiers should give equal files.
    with atomic(path) as temporary:
        save_file(tensors, str(temporary), metadata={"classifier": header.json()})


def load_classifier(path: str | Path) -> tuple[WideResNet, ClassifierHeader]:
    """Read a classifier, in evaluation mode, and its header.

    Raises:
        UserError: If the file is missing, damaged or not a classifier.
    """
    path = Path(path)
    with open_weights(path, "there is no such classifier", NO_CLASSIFIER) as file:
        said = parse_header(_Said, file.said("classifier"), path, f"is not an intact classifier; {NO_CLASSIFIER}")
        if len(said.names) != said.facts.classes:
            raise UserError(f"{path}: names {len(said.names)} of {said.facts.classes} classes; {NO_CLASSIFIER}")
        header = ClassifierHeader(said.network, said.facts.facts(), said.names, said.mean, said.std)
        with torch.random.fork_rng(devices=[]):
            with torch.device("meta"):
                wanted = build(header.network, header.facts, 0).state_dict()
            tensors = file.read("", wanted)
            network = build(header.network, header.facts, 0)
    network.load_state_dict(tensors)
    return network.eval(), header
