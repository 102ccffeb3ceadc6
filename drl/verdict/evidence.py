"""The measurements that claims are decided on: one number per replicate for each item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import pandas as pd

from drl.config.drawings import ItemJob
from drl.verdict.estimates import ALONE, Sample

# Columns that tell the numbers of an item apart. `arm` is also a prior (Table 6) or a use of the trajectory (Figure 4).
AXES = ["dataset", "recipe", "arm", "labels", "t", "metric"]
COLUMNS = [*AXES, "replicate", "value", "sd", "n", "right"]
S = TypeVar("S", bound=ItemJob)


class Evidence:
    """The numbers of all items that were measured.

    Attributes:
        scale: Their scale.
        settings: What chooses the numbers of each item, measured or not.
    """

    def __init__(self, scale: str, settings: Mapping[str, ItemJob], cells: Mapping[str, pd.DataFrame]) -> None:
        """Keep what drl.verdict.reading has read.

        Args:
            scale: demo, lite or paper.
            settings: Settings of each item.
            cells: A frame with columns COLUMNS for each measured item. A replicate's row has sd 0 and n 1. If only the
                item's own file was read, each cell has one row with replicate ALONE, mean, deviation and count. `right`
                is a drl.verdict.images.Right where it is known which images were classified rightly, else None.
        """
        self.scale, self.settings, self._cells = scale, settings, cells

    def has(self, item: str) -> bool:
        """Return whether anything was measured for an item."""
        return item in self._cells

    def datasets(self, item: str) -> list[str]:
        """Return an item's datasets in its order; none of an item that is not in the configuration."""
        return list(self.settings[item].dataset_names()) if item in self.settings else []

    def settings_of(self, item: str, kind: type[S]) -> S:
        """Return an item's settings, which are of the given class.

        Raises:
            TypeError: If they are of another one.
        """
        settings = self.settings[item]
        if not isinstance(settings, kind):
            raise TypeError(f"{item}: its settings are {type(settings).__name__}, not {kind.__name__}")
        return settings

    def label(self, item: str, recipe: str) -> str:
        """Return a recipe's name in the item's legend."""
        return dict(self.settings[item].recipes).get(recipe, recipe)

    def values(self, item: str, axis: str, **where: Any) -> list[Any]:
        """Return the sorted values of an axis among the cells that `where` selects."""
        rows = self._rows(item, where)
        return sorted(rows[axis].dropna().unique()) if len(rows) else []

    def sample(self, item: str, **where: Any) -> Sample | None:
        """Return the replicates of one cell; None if it was not measured.

        Args:
            item: Name of the item.
            where: A value for each axis on which the item has more than one value.

        Raises:
            ValueError: If `where` selects more than one cell.
        """
        rows = self._rows(item, where)
        return _sample(rows, f"{item}: {where}") if len(rows) else None

    def curve(self, item: str, **where: Any) -> dict[float, Sample]:
        """Return the sample at each t, in rising order, among the cells that `where` chooses."""
        by_t = self._rows(item, where).groupby("t")
        return {float(rows["t"].iloc[0]): _sample(rows, f"{item}: {where}") for _, rows in by_t}

    def _rows(self, item: str, where: Mapping[str, Any]) -> pd.DataFrame:
        if item not in self._cells:
            return pd.DataFrame(columns=COLUMNS)
        rows = self._cells[item]
        for axis, value in where.items():
            rows = rows[rows[axis] == value]
        return rows


def _sample(rows: pd.DataFrame, where: str) -> Sample:
    """Return the replicates of the one cell that rows, of which there is one at least, belong to."""
    replicates, values = rows["replicate"].tolist(), rows["value"].tolist()
    if len(set(replicates)) < len(replicates):
        raise ValueError(f"{where} selects more than one cell")
    if replicates[0] == ALONE:
        return Sample(float(values[0]), float(rows["sd"].iloc[0]), int(rows["n"].iloc[0]))
    right = {key: value for key, value in zip(replicates, rows["right"], strict=True) if value is not None}
    return Sample.of(dict(zip(replicates, map(float, values), strict=True)), right)
