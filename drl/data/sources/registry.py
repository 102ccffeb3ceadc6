"""Find the module that reads a source, and import only that one."""

from __future__ import annotations

import importlib

from drl.config.datasets import READERS, DatasetSettings
from drl.data.sources.raw import Raw


def read_source(settings: DatasetSettings) -> Raw:
    """Read the original images of a data set.

    Raises:
        UserError: If files are missing, damaged or too few; the message names the file and the remedy.
    """
    module = importlib.import_module(f"drl.data.sources.{READERS[settings.source]}")
    raw: Raw = module.read(settings)
    return raw
