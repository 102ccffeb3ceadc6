"""The images of a fine-tuning: those with labels, those without, and those for validation and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from drl.config.jobs import FineTuneJob
from drl.data.splits import label_subset
from drl.data.store import ImageStore


@dataclass(frozen=True)
class ImageSplit:
    """The use of each image, as int64 indices on the CPU.

    Attributes:
        labelled: Images that keep their labels.
        others: The rest of the training images; their labels are used only for a diagnostic.
        validation: Held-out images; empty if nothing is chosen on them.
        test: Images for the reported number.
    """

    labelled: Tensor
    others: Tensor
    validation: Tensor
    test: Tensor

    @classmethod
    def of(cls, store: ImageStore, settings: FineTuneJob, number: int) -> Self:
        """Choose the images that keep their labels, and hold out validation images if something is chosen on them.

        Args:
            store: The images.
            settings: Settings of the job.
            number: The split: seed of the choice, or number of the label list.

        Raises:
            UserError: If a class has too few images, or a label list is wrong.
        """
        held_out = store.val if settings.fine_tune.select == "best_val" else store.val[:0]
        candidates = store.train[~torch.isin(store.train, held_out)]
        lists = settings.label_list
        labelled = torch.from_numpy(
            label_subset(
                store.labels.cpu().numpy(),
                settings.labels,
                number,
                candidates=candidates.numpy(),
                label_list_folder=lists,
                files=store.training_files() if lists else None,
                classes=store.classes,
            )
        )
        return cls(labelled, candidates[~torch.isin(candidates, labelled)], held_out, store.test)
