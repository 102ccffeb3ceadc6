"""A folder of your own as a dataset, for `--config dataset=path/to/folder` and `--dataset path/to/folder`."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import os
import re
import sys
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from drl.config.datasets import DatasetSettings
from drl.config.schema import Config
from drl.data.regular import of_system, shown
from drl.errors import UserError, is_line, nearest
from drl.files import fingerprint
from drl.jobs.job import Job
from drl.out_places import home_path
from drl.records.card import read_card

TEST_SHARE = 5  # every fifth image, if a folder is not split
VALIDATION_SHARE = 10  # every tenth training image
# The fewest images of a class: two that are not validation images, and two that are or may be.
FEWEST_TRAIN = 4
FEWEST_UNSPLIT = 5
MOST_LISTED = 10_000  # names in a folder that are compared with a mistyped one


def is_folder(name: str, known: Collection[str]) -> bool:
    """Whether a dataset is given as a folder: it is not a dataset's name, and is a path or an existing folder.

    Args:
        name: The given name or path.
        known: Names of datasets.
    """
    # Path.is_dir raises OSError for a name that is too long, and Path.expanduser RuntimeError for an unknown ~user.
    exists = os.path.isdir(os.path.expanduser(name))
    return bool(name) and name not in known and ("/" in name or os.sep in name or exists)


def note_shadowed(name: str, known: Collection[str]) -> None:
    """Say in one line that a given name is taken for a dataset, although a folder here has it too."""
    if name in known and os.path.isdir(name):
        print(
            f"drl: {name} is the dataset of this name in the configuration; for the folder {name} here, write ./{name}",
            file=sys.stderr,
        )


def unknown(name: str, known: Collection[str]) -> str:
    """Return the line about a name that is no dataset's: the nearest dataset, and the nearest folder here.

    Args:
        name: The given name, which is no folder.
        known: Names of datasets.
    """
    said, dataset, folder = f"unknown dataset {name!r}", nearest(name, known), _nearest_folder(Path(name))
    similar = dataset.startswith("did you mean")
    if folder is not None:
        # A folder of a dataset's name needs its ./, so it is always shown.
        place = f"the folder ./{folder.as_posix()}"
        return f"{said}; {dataset.removesuffix('?')}, or {place}?" if similar else f"{said}; did you mean {place}?"
    return f"{said}; {dataset}" if similar else f"{said}; {dataset}, or a folder of your own, such as ./photos"


def _nearest_folder(path: Path) -> Path | None:
    """Return the folder beside a path that does not exist whose name is most like its own; None if none is."""
    try:
        with os.scandir(path.parent) as entries:
            some = itertools.islice(entries, MOST_LISTED)
            names = [entry.name for entry in some if not entry.name.startswith(".") and entry.is_dir()]
    except (OSError, ValueError):  # no such folder, or no name that a file can have
        return None
    close = difflib.get_close_matches(path.name, [name for name in names if is_line(name)], n=1)
    return path.with_name(close[0]) if close else None


def dataset_name(folder: str | Path) -> str:
    """Return the name of a folder's dataset, of lower case letters, digits and _: the folder's name and six digits.

    The digits depend on the folder's path, so that folders with the same name differ. For folders below the working
    directory the path is relative to it, so that a project can be moved with its images.
    """
    path = home_path(folder)
    plain = unicodedata.normalize("NFKD", Path(os.path.abspath(path)).name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:40].strip("_") or "images"
    return f"{slug}_{fingerprint(_place(path))[:6]}"


def with_folder(config: Config, folder: str) -> tuple[Config, str]:
    """Return the configuration with a folder of class folders added to its datasets, and the dataset's name.

    Channels: grey if all files are stored as grey images, else colour. Size: `studies.study.image_size`. If the folder
    has no train/ and test/, a seeded fifth of each class is for testing. A tenth of the training images, equally many
    of each class, is marked as validation.

    Args:
        config: The configuration.
        folder: The folder.

    Raises:
        UserError: One line that names the folder or file and the remedy.
    """
    # Pillow is imported only for folders.
    from drl.pipeline.folder_facts import read_folder

    path = home_path(folder)
    if not os.path.isdir(path) and (near := _nearest_folder(path)) is not None:
        raise UserError(f"image folder {shown(path)} does not exist or is not a folder: did you mean {shown(near)}?")
    facts = read_folder(path, _cache(), config.run.image_pixels)
    train, test, smallest = _sizes(path, facts.classes, facts.train, facts.test)
    name = dataset_name(folder)
    settings = DatasetSettings(
        title=" ".join(Path(os.path.abspath(path)).name.split()) or "images",
        source="image_folder",
        folder=_place(path),
        classes=len(facts.classes),
        channels=1 if facts.grey else 3,
        image_size=config.studies.study.image_size,
        train=train,
        test=test,
        validation=_validation(train, len(facts.classes), smallest),
        smallest_class=smallest,
        contents=facts.contents,
    )
    return config.model_copy(update={"datasets": {**config.datasets, name: settings}}), name


@contextlib.contextmanager
def same_images(job: Job[Any], files: Iterable[Path]) -> Iterator[None]:
    """Make sure that the block reads the images that a job was planned with.

    Args:
        job: A job of `drl prepare`.
        files: All files that it writes.

    Raises:
        UserError: If the folder holds others, before or after the block. What the block wrote is removed then.
    """
    planned, folder = job.settings.dataset, job.resources.origin.folder or job.settings.dataset.folder
    if planned.contents is None or folder is None:
        yield
        return
    from drl.pipeline.folder_facts import read_folder

    root, most_pixels = home_path(folder), job.resources.image_pixels
    before = read_folder(root, _cache(), most_pixels)
    if before.contents != planned.contents:
        raise UserError(f"{shown(root)}: its images are not those that this job was planned with; start again")
    yield
    if read_folder(root, _cache(), most_pixels).listing != before.listing:
        for file in files:
            file.unlink(missing_ok=True)
        raise UserError(f"{shown(root)}: its images changed while they were read; start again")


def _cache() -> Path | None:
    """Return the folder of notes, beside the downloads of sources (drl.data.sources.download); None: nowhere."""
    cache = os.path.expanduser(os.environ.get("DRL_DATA") or "~/.cache/drl")
    return None if cache.startswith("~") or of_system(Path(cache)) else Path(cache)


def with_folders_of_results(config: Config, results: Path) -> Config:
    """Return the configuration with the folders that its results were made from added to its datasets.

    Folders that no longer exist, or whose images can no longer be used, are left out.

    Args:
        config: The configuration.
        results: results/<scale>; the run cards of its prepared images name the folders.
    """
    for card in sorted(results.glob("data/*/images.safetensors.json")):
        with contextlib.suppress(OSError, ValueError, AttributeError, KeyError, TypeError, UserError):
            settings = read_card(card).settings["dataset"]
            if settings["contents"] is not None and dataset_name(settings["folder"]) == card.parent.name:
                config, _ = with_folder(config, settings["folder"])
    return config


def _place(path: Path) -> str:
    """Return a folder's path, relative to the working directory if it is below it."""
    # What .. means behind a link, only the file system knows.
    place, here = Path(os.path.realpath(path) if ".." in path.parts else os.path.abspath(path)), Path.cwd()
    below = place.relative_to(here).as_posix() if place.is_relative_to(here) else place.as_posix()
    return f"./{below}" if below.startswith("~") else below


def _sizes(
    path: Path, classes: tuple[str, ...], train: tuple[int, ...], test: tuple[int, ...] | None
) -> tuple[int, int, int]:
    """Return the numbers of training and test images, and of the training images of the smallest class."""
    needed, where = (FEWEST_UNSPLIT, path) if test is None else (FEWEST_TRAIN, path / "train")
    fewest = min(range(len(classes)), key=lambda k: train[k])
    if train[fewest] < needed:
        raise UserError(
            f"{where / classes[fewest]} holds {train[fewest]} images, and a class needs {needed} at least; "
            "add images, or remove the folder"
        )
    if test is not None:
        if sum(test) <= len(classes):
            raise UserError(
                f"{path / 'test'} holds {sum(test)} images, and {len(classes)} classes need {len(classes) + 1} at "
                "least; add images"
            )
        return sum(train), sum(test), train[fewest]
    whole = sum(train)
    for_test = max(round(whole / TEST_SHARE), len(classes) + 1)
    # Classes get proportional shares, by largest remainder: none gets fewer than the integer part of its share.
    return whole - for_test, for_test, train[fewest] * (whole - for_test) // whole


def _validation(train: int, classes: int, smallest: int) -> int:
    return classes * max(1, min(train // (VALIDATION_SHARE * classes), smallest // 2))
