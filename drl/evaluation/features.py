"""Feature extractors for FID: Inception from torch-fidelity, or the dataset's supervised model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor

from drl.data.compatibility import make_torchvision_importable
from drl.data.sources.download import NETWORK_ERRORS, bounded_silence
from drl.errors import UserError
from drl.files import sha256
from drl.jobs.device import Placement
from drl.models.model_file import header, load_model
from drl.models.pickles import check_pickles

CHUNK = 250


@dataclass(frozen=True)
class Extractor:
    """A function from images to features, with a description.

    Attributes:
        name: `inception` or `supervised`.
        resize: How images are resized for it.
        sha256: SHA-256 of its weights.
        apply: Function from uint8 [B, C, H, W] on the device to float [B, D].
    """

    name: str
    resize: str
    sha256: str
    apply: Callable[[Tensor], Tensor]

    def describe(self) -> dict[str, str]:
        """Return its description for a score's run card."""
        return {"extractor": self.name, "extractor_sha256": self.sha256, "resize": self.resize}

    def features(self, images: Tensor, device: torch.device) -> Tensor:
        """Return features [N, D] of uint8 images [N, C, H, W]."""
        with torch.inference_mode():
            return torch.cat([self.apply(chunk.to(device)).float().cpu() for chunk in images.split(CHUNK)])


def supervised_extractor(model: Path, placement: Placement, dataset: str | None = None) -> Extractor:
    """Return the extractor of a supervised model, whose features are the code before its linear layer.

    Raises:
        UserError: If it is not a supervised model, or was trained on another dataset.
    """
    trained_on = header(model).about.dataset
    if dataset is not None and trained_on != dataset:
        raise UserError(f"{model}: was trained on {trained_on!r}, not on {dataset!r}; give that dataset's model")
    method = load_model(model, placement.device)
    if method.recipe.method.kind != "supervised":
        raise UserError(f"{model}: is not a supervised model; pretrain the recipe `supervised` on this dataset")

    def apply(images: Tensor) -> Tensor:
        with placement.autocast():
            return method.encode(images, torch.zeros(len(images), device=images.device))

    return Extractor("supervised", "none", sha256(model), apply)


def inception_extractor(weights: Path | None, device: torch.device) -> Extractor:
    """Return the extractor of TensorFlow's FID Inception with 2,048 features, in torch-fidelity's port.

    Args:
        weights: File of its weights; None downloads it.
        device: Where to compute.

    Raises:
        UserError: If the weights are missing and cannot be downloaded, or something else is in their file.
    """
    make_torchvision_importable()
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

    if weights is not None and not weights.is_file():
        raise UserError(f"{weights}: has no Inception weights; set run.inception_weights to their file, or unset it")
    if weights is not None:
        check_pickles(weights)
    try:
        # torch-fidelity would run code that is hidden in the file.
        if weights is not None:
            torch.load(weights, map_location="cpu", weights_only=True)
        with bounded_silence():
            network = FeatureExtractorInceptionV3(
                "inception-v3-compat",
                ["2048"],
                feature_extractor_weights_path=None if weights is None else str(weights),
            )
    except Exception as error:
        if weights is None and isinstance(error, NETWORK_ERRORS):
            raise UserError(
                f"Inception's weights could not be downloaded from {urlsplit(URL_INCEPTION_V3).netloc} ({error}); set "
                "run.inception_weights to their file, or studies.fid.extractor to supervised"
            ) from error
        kept = Path(torch.hub.get_dir(), "checkpoints", Path(URL_INCEPTION_V3).name)
        raise UserError(
            f"{kept if weights is None else weights}: does not contain Inception's weights as published by "
            f"torch-fidelity ({type(error).__name__}); {'remove it' if weights is None else 'download them again'}"
        ) from error
    if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
        raise UserError(f"{weights}: has weights that are not finite; download it again")
    network = network.to(device).eval()
    digest = hashlib.sha256()
    for value in network.state_dict().values():
        digest.update(value.cpu().numpy().tobytes())

    def apply(images: Tensor) -> Tensor:
        colour = images.expand(-1, 3, -1, -1)
        features: Tensor = network(colour)[0]
        return features

    resize = "bilinear to 299 pixels, as TensorFlow 1 does it"
    return Extractor("inception", resize, digest.hexdigest(), apply)
