"""The closed forms of this package on real images: the tables of docs/theory.md, printed by `python -m drl.theory`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from drl.config.datasets import DatasetSettings
from drl.data.prepare import prepare
from drl.data.store import ImageStore, Pixels, scale_pixels
from drl.diffusion.sde import VE
from drl.theory.gaussian import gain, loss_without_code, removable_loss
from drl.theory.priors import Images, Kind, Prior, frechet, kl
from drl.theory.vae import nats

KINDS: tuple[Kind, ...] = ("gaussian", "uniform_gaussian", "mean_image")
STARTS = (0.5, 0.7, 0.9)


def stored(name: str, settings: DatasetSettings, size: int) -> ImageStore:
    """Prepare a dataset of the configuration at size x size pixels.

    Raises:
        UserError: If its files are missing or damaged.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.safetensors"
        prepare(name, settings.model_copy(update={"image_size": size}), path)
        return ImageStore.open(path)


def moments(store: ImageStore, pixels: Pixels) -> Images:
    """Measure mean and eigenvalues of the covariance of the training images (validation included)."""
    scaled = scale_pixels(store.images[store.train], pixels, store.mean, store.std).flatten(1).double()
    values = torch.linalg.eigvalsh(torch.cov(scaled.T))
    return Images(scaled.mean(0), values.flip(0).clamp_min(0))


def sigma_at(t: float) -> float:
    """Return sigma(t) of the paper's VE."""
    return float(VE().std(torch.tensor(t, dtype=torch.float64)))


def gain_row(name: str, size: int, standardised: Images) -> str:
    """Return a row: gain of component 1 over component 50, and what two components remove, over t."""
    values = standardised.eigenvalues
    ratios = []
    for t in (0.1, 0.3, 0.5, 0.7, 1.0):
        gains = gain(values, sigma_at(t))
        ratios.append(f"{float(gains[0] / gains[49]):.4g}")
    removed = []
    for t in (0.1, 0.5, 0.9):
        loss = removable_loss(values, sigma_at(t), 2)
        removed.append(f"{loss:.3g} ({100 * loss / loss_without_code(values, sigma_at(t)):.2g} %)")
    return _row(name, size, *ratios, *removed)


def prior_rows(name: str, size: int, unit: Images) -> Iterator[str]:
    """Yield a row for each t_init: KL in nats and Frechet distance of the three priors."""
    for t in STARTS:
        priors = [Prior.of(kind, unit, sigma_at(t)) for kind in KINDS]
        divergences = [_two_digits(kl(unit, sigma_at(t), prior)) for prior in priors]
        distances = [_two_digits(frechet(unit, sigma_at(t), prior)) for prior in priors]
        yield _row(name, size, t, *divergences, *distances)


def vae_row(name: str, size: int, full_size: int, unit: Images) -> str:
    """Return a row: nats in the 8 numbers of the code of Figure 8's VAE, with KL weight 1 and with a scaled one.

    Args:
        name: Title of the dataset.
        size: Pixels of a side.
        full_size: The same of the original images, for which the scaled weight is 1.
        unit: Moments of pixels in [0, 1].
    """
    weights = (1.0, (size / full_size) ** 2)
    found = [f"{float(nats(unit.eigenvalues, weight, 8, 'sum').sum()):.2f}" for weight in weights]
    return _row(name, size, found[0], f"{weights[1]:.3f}", found[1])


def tables(name: str, settings: DatasetSettings, sizes: list[int]) -> Iterator[str]:
    """Yield the lines of all tables.

    Raises:
        UserError: If the dataset's files are missing or damaged.
    """
    stores = {size: stored(name, settings, size) for size in sizes}
    unit = {size: moments(store, "unit") for size, store in stores.items()}
    yield "gains and removable loss, standardised pixels"
    for size, store in stores.items():
        yield gain_row(settings.title, size, moments(store, "standardised"))
    brightness = float(next(iter(unit.values())).mean.mean())
    yield f"KL and Frechet distance of the priors, pixels in [0, 1], mean brightness {brightness:.2f}"
    for size in sizes:
        yield from prior_rows(settings.title, size, unit[size])
    yield "nats of the 8-d VAE, pixels in [0, 1]"
    for size in sizes:
        yield vae_row(settings.title, size, settings.image_size, unit[size])


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.1e}'):g}"


def _row(name: str, size: int, *cells: object) -> str:
    return f"| {' | '.join(map(str, (f'{name}, {size}', *cells)))} |"
