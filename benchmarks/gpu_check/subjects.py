"""The trainings that are timed: at the paper's size on random images, or as small as scale demo."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gpu_check.step import Where
from benchmarks.training_step import synthetic_store
from drl.config.jobs import FineTuneJob, PretrainJob
from drl.config.schema import Config
from drl.data.store import ImageStore
from drl.jobs.device import Placement, network_channels, place
from drl.laplacenet.classifier import build
from drl.laplacenet.fine_tuning import FineTuner
from drl.laplacenet.image_split import ImageSplit
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method
from drl.pipeline.configuration import resolve
from drl.pipeline.studies.training import FINE_TUNE, PRETRAIN
from drl.training.loop import Training

Trained = Training | FineTuner
TINY_PIXELS = 8


def configuration(where: Where) -> tuple[Config, str, int]:
    """Return the configuration, a dataset and its pixels."""
    return (resolve("demo"), "digits", TINY_PIXELS) if where.tiny else (resolve("paper"), "cifar10", 32)


def pretraining(
    where: Where, kind: str, *, precision: str = "auto", compile: str = "off", graphs: str = "off", seed: int = 0
) -> Training:
    """Begin a training of a recipe; code usage is not measured."""
    config, dataset, size = configuration(where)
    settings = PRETRAIN.settings(config, dataset, kind)
    assert isinstance(settings, PretrainJob)
    recipe = settings.recipe.model_copy(update={"iterations": 10**6, "train_images": None})
    usage = settings.code_usage.model_copy(update={"times": 1})
    settings = settings.model_copy(update={"recipe": recipe, "code_usage": usage})
    placement = place(where.device, precision, compile, channels=network_channels(recipe), graphs=graphs)
    method, store = subject(recipe, size, placement)
    return Training(method, store, placement, settings, seed)


def subject(recipe: Any, size: int, placement: Placement) -> tuple[Method, ImageStore]:
    """Return a method with new weights and random images, on the device."""
    store = synthetic_store(size, 10, placement.device)
    torch.manual_seed(0)
    method = build_method(recipe, ImageFacts(3, size, 10), store.mean.cpu(), store.std.cpu())
    return method.to(placement.device), store


def fine_tuning(where: Where, size: int, *, graphs: str = "off") -> FineTuner:
    """Begin a fine-tuning in the middle of an epoch with pseudo-labels, which are the images' own classes."""
    dataset, labels = ("digits", 100) if where.tiny else ("cifar10" if size == 32 else "miniimagenet", 4000)
    settings = FINE_TUNE.settings(resolve("demo" if where.tiny else "paper"), dataset, "none", labels)
    assert isinstance(settings, FineTuneJob)
    pixels, classes = TINY_PIXELS if where.tiny else size, 10 if size == 32 or where.tiny else 100
    placement = place(where.device, "auto", "off", channels=16, graphs=graphs)
    store = synthetic_store(pixels, classes, placement.device)
    network = build(settings.network, ImageFacts(3, pixels, classes), 0).to(placement.device)
    split = ImageSplit(store.train[:100], store.train[100:], store.val, store.test)
    training = FineTuner(network, store, split, placement, settings, 0)
    training.targets = store.labels.clone()
    training.epoch, training.step_in_epoch = training.schedule.supervised_epochs, 1
    return training


def advance(training: Trained) -> None:
    """Do a step; an epoch of fine-tuning never ends."""
    training.advance()
    if isinstance(training, FineTuner):
        training.step_in_epoch = 1


def images_per_second(training: Trained, seconds: float, warm_up: int) -> float:
    """Return the rate over all steps that begin within some seconds, after a few that are not timed."""
    for _ in range(warm_up):
        advance(training)
    wait = waiter(training.placement.device)
    wait()
    began, n = time.perf_counter(), 0
    while n < 2 or time.perf_counter() - began < seconds:
        advance(training)
        n += 1
    wait()
    return n * training.images_per_step / (time.perf_counter() - began)


def waiter(device: torch.device) -> Callable[[], object]:
    """Return what waits for the device."""
    return torch.cuda.synchronize if device.type == "cuda" else lambda: None


def weights(training: Trained) -> list[torch.Tensor]:
    """Return copies of the weights, on the CPU."""
    network = training.network if isinstance(training, FineTuner) else training.method
    return [value.detach().cpu().clone() for value in network.state_dict().values()]


def equal(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    """Return whether all of them are equal bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
