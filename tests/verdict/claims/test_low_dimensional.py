"""Claims of Figures 2, 3, 6, 7 and 12, on made-up numbers."""

import pytest

from drl.config.drawings import ItemJob
from drl.verdict.claims.registry import CLAIMS
from tests.verdict.measured import estimates, evidence

ONE = ItemJob(study="x", datasets=[["mnist", "MNIST"]])


def silhouettes(*values):
    times = zip((0.1, 0.4, 0.7, 1.0), values, strict=True)
    return [cell for t, value in times for cell in silhouette(t, [value])]


def silhouette(t, values, validation=None, recipe="drl_2d_single"):
    axes = {"dataset": "mnist", "recipe": recipe, "t": t}
    return [(axes | {"metric": "silhouette"}, values), (axes | {"metric": "val_silhouette"}, validation or values)]


def test_silhouettes_at_the_ends_and_at_the_top():
    given = evidence({"figure_12": ONE}, {"figure_12": silhouettes(-0.1, 0.4, 0.3, 0.2)})
    found = [next(iter(estimates(name, given).values())) for name in ("small_t_no_classes", "middle_t_classes")]
    assert found == [-0.1, 0.4]
    assert next(iter(estimates("large_t_declines", given).values())) == pytest.approx(0.2)


def test_where_no_t_encodes_classes_none_declines():
    times = zip((0.1, 0.5, 1.0), ([0.0, 0.0], [0.03, 0.04], [-0.2, -0.2]), strict=True)
    cells = [cell for t, values in times for cell in silhouette(t, values)]
    (part,) = CLAIMS["large_t_declines"].parts(evidence({"figure_12": ONE}, {"figure_12": cells}))
    assert part.estimate.value == pytest.approx(0.235)
    assert part.estimate.bounds(0.95) is None
    assert "nothing can decline" in part.note


def test_the_top_is_chosen_on_validation_images():
    cells = silhouette(0.1, [0.5], [0.1]) + silhouette(0.5, [0.3], [0.4]) + silhouette(1.0, [0.2], [0.2])
    given = evidence({"figure_12": ONE}, {"figure_12": cells})
    assert list(estimates("middle_t_classes", given).values()) == [0.3]
    assert list(estimates("large_t_declines", given).values()) == [pytest.approx(0.1)]
    tests = [cell for cell in cells if cell[0]["metric"] == "silhouette"]
    (part,) = CLAIMS["middle_t_classes"].parts(evidence({"figure_12": ONE}, {"figure_12": tests}))
    assert part.estimate is None
    assert "no silhouettes of validation images" in part.note


def test_edm_s_objective_has_a_line_of_its_own():
    cells = [cell for t, v in ((0.5, 0.3), (1.0, 0.2)) for cell in silhouette(t, [v], recipe="drl_2d_single_edm")]
    given = evidence({"figure_12": ONE}, {"figure_12": cells})
    assert list(estimates("large_t_declines_edm", given).values()) == [pytest.approx(0.1)]
    assert list(estimates("large_t_declines", given).values()) == [None]


def grids(**by_dataset):
    cells = []
    for dataset, (uniform, focus) in by_dataset.items():
        for recipe, value in (("drl_2d", uniform), ("drl_2d_focus", focus)):
            for metric in ("ink_r2", "silhouette"):
                cells.append(({"dataset": dataset, "recipe": recipe, "metric": metric}, [value]))
    settings = ItemJob(study="latent_grid", datasets=[[name, name] for name in by_dataset])
    return evidence(dict.fromkeys(("figure_2", "figure_3"), settings), {"figure_2": cells, "figure_3": []})


def test_what_codes_hold_is_told_apart_for_digits_and_photographs():
    given = grids(mnist=(0.9, 0.2), cifar10=(0.8, 0.7), pets=(0.1, 0.1))
    assert estimates("uniform_t_strokes", given) == {"DRL, t uniform": 0.9, "VDRL, t uniform": None}
    found = estimates("photographs_background", given)
    assert (found["DRL, t uniform"], found["DRL, focus on high noise"]) == (0.8, 0.7)
    for claim in ("high_noise_no_strokes", "high_noise_classes"):
        assert estimates(claim, given)["DRL"] == pytest.approx(-0.7)


def test_another_code_denoises_worse():
    cells = [
        ({"dataset": "mnist", "metric": f"error_{whose}_code"}, [v]) for whose, v in (("other", 0.5), ("own", 0.1))
    ]
    given = evidence({"figure_6": ONE}, {"figure_6": cells})
    assert list(estimates("own_code_denoises", given).values()) == [0.4]


def test_diversity_is_compared_from_size_to_size():
    cells = []
    for size, distance in ((2, 0.3), (8, 0.1), (4, 0.25)):
        axes = {"dataset": "mnist", "recipe": f"d{size}"}
        cells += [(axes | {"metric": "code_size"}, [size]), (axes | {"metric": "mean_pairwise_distance"}, [distance])]
    found = estimates("diversity_falls", evidence({"figure_7": ONE}, {"figure_7": cells}))
    assert found == {"4 entries less 2": pytest.approx(-0.05), "8 entries less 4": pytest.approx(-0.15)}
