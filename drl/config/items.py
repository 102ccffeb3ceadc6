"""Settings of the items: the figures and tables, what they show, and for which models."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from drl.config.base import Distinct, Settings, Several, Title
from drl.config.fine_tuning import Beyond, Labels
from drl.config.studies import Budget, Seed
from drl.errors import nearest

ItemKind = Literal["figure", "table", "diagnostic"]


class TableSettings(Settings):
    """How a table of fine-tunings is laid out."""

    layout: Literal["settings_down", "arms_down"] = Field(description="What the rows are: settings or arms.")
    early: bool = Field(False, description="Read the runs at studies.fine_tune.early_epoch instead of at their end.")
    difference: bool = Field(False, description="Also print the difference to fine-tuning without pretraining.")


class ItemSettings(Settings):
    """A figure or table: what it shows, and its axes."""

    shows: Title = Field(description="What it shows, in a few words.")
    section: Title = Field(description="The section of the paper, or `beyond the paper`.")
    study: str = Field(description="The measurement that it is drawn from.")
    needs: Title = Field(description="The models and data that it needs at paper scale, in words.")
    drawn_by: str = Field(description="The module of drl/reporting that draws it.")
    datasets: Distinct[str] = Field(
        (), description="One panel or column group per dataset; only theory has none, because it makes its own data."
    )
    recipes: Distinct[str] = Field((), description="One line or row per recipe.")
    arms: Distinct[str] = Field(
        (), description="Ways to fine-tune, one column or row each; Tables 1 to 5 have them in place of recipes."
    )
    labels: dict[str, Labels] | None = Field(
        None, description="Numbers of labels by dataset, if they are not those of studies.fine_tune.labels."
    )
    beyond: tuple[Beyond, ...] = Field((), description="Rows that the paper's table does not have.")
    seeds: Several[Seed] | None = Field(
        None, description="Seeds of each recipe's pretrainings, if they are not the configuration's `seeds`."
    )
    budget: Budget | None = Field(
        None, description="For probes: the number of labels to show, one of studies.probe.label_budgets."
    )
    trajectory: bool = Field(
        False, description="Also show probes of all t together, and of the t chosen on validation images."
    )
    table: TableSettings | None = Field(None, description="For Tables 1 to 5: their layout.")


def item_kind(name: str) -> ItemKind:
    """Return an item's kind: figure_N and table_N are the paper's, and all others are diagnostics beyond it."""
    match = re.fullmatch(r"(figure|table)_\d+", name)
    return "diagnostic" if match is None else "figure" if match[1] == "figure" else "table"


def item_number(name: str) -> int:
    """Return the number of a figure or table of the paper."""
    return int(name.rpartition("_")[2])


def known_items(items: Any) -> Any:
    """Refuse an item that has only axes, as in a user's file: no item has its name."""
    if not isinstance(items, dict):
        return items
    facts = [name for name, field in ItemSettings.model_fields.items() if field.is_required()]
    whole = [name for name, item in items.items() if not isinstance(item, dict) or any(key in item for key in facts)]
    for name in items:
        if name not in whole:
            said = {"name": name, "hint": nearest(str(name), whole), "facts": ", ".join(facts)}
            raise PydanticCustomError("item", "unknown item '{name}'; {hint}; a new one needs {facts}", said)
    return items
