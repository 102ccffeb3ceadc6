"""Turn original files into one file of prepared images, `images.safetensors`, with `files.csv` beside it."""

from __future__ import annotations

import csv
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from drl.config.datasets import MOST_PIXELS, DatasetSettings
from drl.config.jobs import PrepareJob
from drl.data.seeds import Stream
from drl.data.sources.raw import LabelledImages, Raw
from drl.data.sources.registry import read_source
from drl.data.splits import balanced_subset, validation_split
from drl.data.store import FILES_CSV, content_sha256, facts_sha256
from drl.errors import UserError
from drl.files import atomic, sha256
from drl.jobs.job import Job
from drl.records.run_card import write_card

_CHUNK, _CHUNK_BYTES = 1024, 2**26
_LUMA = (0.299, 0.587, 0.114)


def run(job: Job[PrepareJob]) -> None:
    """Write the prepared images of a dataset, the table of their files and the run card.

    The location of the original files is not a setting of the job; it is in `job.resources.origin`.

    Raises:
        UserError: As `prepare`.
    """
    started, name, origin = time.monotonic(), str(job.about["dataset"]), job.resources.origin
    values = job.settings.dataset.model_dump() | {"title": name, "download": origin.download}
    if origin.folder is not None:
        values["folder"] = origin.folder
    facts = prepare(name, DatasetSettings.model_validate(values), job.out, job.resources.image_pixels)
    write_card(
        job.study,
        [job.out, job.out.parent / FILES_CSV],
        job.settings.slice(),
        job.code_digest,
        dataset=name,
        facts=facts,
        seconds=round(time.monotonic() - started, 2),
    )


def prepare(name: str, settings: DatasetSettings, out: Path, most_pixels: int = MOST_PIXELS) -> dict[str, Any]:
    """Read a data set, convert its size and channels, mark validation images, measure the pixels, and write it.

    Equal settings, original files and library versions give equal bytes.

    Args:
        name: Name of the data set in the configuration.
        settings: Which data set it is, and how many images it must have.
        out: Path of `images.safetensors`. `files.csv` (index, split, file, class) is written beside it; its `val` rows
            are training images too.
        most_pixels: Pixels that an image of a folder may have.

    Returns:
        The facts, also stored in the file: name, classes, mean, std (lists, of training pixels in [0, 1]), origin,
        sha256 (of the content, not of the file), files_sha256 (of files.csv), facts_sha256 (of all others),
        n_train (validation included), n_val, n_test, image_size, channels; constant_channels (their numbers, from 0)
        where a channel has one value in all training pixels, and is scaled with deviation 1.

    Raises:
        UserError: If original files are missing or damaged, or do not match the settings. Nothing is written then.
    """
    raw = _chosen(settings, read_source(settings, most_pixels))
    _check(name, settings, raw)
    tensors = _tensors(settings, raw)
    mean, std, constant = _statistics(name, settings, tensors["images"][: settings.train])
    facts: dict[str, Any] = {
        "name": name,
        "classes": list(raw.classes),
        "mean": mean,
        "std": std,
        "origin": raw.origin,
        "sha256": content_sha256(tensors),
        "n_train": settings.train,
        "n_val": settings.validation,
        "n_test": settings.test,
        "image_size": settings.image_size,
        "channels": settings.channels,
    }
    if constant:
        facts["constant_channels"] = constant
    out = Path(out)
    # The inner context ends first, so the table is moved into place before the images, which store its checksum.
    # There is only one metadata key, because safetensors would write several in random order.
    with atomic(out) as file, atomic(out.parent / FILES_CSV) as table:
        _write_table(table, raw, set(tensors["val"].tolist()))
        facts["files_sha256"] = sha256(table)
        facts["facts_sha256"] = facts_sha256(facts)
        save_file(tensors, file, metadata={"facts": json.dumps(facts, sort_keys=True)})
    return facts


def _chosen(settings: DatasetSettings, raw: Raw) -> Raw:
    """Return the declared numbers of images if a subset is asked for, else all."""
    if not settings.subset:
        return raw

    def part(images: LabelledImages, n: int) -> LabelledImages:
        # A source with fewer images is refused by `_check`.
        return images.select(balanced_subset(images.labels, min(n, len(images)), settings.seed, stream=Stream.SUBSET))

    return replace(raw, train=part(raw.train, settings.train), test=part(raw.test, settings.test))


def _check(name: str, settings: DatasetSettings, raw: Raw) -> None:
    for what, declared, found in (
        ("classes", settings.classes, len(raw.classes)),
        ("train", settings.train, len(raw.train)),
        ("test", settings.test, len(raw.test)),
    ):
        if declared != found:
            raise UserError(
                f"dataset {name!r}: {what} is declared as {declared} but the source {settings.source} has {found}: "
                f"correct datasets.{name}.{what} or the source's files"
            )


def _tensors(settings: DatasetSettings, raw: Raw) -> dict[str, Tensor]:
    size = settings.image_size
    images = torch.empty(len(raw.train) + len(raw.test), settings.channels, size, size, dtype=torch.uint8)
    _fit(raw.train, images[: settings.train])
    _fit(raw.test, images[settings.train :])
    labels = np.concatenate([raw.train.labels, raw.test.labels])
    train = np.arange(settings.train)
    return {
        "images": images,
        "labels": torch.from_numpy(labels),
        "train": torch.from_numpy(train),
        "val": torch.from_numpy(validation_split(labels, settings.validation, settings.seed, train)),
        "test": torch.arange(settings.train, len(labels)),
    }


def _fit(source: LabelledImages, out: Tensor) -> None:
    # Large images in fewer at once: as floats they take four times their bytes.
    chunk_size = max(1, min(_CHUNK, _CHUNK_BYTES // max(1, source.images[0].nbytes)))
    for start in range(0, len(source), chunk_size):
        # Copy, because torch warns about read-only arrays, such as views of a file's bytes.
        chunk = torch.from_numpy(np.array(source.images[start : start + chunk_size])).permute(0, 3, 1, 2)
        out[start : start + chunk_size] = fit_images(chunk, out.shape[1], out.shape[2])


def fit_images(images: Tensor, channels: int, size: int) -> Tensor:
    """Resize (bilinear, antialiased) and convert grey to RGB or RGB to grey (ITU-R 601 luma), rounding once.

    Args:
        images: uint8 [N, 1 or 3, H, W].
        channels: 1 or 3.
        size: New height and width in pixels.

    Returns:
        uint8 [N, channels, size, size].
    """
    given = images.shape[1]
    if images.shape[2:] == (size, size) and given <= channels:
        return images.expand(-1, channels, -1, -1)
    values = images.to(torch.float32)
    if given > channels:
        values = (values * torch.tensor(_LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    if values.shape[2:] != (size, size):
        values = F.interpolate(values, size=(size, size), mode="bilinear", antialias=True)
    return values.round_().clamp_(0, 255).to(torch.uint8).expand(-1, channels, -1, -1)


def _statistics(name: str, settings: DatasetSettings, train: Tensor) -> tuple[list[float], list[float], list[int]]:
    """Return mean and deviation of each channel, and the channels that have one value only.

    Raises:
        UserError: If all channels do.
    """
    if settings.mean is not None and settings.std is not None:
        return list(settings.mean), list(settings.std), []
    mean, std = [], []
    for channel in range(train.shape[1]):
        centre, spread = _channel_statistics(train[:, channel].numpy())
        mean.append(centre)
        std.append(spread)
    constant = [channel for channel, spread in enumerate(std) if spread == 0]
    if len(constant) == len(std):
        raise UserError(
            f"dataset {name!r}: all training images are of one and the same colour, which teaches nothing: "
            f"check the files of {settings.folder or settings.source}"
        )
    # Pictures of two stains have one such channel. Standardised, it is 0 everywhere.
    for channel in constant:
        colour = ("red", "green", "blue")[channel]
        print(
            f"drl: dataset {name!r}: the {colour} channel has the value {round(255 * mean[channel])} in all training "
            "images; it is scaled with deviation 1",
            file=sys.stderr,
            flush=True,
        )
    return mean, [spread or 1.0 for spread in std], constant


def _channel_statistics(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    # Computed from integer counts, so that the order of summation cannot change a digit.
    counts = sum(
        np.bincount(image.ravel(), minlength=256) for image in np.array_split(pixels, max(1, len(pixels) // 4096))
    )
    n = int(np.sum(counts))
    levels = np.arange(256)
    total = int(np.dot(counts, levels))
    squares = int(np.dot(counts, levels**2))
    variance = (n * squares - total**2) / n**2
    return total / n / 255, variance**0.5 / 255


def _write_table(path: Path, raw: Raw, val: set[int]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["index", "split", "file", "class"])
        index = 0
        for split, part in (("train", raw.train), ("test", raw.test)):
            for file, label in zip(part.files, part.labels.tolist(), strict=True):
                writer.writerow([index, "val" if index in val else split, file, raw.classes[label]])
                index += 1
