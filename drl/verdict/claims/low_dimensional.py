"""Claims about low-dimensional codes: Figures 2, 3, 6, 7, 12 (section 3.3, App. C, H)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

from drl.verdict.claims.claim import Claim, Comparison, with_edm
from drl.verdict.estimates import BY_VALIDATION, Estimate, Sample, chosen, difference
from drl.verdict.evidence import Evidence

NO_CLASSES = 0.05  # silhouette; it lies between -1 and 1, and is 0 if classes overlap
MOST = 0.5  # share of the variance
NO_VALIDATION = "no silhouettes of validation images, so no t can be chosen; measure them again"
GRIDS = {"figure_2": ("drl_2d", "drl_2d_focus"), "figure_3": ("vdrl_2d", "vdrl_2d_focus")}
DIGITS = ("digits", "mnist", "mnist5k", "mnist5k_16")
# At lite, digits on patches of photographs stand in for photographs: their background is one.
PHOTOGRAPHS = ("cifar10", "cifar100", "miniimagenet", "mnistm5k", "mnistm5k_16")
SINGLE, SINGLE_EDM = "drl_2d_single", "drl_2d_single_edm"


def _focus(metric: str, evidence: Evidence) -> Iterator[Comparison]:
    """Yield a metric of the codes with a focus on high noise minus the same with uniform t."""
    for item, (uniform, focus) in GRIDS.items():
        for dataset in evidence.datasets(item):
            if dataset not in DIGITS:
                continue  # codes of photographs hold background colour with and without the focus (paper)
            high, all_noise = (
                evidence.sample(item, dataset=dataset, recipe=name, metric=metric) for name in (focus, uniform)
            )
            yield Comparison("DRL" if item == "figure_2" else "VDRL", dataset, difference(high, all_noise))


def _ink(evidence: Evidence, photographs: bool) -> Iterator[Comparison]:
    """Yield how well a linear function of a 2-d code predicts its image's mean; for photographs, with focus too."""
    for item, recipes in GRIDS.items():
        for dataset in evidence.datasets(item):
            if dataset in (PHOTOGRAPHS if photographs else DIGITS):
                for recipe, how in zip(recipes, ("t uniform", "focus on high noise"), strict=True):
                    if photographs or recipe == recipes[0]:
                        found = evidence.sample(item, dataset=dataset, recipe=recipe, metric="ink_r2")
                        name = f"{'DRL' if item == 'figure_2' else 'VDRL'}, {how}"
                        yield Comparison(name, dataset, None if found is None else found.estimate())


Curve = dict[float, Sample]


def _silhouettes(
    pick: Callable[[Curve, Curve], tuple[Estimate | None, str]], recipe: str, evidence: Evidence
) -> Iterator[Comparison]:
    """Yield a statistic of the silhouettes over the single t of training, which may be chosen on validation images."""
    for dataset in evidence.datasets("figure_12"):
        tests, validations = (
            evidence.curve("figure_12", dataset=dataset, recipe=recipe, metric=metric)
            for metric in ("silhouette", "val_silhouette")
        )
        found = pick(tests, validations) if len(tests) > 1 else (None, "")
        yield Comparison(f"{evidence.label('figure_12', recipe)}, trained at one t", dataset, *found)


def _at_smallest(curve: Curve, by: Curve) -> tuple[Estimate, str]:
    return curve[min(curve)].estimate(), ""


def _at_top(curve: Curve, by: Curve) -> tuple[Estimate | None, str]:
    top = chosen(curve, by)
    return (None, NO_VALIDATION) if top is None else (top.estimate(), BY_VALIDATION)


def _decline(curve: Curve, by: Curve) -> tuple[Estimate | None, str]:
    """Return the highest silhouette minus that at the largest t, with no interval if no t encodes the classes."""
    top = chosen(curve, by)
    fall = difference(top, curve[max(curve)], paired=True)
    if top is None or fall is None:
        return None, NO_VALIDATION
    if top.mean <= NO_CLASSES:
        return replace(fall, df=0.0), f"at no t the silhouette is above {NO_CLASSES:g}, so that nothing can decline"
    return fall, BY_VALIDATION


def _other_code(evidence: Evidence) -> Iterator[Comparison]:
    for dataset in evidence.datasets("figure_6"):
        other, own = (
            evidence.sample("figure_6", dataset=dataset, metric=f"error_{whose}_code") for whose in ("other", "own")
        )
        yield Comparison("another's code less the own", dataset, difference(other, own, paired=True))


def _diversity(evidence: Evidence) -> Iterator[Comparison]:
    """Yield the mean distance of two samples from one code, for each code size minus the next smaller one."""
    for dataset in evidence.datasets("figure_7"):
        sizes = {}
        for recipe in evidence.values("figure_7", "recipe", dataset=dataset):
            size = evidence.sample("figure_7", dataset=dataset, recipe=recipe, metric="code_size")
            distance = evidence.sample("figure_7", dataset=dataset, recipe=recipe, metric="mean_pairwise_distance")
            if size is not None and distance is not None:
                sizes[size.mean] = distance
        order = sorted(sizes)
        for small, large in pairwise(order):
            yield Comparison(f"{large:g} entries less {small:g}", dataset, difference(sizes[large], sizes[small]))
        if len(order) < 2:
            yield Comparison("larger codes less smaller ones", dataset, None)


DECLINES = Claim(
    "large_t_declines",
    "A model trained at a high t encodes less of the class again.",
    "App. H, Figure 12",
    ("figure_12",),
    "highest silhouette less that at the largest t",
    partial(_silhouettes, _decline, SINGLE),
)

CLAIMS = (
    Claim(
        "small_t_no_classes",
        "A model trained at a small t alone encodes almost no class.",
        "App. H, Figure 12",
        ("figure_12",),
        "silhouette at the smallest t",
        partial(_silhouettes, _at_smallest, SINGLE),
        side="below",
        bound=NO_CLASSES,
    ),
    Claim(
        "middle_t_classes",
        "A model trained at a larger t encodes the class.",
        "App. H, Figure 12",
        ("figure_12",),
        "highest silhouette over t",
        partial(_silhouettes, _at_top, SINGLE),
        bound=NO_CLASSES,
    ),
    DECLINES,
    with_edm(DECLINES, partial(_silhouettes, _decline, SINGLE_EDM)),
    Claim(
        "uniform_t_strokes",
        "With t uniform, 2-d codes of digits hold the width of the stroke.",
        "section 3.3, Figures 2 and 3, left",
        ("figure_2", "figure_3"),
        "R² of an image's mean ink on its code",
        partial(_ink, photographs=False),
        bound=MOST,
    ),
    Claim(
        "photographs_background",
        "2-d codes of photographs hold the colour of the background, with t uniform and with a focus on high noise.",
        "section 3.3, Figures 2 and 3",
        ("figure_2", "figure_3"),
        "R² of an image's mean brightness, which stands in for that colour, on its code",
        partial(_ink, photographs=True),
        bound=MOST,
    ),
    Claim(
        "high_noise_classes",
        "A focus on high noise makes 2-d codes part the classes.",
        "section 3.3, Figures 2 and 3, right",
        ("figure_2", "figure_3"),
        "silhouette of the classes with the focus less that without",
        partial(_focus, "silhouette"),
    ),
    Claim(
        "high_noise_no_strokes",
        "A focus on high noise makes 2-d codes forget the stroke of digits.",
        "section 3.3, Figures 2 and 3, right",
        ("figure_2", "figure_3"),
        "R² of an image's mean ink on its code, with the focus less without",
        partial(_focus, "ink_r2"),
        side="below",
    ),
    Claim(
        "own_code_denoises",
        "An image is denoised correctly only with its own code.",
        "App. C, Figure 6",
        ("figure_6",),
        "error to the image with another's code less that with its own",
        _other_code,
    ),
    Claim(
        "diversity_falls",
        "Samples from one code differ the less, the larger the code.",
        "section 3.3, Figure 7",
        ("figure_7",),
        "mean distance of two samples, of each size less the next smaller one",
        _diversity,
        side="below",
    ),
)
