"""Make torchvision importable where its compiled operators do not match the installed torch.

With a CPU-only torch and the registry's torchvision wheel (built against CUDA), torchvision's shared library cannot be
loaded and `import torchvision` fails with `operator torchvision::nms does not exist`, although data sets and transforms
need no compiled operator at all.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
from functools import cache
from pathlib import Path

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@cache
def make_torchvision_importable() -> torch.library.Library | None:
    """Define the two operator schemas that `import torchvision` expects, if its compiled operators are missing.

    Call it before each `import torchvision`; only the first call does anything. Where the operators load, nothing is
    defined and torchvision works in full.

    Returns:
        The library that holds the schemas, or None if the compiled operators are there. The schemas live as long as
        the library, which the cache keeps alive.

    Raises:
        ModuleNotFoundError: If torchvision is not installed.
    """
    found = importlib.util.find_spec("torchvision")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'torchvision'", name="torchvision")
    _load_operators(Path(found.submodule_search_locations[0]))
    missing = [name for name in ("nms", "qnms") if not hasattr(torch.ops.torchvision, name)]
    # Where nms is there, the operators have been loaded.
    if "nms" not in missing:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in missing:
        library.define(f"{name}{_SCHEMA}")
    return library


def _load_operators(folder: Path) -> None:
    finder = importlib.machinery.FileFinder(
        str(folder), (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES)
    )
    spec = finder.find_spec("_C")
    if spec is None or spec.origin is None:
        return
    with contextlib.suppress(OSError):
        torch.ops.load_library(spec.origin)
