"""A study of one dataset, usually a folder of your own images: its parts, and the jobs that they are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from drl.config.schema import Config
from drl.errors import UserError
from drl.markup import figure
from drl.pipeline.step import Axes, Inputs
from drl.pipeline.studies.codes import CODE_VIEW, FEW_SHOT, PROBE
from drl.pipeline.study import Study


@dataclass(frozen=True)
class StudyPart:
    """One figure or table.

    Attributes:
        kind: Whether it is a figure or a table.
        shows: What it shows, in a few words.
        measured_by: The studies that it is drawn from, one job per model each; the first one gives its settings.
        drawn_by: Module of drl/reporting that draws it.
        pictures: Whether it also shows the files beside the first study's numbers.
    """

    kind: Literal["figure", "table"]
    shows: str
    measured_by: tuple[Study, ...]
    drawn_by: str
    pictures: bool = False

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes of its files; the first is that of its main file."""
        return (".svg", ".png", ".csv") if self.kind == "figure" else (".csv", ".md", ".tex")


PARTS: Mapping[str, StudyPart] = {
    "probe_curve": StudyPart("figure", "accuracy of probes of the codes over t", (PROBE,), "probe_curves"),
    "few_shot": StudyPart("table", "accuracy with few labels", (FEW_SHOT, PROBE), "study_few_shot"),
    "silhouettes": StudyPart("figure", "how far classes part in the codes, over t", (CODE_VIEW,), "study_silhouettes"),
    "latent_scatter": StudyPart(
        "figure", "codes of the test images in two dimensions", (CODE_VIEW,), "study_scatter", pictures=True
    ),
}


def study_dataset(config: Config) -> str:
    """Return the dataset of `snakemake study`.

    Raises:
        UserError: If no dataset is named.
    """
    if config.dataset is None:
        raise UserError(
            "study: of which images? Add --config dataset=path/to/folder, a folder of class folders, or the name of a "
            "configured dataset"
        )
    return config.dataset


def part_files(part: str, config: Config, axes: Axes) -> Inputs:
    """Return the files that a part is drawn from: metrics, and pictures if it shows some."""
    models: list[dict[str, str | int]] = [
        {"dataset": axes["dataset"], "recipe": recipe, "seed": seed}
        for recipe in config.studies.study.recipes
        for seed in config.seeds
    ]
    first = PARTS[part].measured_by[0]
    pictures = first.pictures if PARTS[part].pictures else ()
    return {
        "metrics": [study.at(**model).file() for study in PARTS[part].measured_by for model in models],
        "pictures": [first.at(**model).file(name) for name in pictures for model in models],
    }


def shown(name: str, most: int = 32) -> str:
    """Return a user's name for figures: shortened, and escaped so that nothing in it starts mathematics."""
    # Names often differ only at their ends, so keep the end.
    end = most // 2
    short = name if len(name) <= most else f"{name[: most - end - 1].rstrip()}…{name[-end:].lstrip()}"
    return figure(short)
