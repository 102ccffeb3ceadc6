"""Everything with steps and a state, each as a function of the device: cpu, a real GPU, or the pretended one.

All train tiny networks on random images, with the same random numbers at every call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from drl.config.jobs import ClassifierSettings, FineTuneJob, PretrainJob
from drl.config.studies import CodeUsageSettings
from drl.costs.random_inputs import random_images
from drl.data.store import ImageStore
from drl.jobs.device import Placement
from drl.laplacenet.classifier import build as build_classifier
from drl.laplacenet.fine_tuning import FineTuner
from drl.laplacenet.image_split import ImageSplit
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method
from drl.training.loop import Training
from tests import tiny

FACTS = ImageFacts(channels=3, image_size=8, classes=3)
MANY = 10**6  # steps, so that neither rows of the log nor snapshots fall due


def placement(device: torch.device, precision: str | None = None, graphs: str = "off") -> Placement:
    """Return where a case computes: bf16 on a GPU and fp32 on a CPU, unless it is told otherwise."""
    chosen: Any = precision or ("bf16" if device.type == "cuda" else "fp32")
    return Placement(device, chosen, False, 1, graphs)


def method_on(device: torch.device, kind: str, **changes: Any) -> tuple[Method, ImageStore]:
    """Return a method with fresh weights, none of them zero, and images, both on the device."""
    store = random_images(FACTS, device)
    torch.manual_seed(0)
    method = build_method(tiny.recipe(kind, **changes), FACTS, store.mean.cpu(), store.std.cpu())
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return method.to(device), store


def pretraining(
    device: torch.device, precision: str | None = None, *, kind: str, graphs: str = "off", **changes: Any
) -> Training:
    """Begin to train a method."""
    changes = {"iterations": MANY} | changes
    method, store = method_on(device, kind, **changes)
    usage = CodeUsageSettings(times=1, images=6, t=(0.2, 0.8))
    job = PretrainJob(recipe=tiny.recipe(kind, **changes), code_usage=usage, snapshots=1)
    return Training(method, store, placement(device, precision, graphs), job, 0)


PROTOCOL = {
    "steps": 60, "epoch_steps": 4, "batch_size": 8, "labelled_batch": 4, "supervised_epochs": 1, "passes": 2,
    "versions": 2, "weak": 1, "strong": 2, "flip": 0.5, "padding": 2, "learning_rate": 0.03, "momentum": 0.9,
    "weight_decay": 5e-4, "tail_epochs": 1, "mixup_alpha": 1.0, "neighbours": 5, "alpha": 0.99, "tolerance": 1e-3,
    "solver_iterations": 30, "alignment_rounds": 100, "select": "best_val", "early_epoch": 3, "search": [0.3, 0.6],
}  # fmt: skip


def classifier_settings(dropout: float = 0.0) -> ClassifierSettings:
    """Return the network that is fine-tuned."""
    encoder: Any = tiny.recipe().encoder
    encoder = encoder.model_copy(update={"dropout": dropout})
    return ClassifierSettings(encoder=encoder, pixels="standardised", centre_inputs=False)


def fine_tuning(
    device: torch.device,
    precision: str | None = None,
    *,
    dropout: float = 0.0,
    until: int = 0,
    graphs: str = "off",
    **arm: Any,
) -> FineTuner:
    """Begin a fine-tuning, and take steps until it is in the middle of an epoch, `until` epochs later."""
    network = classifier_settings(dropout)
    values = {"arm": {"model": None} | arm, "labels": 24, "fine_tune": PROTOCOL, "network": network}
    store, known = random_images(FACTS, device), FineTuneJob.model_validate(values)
    parts = ImageSplit(*(store.train[a:b] for a, b in ((0, 24), (24, 120), (120, 150), (150, 180))))
    classifier = build_classifier(known.network, FACTS, 0).to(device)
    found = FineTuner(classifier, store, parts, placement(device, precision, graphs), known, 0)
    while found.epoch < until or found.step_in_epoch == 0:
        found.advance()
    return found


Trained = Training | FineTuner
TRAININGS: dict[str, Callable[..., Trained]] = {
    **{kind: partial(pretraining, kind=kind) for kind in tiny.KINDS},
    "drl, dropout": partial(
        pretraining,
        kind="drl",
        encoder={"kind": "wide_resnet", "depth": 10, "width": 1, "nf": 2, "dropout": 0.2},
        score={**tiny.SCORE, "dropout": 0.2},
    ),
    "drl, mirrored": partial(pretraining, kind="drl", horizontal_flip=True, codes_from="ema"),
    "drl, weakly augmented": partial(pretraining, kind="drl", augmentation={"operations": 1}),
    "drl, mixup": partial(pretraining, kind="drl", method={"kind": "drl", "mixup": True}),
    "simclr, blurred": partial(pretraining, kind="simclr", optimiser={"schedule": "cosine", "gradient_clip": 0}),
    "fine-tuning, supervised": partial(fine_tuning, mixup=True),
    "fine-tuning, pseudo-labels": partial(fine_tuning, until=1, dropout=0.2),
    "fine-tuning, search": partial(fine_tuning, until=2, model="drl", t_init="search"),
}
