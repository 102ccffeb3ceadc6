"""The first page of the report of a study of one dataset, usually a folder of your own images."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from drl.config.schema import Config
from drl.markup import rst
from drl.pipeline.own_study import PARTS
from drl.pipeline.registry import STEPS
from drl.verdict.item_facts import table_of
from drl.verdict.opening import BACK, link, picture
from drl.verdict.report_parts import title

REMARKS = {
    "demo": "**Demo scale is a machinery check**: tiny networks and a few dozen steps, which prove nothing.",
    "lite": "Lite scale: small networks and a few thousand steps.",
    "paper": "Paper scale: the networks and the training of the paper.",
}


def study_page(config: Config, dataset: str, files: Collection[str] = ()) -> str:
    """Return the page in reStructuredText.

    Args:
        config: The configuration.
        dataset: Name of the dataset.
        files: The files in the report, as Snakemake calls them. Parts that are not among them are named without a link.
    """
    return "\n".join(_page(config, dataset, files)) + "\n"


def _page(config: Config, dataset: str, files: Collection[str]) -> Iterator[str]:
    shown = {part: path for part in PARTS if (path := _file(config, dataset, part)) in files}
    yield from title(f"Study of {rst(config.datasets[dataset].title)}", "=")
    recipes = ", ".join(f"``{recipe}``" for recipe in config.studies.study.recipes)
    yield "What codes of these images are worth, and at which time *t* they are best read. "
    yield from (f"Trained, {len(config.seeds)} times each: {recipes}. {REMARKS[config.scale]}", "")
    for part, about in PARTS.items():
        name = _name(part)
        yield f"- {link(name, shown[part]) if part in shown else name}: {about.shows}"
    yield ""
    if shown:
        yield f"Each link shows one part, with how it was made. {BACK}"
    yield from ("The methods are those of the paper *Diffusion Based Representation Learning* (ICML 2023).", "")
    for part, path in shown.items():
        inside = list(picture(path, f"{_name(part)}: {PARTS[part].shows}"))
        inside += table_of(Path(path).with_suffix(".md")) if PARTS[part].kind == "table" else []
        if inside:
            yield from (*title(_name(part), "-"), *inside)


def _name(part: str) -> str:
    return part.replace("_", " ").capitalize()


def _file(config: Config, dataset: str, part: str) -> str:
    return f"results/{config.scale}/{STEPS[f'study_{part}'].at(dataset=dataset).output}"
