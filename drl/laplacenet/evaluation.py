"""Features and accuracy of a classifier: in evaluation mode, without augmentation, at the t that it has learned."""

from __future__ import annotations

import torch
from torch import Tensor

from drl.config.jobs import ClassifierSettings
from drl.data.store import ImageStore
from drl.jobs.device import Placement
from drl.laplacenet.classifier import inputs
from drl.models.wide_resnet import WideResNet

# Images of 32 x 32 per pass: on a CPU, activations should fit into its caches; a GPU needs enough work.
CHUNKS = {"cpu": 128, "cuda": 2000}


class Evaluation:
    """Evaluates a classifier that is being trained."""

    def __init__(
        self, network: WideResNet, store: ImageStore, placement: Placement, settings: ClassifierSettings
    ) -> None:
        """Keep what evaluation needs.

        Args:
            network: The classifier.
            store: Its images, on the same device.
            placement: Device and precision.
            settings: `network` of the job, for the scaling of pixels.
        """
        self.network, self.store, self.placement, self.settings = network, store, placement, settings

    def read(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, float32 [n, D], and logits, float32 [n, classes], of images (int64 [n]), on the device."""
        self.network.eval()
        features, logits = [], []
        area = self.store.images.shape[2] * self.store.images.shape[3]
        for chunk in positions.split(max(1, CHUNKS[self.placement.device.type] * 32**2 // max(area, 32**2))):
            x = inputs(self.store.batch(chunk).images, self.store, self.settings)
            with torch.inference_mode(), self.placement.autocast():
                found = self.network.features(x.contiguous(memory_format=torch.channels_last))
                features.append(found.float())
                logits.append(self.network.classifier(found).float())
        # Concatenate outside inference mode, so that the results can be used everywhere.
        return torch.cat(features), torch.cat(logits)

    def right(self, positions: Tensor) -> Tensor:
        """Return which images (int64 [n]) are classified correctly, bool [n], on the device."""
        _, logits = self.read(positions)
        return logits.argmax(1) == self.store.labels[positions.to(self.placement.device)]
