"""Figure 8: accuracy over t of a support vector machine fitted to the codes of a few labelled images."""

from __future__ import annotations

import string
from collections.abc import Sequence
from itertools import product

import pandas as pd
from matplotlib.figure import Figure

from drl.config.drawings import FewShotItem
from drl.errors import UserError
from drl.reporting import style
from drl.reporting.aggregate import over_seeds

AXES = ["scale", "study", "dataset", "recipe", "chosen_recipe", "labels", "t", "metric"]
CAPTION = """
Test accuracy of support vector machines (scikit-learn's SVC with its defaults) that are fitted to the codes of a few
labelled images (split {{ studies.few_shot.split }}), read at each time *t*. Lines are means, bands one standard
deviation over pretraining seeds.

AE and VAE are convolution nets that are not told *t*: their code does not depend on *t*, so their line is level.
{% if scale == "paper" %}
As in the authors' code they see another number of images than DRL and VDRL (5.1 million): AE 2.0, VAE 39.9 million.
{% endif %}
{% if swept %}
The weight of the code's L1 norm of {{ swept }} is the one in its sweep with the best mean accuracy on validation
images, which keep no labels for the fit; the CSV names it.
{% endif %}
"""


def table(frame: pd.DataFrame, settings: FewShotItem) -> pd.DataFrame:
    """Return mean and deviation of the test accuracy for each dataset, recipe, number of labels and t.

    For a recipe with a sweep, the member with the highest validation accuracy (mean over t and seeds, the first if
    several are equal) is shown for each dataset and number of labels; `chosen_recipe` names it.

    Raises:
        UserError: If a recipe or member lacks rows for a number of labels, or the validation accuracy to choose by.
    """
    parts = []
    for dataset, recipe, labels in product(settings.dataset_names(), settings.recipe_names(), settings.labels):
        rows = frame[(frame["dataset"] == dataset) & (frame["labels"] == labels)]
        member = _chosen(rows, settings.choices.get(recipe, (recipe,)), f"{dataset}, {labels} labels")
        parts.append(rows[rows["recipe"] == member].assign(recipe=recipe, chosen_recipe=member))
    rows = pd.concat(parts)
    return over_seeds(rows[rows["metric"] == "test_accuracy"], AXES)


def _chosen(rows: pd.DataFrame, members: Sequence[str], where: str) -> str:
    """Return the member that is best on validation images; test accuracy is not used."""
    validation = rows[rows["metric"] == "val_accuracy"].groupby("recipe")["value"].mean()
    for member in members:
        if member not in set(rows["recipe"]):
            raise UserError(
                f"few-shot, {where}: the metrics files have no rows of recipe {member!r}; "
                "give all files of this item, made with the current settings"
            )
        if len(members) > 1 and member not in validation:
            raise UserError(
                f"few-shot, {where}: recipe {member!r} belongs to a sweep but has no val_accuracy to choose by; "
                "measure it again with the current settings"
            )
    return members[0] if len(members) == 1 else max(members, key=lambda name: float(validation[name]))


def draw(numbers: pd.DataFrame, settings: FewShotItem) -> Figure:
    """Draw one row of panels per dataset, one column per number of labels, and one line per recipe.

    Models whose code does not depend on t give horizontal lines. Bands are one deviation over pretraining seeds.
    """
    datasets, counts = settings.datasets, settings.labels
    size = (style.PANEL_WIDTH * len(counts) + 0.4, style.PANEL_HEIGHT * len(datasets) + 0.4)
    figure, axes = style.panels(len(datasets), len(counts), size, sharex=True)
    places = product(settings.dataset_names(), counts)
    for k, (panel, (dataset, labels)) in enumerate(zip(axes.flat, places, strict=True)):
        rows = numbers[(numbers["dataset"] == dataset) & (numbers["labels"] == labels)]
        style.curves(panel, rows, "t", settings.recipes)
        panel.set_title(f"({string.ascii_lowercase[k % 26]}) {labels:,} labels")
        panel.set_xlim(-0.03, 1.03)
    for panel in axes[-1]:
        panel.set_xlabel("Time $t$")
    for panel, (_, title) in zip(axes[:, 0], datasets, strict=True):
        panel.set_ylabel(f"{title}\ntest accuracy (%)")
    style.legend_below(figure, axes[0, 0], [style.spread(numbers)], of_paper=True, changed=settings.changed)
    return figure
