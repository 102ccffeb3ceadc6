"""`drl sample`: samples from the codes of given images, as one picture."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from drl.config.datasets import MOST_PIXELS
from drl.config.sampling import Prior, SamplerSettings
from drl.data.mean_image import mean_image
from drl.data.regular import shown
from drl.data.sources.image_file import read_image
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation.codes import check_images
from drl.evaluation.given_images import as_batch, files_in
from drl.evaluation.montage import montage, save_png
from drl.evaluation.sample_cost import Cost
from drl.evaluation.sample_picture import with_remark
from drl.evaluation.sampling import Wanted, check_start, draw, image_seed, passes_on_gpu, sampler_of, steps_by_batch
from drl.files import sha256
from drl.jobs.device import Placement, network_channels, place_job
from drl.jobs.job import Resources
from drl.jobs.progress import Reporter
from drl.markup import DEMO_SAMPLES
from drl.methods.base import ImageFacts
from drl.methods.score_matching import ScoreMatching
from drl.models.model_file import ModelHeader, header, load_model
from drl.records.inputs import check_inputs
from drl.records.own_files import Writes, own_files
from drl.records.run_card import write_card


@dataclass(frozen=True)
class SampleOptions:
    """What samples of given images are drawn.

    Attributes:
        t: Where codes are read, in [0, 1].
        t_init: Where chains begin, in (0, 1].
        prior: From what.
        columns: Samples per image.
        seed: Of the samples' noise.
        sampler: How they are drawn.
        most_images: The most images of a folder.
        most_minutes: The longest that drawing may take.
    """

    t: float
    t_init: float
    prior: Prior
    columns: int
    seed: int
    sampler: SamplerSettings
    most_images: int = 100
    most_minutes: float = 60.0

    def slice(self) -> dict[str, Any]:
        """Return the plain values that decide the samples, for the run card."""
        limits = ("most_images", "most_minutes")
        return {name: value for name, value in vars(self).items() if name not in limits} | {
            "sampler": self.sampler.slice()
        }


def sample(
    model: Path,
    folder: Path,
    out: Path,
    options: SampleOptions,
    resources: Resources,
    training_images: Path | None = None,
) -> None:
    """Write `out` (a PNG with one row per image: the image, then its samples) and the run card.

    Args:
        model: Model file with an encoder and a score network.
        folder: Images in the formats of `image_file`, of any size; they are resized and cropped as a dataset's are.
        out: The PNG.
        options: Which samples.
        resources: Device, precision, compiler, threads, and how many images are sampled at once.
        training_images: The prepared images that the model was trained on, for the prior `mean_image` alone.

    Raises:
        UserError: If the model was changed after it was made, has no encoder or no score network, the folder no images,
            t_init is outside (0, 1], or the training images are missing, not needed or not the model's.
    """
    started = time.monotonic()
    check_start(options.t_init)
    if out.suffix.lower() != ".png":
        raise UserError(f"{out}: the picture is a PNG; give a name that ends in .png")
    _check_wanted(options.prior, training_images)
    inputs = check_inputs([model, *([] if training_images is None else [training_images])])
    found = header(model)
    mean = None if training_images is None else _mean_of(training_images, model, found)
    paths, images = read_images(folder, found.facts, resources.image_pixels, options.most_images)
    passes = passes_on_gpu(options.sampler, options.columns * len(paths), resources.sampling_batch)
    placement = place_job(resources, network_channels(found.recipe), passes)
    method = sampler_of(load_model(model, placement.device))
    if method.encoder is None:
        why = "is unconditional, so images have no codes" if method.code_part is None else "its samples take no codes"
        raise UserError(f"{model}: {why}; give a drl or vdrl model")
    writes = Writes(command="sample", about={}, files=[out], inputs=[*inputs, *paths], images=[folder])
    with own_files(writes):
        picture = _picture(method, images, options, placement, resources.sampling_batch, mean)
        save_png(out, with_remark(picture, DEMO_SAMPLES) if found.about.scale == "demo" else picture)
        write_card(
            "sample",
            [out],
            options.slice(),
            "",
            inputs=inputs | {path: sha256(path) for path in paths},
            **placement.describe(),
            seconds=round(time.monotonic() - started, 2),
        )


def _check_wanted(prior: Prior, training_images: Path | None) -> None:
    """Check that training images are given if they are needed, and only then."""
    if prior == "mean_image" and training_images is None:
        raise UserError(
            "--prior mean_image needs the mean of the training images; give --training-images, the images.safetensors "
            "that the model was trained on"
        )
    if prior != "mean_image" and training_images is not None:
        raise UserError(f"--prior {prior} needs no training images; leave out --training-images")


def _mean_of(training_images: Path, model: Path, found: ModelHeader) -> Tensor:
    """Return the mean of a model's training images [C, H, W] in [0, 1]."""
    store = ImageStore.open(training_images)
    if store.name != found.about.dataset:
        raise UserError(
            f"{model} was trained on dataset {found.about.dataset!r} but {training_images} holds {store.name!r}; "
            "give the images that it was trained on"
        )
    check_images(found.facts, store)
    return mean_image(store)


def _picture(
    method: ScoreMatching,
    images: Tensor,
    options: SampleOptions,
    placement: Placement,
    batch_size: int | None,
    mean: Tensor | None,
) -> Tensor:
    """Return uint8 [C, H, W] with a row for each image [N, C, H, W]: the image, then its samples."""
    with torch.inference_mode(), placement.autocast():
        t = torch.full((len(images),), options.t, device=placement.device)
        codes = method.encode(images.to(placement.device), t).float()
    # Seeds depend on an image's content, not its position, so that adding images changes no samples.
    names = [f"sample {hashlib.sha256(image.numpy().tobytes()).hexdigest()}" for image in images]
    wanted = [
        Wanted(image_seed(options.seed, name, k), row, options.t_init, options.prior)
        for row, name in enumerate(names)
        for k in range(options.columns)
    ]
    steps = sum(steps_by_batch(method, options.sampler, wanted, placement, batch_size))
    cost = Cost(f"{len(wanted):,} samples of {len(images):,} images", steps, options.most_minutes)
    with Reporter("samples", steps, unit="steps") as reporter:

        def advance() -> None:
            reporter.advance()
            cost.advance()

        samples = draw(
            method,
            options.sampler,
            wanted,
            placement,
            codes,
            advance=advance,
            batch_size=batch_size,
            mean_image=mean,
        )
    rows = samples.reshape(len(images), options.columns, *samples.shape[1:])
    return montage(torch.cat((images[:, None], rows), dim=1).flatten(0, 1), options.columns + 1)


def read_images(
    folder: Path, facts: ImageFacts, most_pixels: int = MOST_PIXELS, most_images: int | None = None
) -> tuple[list[Path], Tensor]:
    """Return the images of a folder, sorted by name and resized for the model: paths and uint8 [N, C, H, W].

    Raises:
        UserError: If it is not a folder, contains no files or too many, or one of them is no image, too large, or has
            a name that is not UTF-8.
    """
    paths = files_in(folder, most_pixels)
    if most_images is not None and len(paths) > most_images:
        raise UserError(
            f"{shown(folder)}: contains {len(paths):,} images, each a row of the picture, and --most-images is "
            f"{most_images}; give a smaller folder, or --most-images {len(paths)}"
        )
    return paths, as_batch([read_image(path, facts.image_size, facts.channels, most_pixels)[0] for path in paths])
