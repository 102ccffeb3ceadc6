"""Find the module that reads a source, and import only that one."""

from __future__ import annotations

import importlib

from drl.config.datasets import MOST_PIXELS, READERS, DatasetSettings
from drl.data.sources.raw import Raw


def read_source(settings: DatasetSettings, most_pixels: int = MOST_PIXELS) -> Raw:
    """Read the original images of a data set.

    Args:
        settings: Which data set it is.
        most_pixels: Pixels that an image may have, where images are files of unknown origin.

    Raises:
        UserError: If files are missing, damaged or too few; the message names the file and the remedy.
    """
    module = importlib.import_module(f"drl.data.sources.{READERS[settings.source]}")
    # Other sources have images of one known size.
    more = (most_pixels,) if settings.source == "image_folder" else ()
    raw: Raw = module.read(settings, *more)
    return raw
