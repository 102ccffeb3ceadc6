"""The parts of a study of one dataset, and what each is drawn from.

Pure Python, so that the Snakefile can import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from drl.errors import UserError
from drl.pipeline.items import Model

if TYPE_CHECKING:
    from drl.config.schema import Config


@dataclass(frozen=True)
class Part:
    """One figure or table of a study.

    Attributes:
        kind: Whether it is drawn or written.
        shows: What it shows, in a few words.
        measured_by: The measurements that it is drawn from, each of every model.
        drawn_by: Module of drl/reporting that draws it.
    """

    kind: Literal["figure", "table"]
    shows: str
    measured_by: tuple[str, ...]
    drawn_by: str

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of its files, the one that stands for it first."""
        return (".svg", ".png", ".csv") if self.kind == "figure" else (".csv", ".md", ".tex")


PARTS: Mapping[str, Part] = {
    "probe_curve": Part("figure", "accuracy of probes of the codes over t", ("probe",), "probe_curves"),
    "few_shot": Part("table", "accuracy with few labels", ("few_shot", "probe"), "study_few_shot"),
    "silhouettes": Part("figure", "how far classes part in the codes, over t", ("code_view",), "study_silhouettes"),
    "latent_scatter": Part("figure", "codes of the test images in two dimensions", ("code_view",), "study_scatter"),
}


def study_dataset(config: Config) -> str:
    """Return the dataset of `snakemake study`.

    Raises:
        UserError: If none is named.
    """
    if config.dataset is None:
        raise UserError(
            "study: of which images? Add --config dataset=path/to/folder, a folder of class folders, or the name of a "
            "configured dataset"
        )
    return config.dataset


def study_models(config: Config, dataset: str) -> tuple[Model, ...]:
    """Return the pretrainings of a study, in the order of recipes and seeds."""
    return tuple(Model(dataset, recipe, seed) for recipe in config.studies.study.recipes for seed in config.seeds)


def study_metrics(config: Config, dataset: str, part: str) -> tuple[str, ...]:
    """Return the CSV files below results/<scale>/ that a part of a study is drawn from."""
    return tuple(
        f"metrics/{study}/{model.folder}.csv"
        for study in PARTS[part].measured_by
        for model in study_models(config, dataset)
    )


def study_file(dataset: str, part: str) -> str:
    """Return the file below results/<scale>/ that stands for a part of a study."""
    return f"study/{dataset}/{part}{PARTS[part].suffixes[0]}"


def shown(name: str, most: int = 32) -> str:
    """Return a name that a user gave as figures show it: not too long, and `$` as itself and not as mathematics."""
    # What tells names apart is often at their end.
    end = most // 2
    short = name if len(name) <= most else f"{name[: most - end - 1].rstrip()}…{name[-end:].lstrip()}"
    return short.replace("$", r"\$")


def study_page(config: Config, dataset: str) -> str:
    """Return the page that the report of a study opens on, in reStructuredText."""
    title = f"Study of {config.datasets[dataset].title.replace('*', '').replace('`', '')}"
    recipes = ", ".join(f"``{recipe}``" for recipe in config.studies.study.recipes)
    parts = "\n".join(f"- {name.replace('_', ' ').capitalize()}: {part.shows}" for name, part in PARTS.items())
    remark = {
        "demo": "**Demo scale is a machinery check**: tiny networks and a few dozen steps, which prove nothing.",
        "lite": "Lite scale: small networks and a few thousand steps.",
        "paper": "Paper scale: the networks and the training of the paper.",
    }[config.scale]
    return f"""{title}
{"=" * len(title)}

What codes of these images are worth, and at which time *t* they are best read. Trained, {len(config.seeds)} times each:
{recipes}.

{parts}

{remark} Each part says below its picture how it was made. The methods are those of the paper *Diffusion Based
Representation Learning* (ICML 2023).
"""
