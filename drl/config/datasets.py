"""Settings of a dataset: where its images come from, and facts about them that are known before they are read."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drl.config.base import Count, Settings, Side, Title

PACKAGED = ("mnist5k", "mnistm5k", "digits")  # sources that a Python package brings along
Source = Literal["mnist5k", "mnistm5k", "digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "image_folder"]
# The module of drl/data/sources that reads each source.
READERS: dict[str, str] = {
    "mnist5k": "mnist5k",
    "mnistm5k": "mnistm5k",
    "digits": "digits",
    "mnist": "mnist",
    "fashion_mnist": "fashion_mnist",
    "cifar10": "cifar",
    "cifar100": "cifar",
    "image_folder": "image_folder",
}
MOST_MEMORY = 2**37  # bytes of a dataset's images, which are in memory together
MOST_PIXELS = 100_000_000
"""The most pixels of an image in a folder, unless `run.image_pixels` is set."""


class ImageSettings(Settings):
    """The settings that decide a dataset's prepared images: the source, sizes, the split, and how pixels are scaled."""

    source: Source = Field(description="The reader in drl/data/sources that loads the images.")
    folder: str | None = Field(
        None,
        description="Folder of the original files. Unset: the files that the source ships or downloads. "
        "Required for image_folder.",
    )
    classes: int = Field(ge=2, description="Number of classes.")
    channels: Literal[1, 3] = Field(description="1 grey, 3 colour.")
    image_size: Side = Field(description="Height and width in pixels; images of other sizes are resized (antialiased).")
    train: int = Field(ge=2, le=10**9, description="Training images.")
    test: Count = Field(le=10**9, description="Test images.")
    validation: int = Field(
        ge=0,
        description="How many training images are marked as validation; only options that select something use them.",
    )
    seed: int = Field(0, ge=0, description="Seed of the split, and of the blending in mnistm5k.")
    subset: bool = Field(
        False,
        description="Take only `train` and `test` of the source's images, chosen with the seed and with equal numbers "
        "of each class. Unset: the source must have just as many.",
    )
    mean: tuple[Annotated[float, Field(gt=0, le=1e6)], ...] | None = Field(
        None, description="Mean per channel, for pixels in [0, 1]. Unset: measured on the training images."
    )
    std: tuple[Annotated[float, Field(ge=1e-9, le=1e6)], ...] | None = Field(None, description="As mean.")
    contents: str | None = Field(
        None,
        description="Digest of a folder's files and their names, so that changed files are read again. Found by drl "
        "where a folder is given as `dataset`.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.validation >= self.train:
            raise ValueError(f"validation ({self.validation}) must be smaller than train ({self.train})")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != self.channels:
                raise ValueError(f"{name} has {len(values)} values but the dataset has {self.channels} channels")
        if (self.mean is None) != (self.std is None):
            raise ValueError("give both mean and std, or neither")
        needed = (self.train + self.test) * self.channels * self.image_size**2
        if needed > MOST_MEMORY:
            raise ValueError(
                f"{self.train + self.test:,} images of {self.image_size} pixels need {needed / 1e9:,.0f} GB of memory, "
                f"more than {MOST_MEMORY / 1e9:.0f}; lower image_size"
            )
        return self


class DatasetSettings(ImageSettings):
    """One dataset. Class count and sizes are declared, so that label budgets are checked before any job starts."""

    title: Title = Field(description="Name in figures and tables.")
    download: bool = Field(True, description="Whether the source may use the network.")
    label_list: str | None = Field(
        None,
        description="Folder of label lists in LaplaceNet's format, <n>_balanced_labels/<split>.txt, one 'file class' "
        "per line. Unset: seeded class-balanced subsets.",
    )
    smallest_class: int | None = Field(
        None,
        ge=1,
        description="Training images of the smallest class, which limits label budgets. Unset: classes are assumed to "
        "be equal. Found by drl if a folder is given as `dataset`.",
    )

    @model_validator(mode="after")
    def _has_a_folder(self) -> Self:
        if self.source == "image_folder" and self.folder is None:
            raise ValueError("source image_folder needs a folder")
        if self.source in PACKAGED and self.folder is not None:
            raise ValueError(f"source {self.source} comes with a package and reads no folder; leave folder out")
        return self

    def labelled_at_most(self, validation_left_out: bool) -> int:
        """Return how many training images a class-balanced choice of labels can take.

        Args:
            validation_left_out: Whether validation images lose their labels.
        """
        available = self.train - (self.validation if validation_left_out else 0)
        if self.smallest_class is None:
            return available
        left_out = -(-self.validation // self.classes) if validation_left_out else 0
        return min(available, self.classes * max(0, self.smallest_class - left_out))
