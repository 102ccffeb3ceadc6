"""Figures 2 and 3: 2-d codes of the test images, and samples from codes over a square."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from drl.errors import UserError
from drl.evaluation.codes import extract_codes
from drl.evaluation.generation import Generation, begin_generation
from drl.evaluation.geometry import ink_r2, silhouette
from drl.evaluation.montage import montage, save_png
from drl.evaluation.sampling import Wanted, image_seed
from drl.evaluation.where import Where
from drl.files import atomic


def latent_grid(
    model: Path,
    images: Path,
    out: Path,
    settings: dict[str, Any],
    code: str,
    where: Where,
    expected: dict[str, Any] | None = None,
) -> None:
    """Write `out` (numbers), the samples as PNG and the codes as CSV beside it, and the run card.

    Args:
        model: Model file with 2-d codes.
        images: Prepared images it was trained on.
        out: CSV with rows `silhouette` and `ink_r2` of the test images' codes.
        settings: drl.pipeline.slices.latent_grid.
        code: Digest of the code, for the card.
        where: Device, threads, states.
        expected: What the model's header must say, such as its recipe and seed.

    Raises:
        UserError: If model and images do not belong together, the model's codes are not 2-d, or it cannot be sampled
            from.
    """
    run = begin_generation("latent_grid", model, images, settings, code, where, expected)
    run.write(out, _rows(run, out), [out.with_suffix(".png"), codes_file(out)])


def codes_file(out: Path) -> Path:
    """Return the path of the test images' codes, beside the numbers."""
    return out.with_suffix(".codes.csv")


def square(cells: int, extent: float) -> Tensor:
    """Return codes [cells^2, 2] over [-extent, extent]^2, row by row from the top; z_1 grows to the right, z_2 up."""
    axis = torch.linspace(-extent, extent, cells)
    z_2, z_1 = torch.meshgrid(axis.flip(0), axis, indexing="ij")
    return torch.stack((z_1.flatten(), z_2.flatten()), dim=1)


def _rows(run: Generation, out: Path) -> Iterator[dict[str, Any]]:
    protocol, store = run.settings["latent_grid"], run.found.store
    codes = extract_codes(run.method, store, store.test, [protocol["t"]], run.found.placement)[0].cpu()
    if codes.shape[1] != 2:
        raise UserError(f"a scatter needs 2-d codes, but the model's have {codes.shape[1]} entries; give a 2-d recipe")
    labels = store.labels[store.test].cpu()
    _write_codes(codes_file(out), codes, labels)
    cells = protocol["cells"]
    wanted = [Wanted(image_seed(run.seed, "latent grid", k), k) for k in range(cells**2)]
    samples = run.samples(wanted, square(cells, protocol["extent"]))
    save_png(out.with_suffix(".png"), montage(samples, cells))
    numbers = {"silhouette": silhouette(codes, labels), "ink_r2": ink_r2(codes, store.images[store.test])}
    for metric, value in numbers.items():
        yield {"metric": metric, "value": value, "n": len(labels)}


def _write_codes(path: Path, codes: Tensor, labels: Tensor) -> None:
    rows = np.column_stack((codes.double().numpy(), labels.numpy()))
    with atomic(path) as temporary:
        np.savetxt(temporary, rows, ("%.5g", "%.5g", "%d"), delimiter=",", header="z_1,z_2,label", comments="")
