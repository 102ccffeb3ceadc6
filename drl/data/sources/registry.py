"""Finds the module that reads a source, importing only that one."""

from __future__ import annotations

import importlib

from drl.config.datasets import DatasetSettings
from drl.data.sources.raw import Raw

_MODULES = {
    "mnist5k": "mnist5k",
    "mnistm5k": "mnistm5k",
    "digits": "digits",
    "fashion_mnist": "fashion_mnist",
    "cifar10": "cifar",
    "cifar100": "cifar",
    "image_folder": "image_folder",
}


def read_source(settings: DatasetSettings) -> Raw:
    """Read the original images of a data set.

    Raises:
        UserError: If files are missing, damaged or too few; the message names the file and the remedy.
    """
    module = importlib.import_module(f"drl.data.sources.{_MODULES[settings.source]}")
    raw: Raw = module.read(settings)
    return raw
