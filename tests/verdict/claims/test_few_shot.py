"""Claims of Figure 8, on made-up accuracies."""

import pytest

from drl.config.drawings import FewShotItem, ItemJob
from tests.verdict.measured import estimates, evidence

FEW_SHOT = FewShotItem(
    study="few_shot",
    datasets=[["mnist", "MNIST"]],
    recipes=[["drl_8d", "DRL"], ["vdrl_8d", "VDRL"], ["ae_8d", "AE"], ["vae_8d", "VAE"]],
    labels=[100],
)
SILHOUETTES = ItemJob(study="silhouettes", datasets=[["mnist", "MNIST"]])


def few_shot(recipe, *by_time):
    axes = {"dataset": "mnist", "recipe": recipe, "labels": 100}
    return [
        (axes | {"t": t, "metric": f"{part}_accuracy"}, values)
        for t, values in zip((0.1, 0.4, 0.7, 1.0), by_time, strict=True)
        for part in ("test", "val")
    ]


def silhouettes(*values):
    times = zip((0.1, 0.4, 0.7, 1.0), values, strict=True)
    axes = {"dataset": "mnist", "recipe": "drl_2d_single", "metric": "silhouette"}
    return [(axes | {"t": t}, [value]) for t, value in times]


def test_few_shot_at_the_last_and_at_the_best_t():
    cells = few_shot("drl_8d", [50], [90], [80], [70]) + few_shot("ae_8d", [70], [71], [72], [73])
    given = evidence({"figure_8": FEW_SHOT}, {"figure_8": cells})
    assert estimates("few_shot_at_1", given)["DRL over AE, 100 labels"] == -3.0
    assert estimates("few_shot_at_best", given)["DRL over AE, 100 labels"] == 17.0
    assert estimates("few_shot_at_1", given)["VDRL over AE, 100 labels"] is None
    assert estimates("few_shot_at_several_t", given)["DRL over AE, 100 labels"] == -3.0
    assert estimates("few_shot_depends_on_t", given) == {"DRL, 100 labels": 40.0, "VDRL, 100 labels": None}


def test_the_shape_is_a_rank_correlation():
    """Ranks 1, 4, 3, 2 in the first seed; the second swaps the last two: Spearman's coefficient is 1 and 0.8."""
    cells = {
        "figure_8": few_shot("drl_8d", [50, 50], [90, 90], [80, 70], [70, 80]),
        "figure_12": silhouettes(-0.1, 0.4, 0.3, 0.2),
    }
    given = evidence({"figure_8": FEW_SHOT, "figure_12": SILHOUETTES}, cells)
    assert estimates("few_shot_shape", given)["DRL, 100 labels"] == pytest.approx(0.9)
