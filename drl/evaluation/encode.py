"""`drl encode`: the codes of given images, as an array."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drl.data.sources.image_file import read_image
from drl.errors import UserError
from drl.evaluation.code_file import Codes, code_file, of_part
from drl.evaluation.codes import CHUNKS, noise_at
from drl.evaluation.given_images import as_batch, files_in
from drl.jobs.device import Placement, network_channels, place_job
from drl.jobs.job import Resources
from drl.jobs.progress import Reporter
from drl.methods.base import Method
from drl.models.encoder_file import load_encoder, read_encoder
from drl.records.inputs import check_inputs
from drl.records.own_files import MOST_LEVELS, Writes, own_files
from drl.records.run_card import write_card

NOISE_SEED = 0


def encode(model: Path, folder: Path, times: Sequence[float], out: Path, resources: Resources) -> None:
    """Write `out` (codes), a CSV of the same name with a file's name for each row, and the run card.

    Images are read, resized and cropped as a dataset's are, a batch at a time, so that their number is not limited by
    memory. What can be known without decoding is checked of all of them first, and disk space is reserved; on a full
    disk, finished rows are kept. Codes are of images as they are: DAE's encoder, which is trained on noisy ones, is
    given clean ones too. Only score features are of noisy images by definition: their noise has a fixed seed and is
    drawn in the order of the rows, so that the same folder gives the same codes.

    Args:
        model: A model.safetensors whose method has codes, or an exported encoder.
        folder: Images in the formats of `image_file`, of any size, also in folders within it; hidden files are
            skipped. Rows are in the order of their paths.
        times: Values of t in [0, 1].
        out: float32 [n, d]; of several t [n, t, d].
        resources: Device, precision, threads, and how many pixels an image may have.

    Raises:
        UserError: If `out` is no .npy, the model has no codes, the folder no images, a file is no image, a name is
            not UTF-8, a code is not finite, or the disk is full.
    """
    started = time.monotonic()
    if out.suffix != ".npy":
        raise UserError(f"{out}: codes are written as .npy; give a name that ends in .npy")
    inputs = check_inputs([model])
    placement = place_job(resources, network_channels(read_encoder(model)[0].recipe))
    method = load_encoder(model, placement.device)
    paths = files_in(folder, resources.image_pixels, nested=True)
    names = [path.relative_to(folder).as_posix() for path in paths]
    table = out.with_suffix(".csv")
    shape = (len(paths), *([len(times)] if len(times) > 1 else []), method.code_size)
    noise = {"noise_seed": NOISE_SEED} if method.recipe.method.noisy_codes else {}
    writes = Writes(
        command="encode",
        about={},
        files=[out, table, *of_part(out)],
        inputs=[model, *paths],
        images=[folder],
        levels=range(1, MOST_LEVELS),
    )
    with own_files(writes):
        with code_file(out, table, names, shape) as codes:
            digest = _fill(codes, method, paths, times, placement, resources.image_pixels)
        write_card(
            "encode",
            [out, table],
            {"t": list(times), **noise},
            "",
            inputs=inputs,
            shape=list(shape),
            images=len(paths),
            images_sha256=digest,
            depends_on_t=method.codes_see_time,
            **placement.describe(),
            seconds=round(time.monotonic() - started, 2),
        )


def _fill(
    codes: Codes, method: Method, paths: Sequence[Path], times: Sequence[float], placement: Placement, most_pixels: int
) -> str:
    """Write the codes of all images, and return a digest of the images' files."""
    digest, noises = hashlib.sha256(), noise_of_times(method, times, placement.device)
    with Reporter("codes", len(paths)) as reporter:
        for images, read in _batches(paths, method, placement, most_pixels):
            rows = codes_of_batch(method, images, times, noises, placement).cpu().numpy()
            _check_finite(rows, paths[codes.done : codes.done + len(rows)], times)
            codes.write(rows if len(times) > 1 else rows[:, 0])
            digest.update(read)
            for _ in range(len(rows)):
                reporter.advance()
    return digest.hexdigest()


def _batches(
    paths: Sequence[Path], method: Method, placement: Placement, most_pixels: int
) -> Iterator[tuple[Tensor, bytes]]:
    """Yield uint8 images [B, C, H, W] on the device, and a digest of the bytes of their files."""
    facts, size = method.facts, CHUNKS[placement.device.type]

    def load(path: Path) -> tuple[NDArray[np.uint8], bytes]:
        image, data = read_image(path, facts.image_size, facts.channels, most_pixels)
        return image, hashlib.sha256(data).digest()

    # Decoding releases the interpreter lock.
    with ThreadPoolExecutor(placement.threads) as pool:
        for start in range(0, len(paths), size):
            loaded = list(pool.map(load, paths[start : start + size]))
            images = as_batch([image for image, _ in loaded])
            yield images.to(placement.device), b"".join(digest for _, digest in loaded)


def noise_of_times(method: Method, times: Sequence[float], device: torch.device) -> list[torch.Generator | None]:
    """Return the source of the noise at each t; None where codes are of the images as they are."""
    noisy = method.recipe.method.noisy_codes
    return [noise_at(t, NOISE_SEED, device) if noisy else None for t in times]


@torch.inference_mode()
def codes_of_batch(
    method: Method,
    images: Tensor,
    times: Sequence[float],
    noises: Sequence[torch.Generator | None],
    placement: Placement,
) -> Tensor:
    """Return codes [B, T, D] in fp32, on the device.

    Args:
        method: A model on the placement's device, in evaluation mode.
        images: uint8 [B, C, H, W] on the device.
        times: Values of t in [0, 1].
        noises: What `noise_of_times` returned. Each batch draws from it, so batches must come in the order of the rows.
        placement: Device and precision.
    """
    moments = [torch.full((len(images),), t, device=placement.device) for t in times]
    with placement.autocast():
        rows = [method.encode(images, t, noise) for t, noise in zip(moments, noises, strict=True)]
    return torch.stack([row.float() for row in rows], dim=1)


def _check_finite(rows: NDArray[np.float32], paths: Sequence[Path], times: Sequence[float]) -> None:
    bad = np.argwhere(~np.isfinite(rows).all(axis=2))
    if len(bad):
        row, column = bad[0]
        raise UserError(
            f"{paths[row]}: its code at t = {times[column]:g} is not finite; set run.precision to fp32, or pretrain "
            "the model again"
        )
