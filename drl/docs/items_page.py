"""The page on how each item is made at scale paper, from the registry, the configuration and the deviations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import yaml

from drl.config.items import ItemSettings
from drl.config.recipes import is_file
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.docs.deviations import Deviation, line, of_item
from drl.docs.markdown import anchor, code, title
from drl.docs.paper import ITEMS
from drl.docs.recipes_table import recipes_table
from drl.pipeline.drawing import item_step
from drl.pipeline.items import models, with_all_before
from drl.pipeline.studies import STUDIES
from drl.reporting.markdown import markdown_table

HEAD = """\
# How each item is made

One section for each figure and table: its command, what it needs at scale `paper`, and where it differs from the
paper. Items share jobs where possible, and existing results are not made again. `drl plan ITEM --config scale=paper`
prints the cost of a run on a device. None of this has been run at scale `paper` here; see the [results at lite
scale](results/lite/README.md). The [recipes](#recipes) and [arms](#arms) are at the end; all decisions with their
reasons are on [a separate page](deviations.md).

Without Snakemake, an item is made by the `drl` commands that `snakemake ITEM -np` prints.
"""
BEYOND = "beyond the paper"


def page(config: Config, known: Mapping[str, Deviation]) -> str:
    """Return the page as Markdown.

    Args:
        config: The configuration at scale paper.
        known: All deviations.
    """
    lines = [HEAD, "Decisions about all items:", "", *(line(one) for one in known.values() if one.general), ""]
    for name, item in ITEMS.items():
        lines += [*_section(config, name, item, known), ""]
    lines += ["## Recipes", "", *recipes_table(config, _used(config)), "", "## Arms", "", *_arms(config)]
    return "\n".join(lines) + "\n"


def _section(config: Config, name: str, item: ItemSettings, known: Mapping[str, Deviation]) -> list[str]:
    where = item.section if item.section == BEYOND else f"Paper {_section_name(item.section)}"
    lines = [
        f"## {title(name)}",
        "",
        f"{where[0].upper()}{where[1:]}: {item.shows}.",
        "",
        "```sh",
        f"snakemake {name} --config scale=paper",
        "```",
        "",
        *(f"- *{about}*: {fact}" for about, fact in _facts(config, name, item)),
    ]
    return lines + _settings(config, item) + of_item(known, name)


def _section_name(section: str) -> str:
    return section if section.startswith("App.") else f"section {section}"


def _facts(config: Config, item_name: str, item: ItemSettings) -> list[tuple[str, str]]:
    axes = item
    datasets = ", ".join(config.datasets[name].title for name in config.item_datasets(item_name))
    facts = [("Datasets", datasets or "its own")]
    if axes.recipes:
        facts.append(("Recipes", ", ".join(f"[{name}](#recipes)" for name in axes.recipes)))
    if axes.arms:
        facts.append(("Arms", ", ".join(f"[{name}](#arms)" for name in axes.arms)))
        labels = [(name, config.item_labels(item_name, name)) for name in config.item_datasets(item_name)]
        facts.append(
            ("Labels", "; ".join(f"{config.datasets[name].title} {', '.join(map(str, n))}" for name, n in labels))
        )
    facts.append(("Seeds", ", ".join(map(str, config.item_seeds(item_name)))))
    jobs = Counter(
        "draw" if job.step.minutes == "draw" else job.step.name
        for job in with_all_before(config, [item_step(config, item_name).at(item=item_name)])
    )
    facts.append(("Jobs", ", ".join(f"{count:,} {code(kind)}" for kind, count in jobs.items())))
    sharing = _shares_with(config, item_name)
    if sharing:
        links = ", ".join(f"[{title(name)}](#{anchor(title(name))})" for name in sharing)
        facts.append(("Shares models with", links))
    facts.append(("Drawn by", code(f"drl/reporting/{item.drawn_by}.py")))
    return facts


def _shares_with(config: Config, item: str) -> list[str]:
    own = set(models(config, item))
    return [name for name in ITEMS if name != item and not own.isdisjoint(models(config, name))]


def _settings(config: Config, item: ItemSettings) -> list[str]:
    """Return the settings of an item's studies, folded because they are long."""
    sections = STUDIES[item.study].sections
    studies: dict[str, Any] = {name: getattr(config.studies, name).slice() for name in sections}
    if not studies:
        return []
    text = yaml.safe_dump({"studies": studies}, sort_keys=False, default_flow_style=None, width=100)
    links = ", ".join(f"[studies.{name}](configuration.md#{anchor(f'studies.{name}')})" for name in sections)
    return [
        "",
        "<details><summary>Settings of its study</summary>",
        "",
        f"What they mean: {links}.",
        "",
        "```yaml",
        *text.rstrip().splitlines(),
        "```",
        "",
        "</details>",
    ]


def _used(config: Config) -> dict[str, dict[str, str]]:
    """Return the datasets of each recipe, with the first member of a sweep, in the configuration's order."""
    found: dict[str, dict[str, str]] = {name: {} for name in config.recipes}
    jobs = [job.about for item in ITEMS for job in models(config, item)]
    trained = dict.fromkeys((str(job["recipe"]), str(job["dataset"])) for job in jobs)
    for recipe, dataset in trained:
        known: str | None = recipe
        while known is not None and not is_file(known):
            found[known.partition("-")[0]].setdefault(dataset, known)
            known = resolve_recipe(config, known, dataset).start_from
    return {name: used for name, used in found.items() if used}


def _arms(config: Config) -> list[str]:
    rows = []
    for name, arm in config.arms.items():
        items = [item for item in ITEMS if name in config.items[item].arms]
        items += [item for item in ITEMS if name in {row.arm for row in config.items[item].beyond}]
        rows.append(
            (
                code(name),
                arm.label,
                "fresh weights" if arm.model is None else f"[{arm.model}](#recipes)",
                "yes" if arm.mixup else "no",
                str(arm.t_init),
                "yes" if arm.weight_decay_on_t else "no",
                ", ".join(f"[{title(item)}](#{anchor(title(item))})" for item in dict.fromkeys(items)),
            )
        )
    head = ("Arm", "In tables", "Encoder of", "Mixup", "t starts at", "Weight decay on t", "Items")
    return [
        "An arm is one way to fine-tune. *Mixup* concerns the supervised epochs; in the others images always mix.",
        "",
        *markdown_table(head, rows),
    ]
