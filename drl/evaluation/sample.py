"""`drl sample`: samples from the codes of given images, as one picture."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from drl.config.sampling import SamplerSettings
from drl.data.sources.image_folder import load_image
from drl.diffusion.samplers.prior import Prior
from drl.errors import UserError
from drl.evaluation.montage import montage, save_png
from drl.evaluation.sampling import Wanted, check_start, draw, image_seed, sampler_of, steps_by_batch
from drl.evaluation.where import Where
from drl.files import sha256
from drl.jobs.device import network_channels, place
from drl.jobs.progress import Reporter
from drl.methods.base import ImageFacts
from drl.models.model_file import header, load_model
from drl.records.inputs import check_inputs
from drl.records.run_card import write_card


def sample(
    model: Path,
    folder: Path,
    out: Path,
    t: float,
    t_init: float,
    prior: Prior,
    columns: int,
    seed: int,
    sampler: dict[str, object],
    where: Where,
) -> None:
    """Write `out` (a PNG with one row per image: the original, then its samples) and the run card.

    Args:
        model: Model file with an encoder and a score network.
        folder: Images in any format that Pillow reads, of any size; they are resized and cropped as a dataset's are.
        out: The PNG.
        t: Where codes are read, in [0, 1].
        t_init: Where chains begin, in (0, 1].
        prior: From what.
        columns: Samples an image.
        seed: Of the samples' noise.
        sampler: Changes of drl.config.sampling.SamplerSettings.
        where: Device and threads.

    Raises:
        UserError: If the model was changed after it was made, has no encoder or no score network, the folder no images,
            or t_init is outside (0, 1].
    """
    started = time.monotonic()
    check_start(t_init)
    if out.suffix.lower() != ".png":
        raise UserError(f"{out}: the picture is a PNG; give a name that ends in .png")
    inputs = check_inputs([model])
    found = header(model)
    facts = ImageFacts(**found["facts"])
    placement = place(where.device, where.precision, where.compile, where.threads, network_channels(found["recipe"]))
    method = sampler_of(load_model(model, placement.device))
    if method.encoder is None:
        raise UserError(f"{model}: is unconditional, so images have no codes; give a drl or vdrl model")
    settings = SamplerSettings.model_validate(sampler).slice()
    paths, images = read_images(folder, facts)
    with torch.inference_mode(), placement.autocast():
        codes = method.encode(images.to(placement.device), torch.full((len(images),), t, device=placement.device))
    # Seeds depend on an image's content, not on its place, so other images in the folder do not change its samples.
    names = [f"sample {hashlib.sha256(image.numpy().tobytes()).hexdigest()}" for image in images]
    wanted = [
        Wanted(image_seed(seed, name, k), row, t_init, prior) for row, name in enumerate(names) for k in range(columns)
    ]
    steps = sum(steps_by_batch(method, settings, wanted, placement, where.batch))
    with Reporter("samples", steps, unit="steps") as reporter:
        samples = draw(
            method, settings, wanted, placement, codes.float(), advance=reporter.advance, batch_size=where.batch
        )
    rows = samples.reshape(len(images), columns, *samples.shape[1:])
    picture = torch.cat((images[:, None], rows), dim=1).flatten(0, 1)
    save_png(out, montage(picture, columns + 1))
    write_card(
        "sample",
        [out],
        {"t": t, "t_init": t_init, "prior": prior, "columns": columns, "seed": seed, "sampler": settings},
        "",
        inputs=inputs | {path: sha256(path) for path in paths},
        **placement.describe(),
        seconds=round(time.monotonic() - started, 2),
    )


def read_images(folder: Path, facts: ImageFacts) -> tuple[list[Path], Tensor]:
    """Return the images of a folder, sorted by name and resized for the model: paths and uint8 [N, C, H, W].

    Raises:
        UserError: If it is not a folder, contains no files, or one of them is not an image.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: is not a folder; give one with images")
    paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not paths:
        raise UserError(f"{folder}: contains no images; add some")
    images = [load_image(path.read_bytes(), path, facts.image_size, facts.channels) for path in paths]
    return paths, torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
