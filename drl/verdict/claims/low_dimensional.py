"""Claims about low-dimensional codes: Figures 2, 3, 6, 7, 12 (section 3.3, App. C, H)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.estimates import ON_THE_CURVE, Estimate, Sample, at_rank, difference
from drl.verdict.evidence import Evidence

NO_CLASSES = 0.05  # silhouette; it lies between -1 and 1, and is 0 if classes overlap
MOST = 0.5  # share of the variance
GRIDS = {"figure_2": ("drl_2d", "drl_2d_focus"), "figure_3": ("vdrl_2d", "vdrl_2d_focus")}
DIGITS = ("digits", "mnist", "mnist5k", "mnist5k_16")
PHOTOGRAPHS = ("cifar10", "cifar100", "miniimagenet")


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


def _silhouettes(
    pick: Callable[[dict[float, Sample]], tuple[Estimate | None, str]], evidence: Evidence
) -> Iterator[Comparison]:
    """Yield a statistic of the silhouettes over the single t of training."""
    for dataset in evidence.datasets("figure_12"):
        curve = evidence.curve("figure_12", dataset=dataset, metric="silhouette")
        yield Comparison("DRL trained at one t", dataset, *(pick(curve) if len(curve) > 1 else (None, "")))


def _at_smallest(curve: dict[float, Sample]) -> tuple[Estimate, str]:
    return curve[min(curve)].estimate(), ""


def _at_top(curve: dict[float, Sample]) -> tuple[Estimate | None, str]:
    top = at_rank(curve)
    return (None if top is None else top.estimate()), ON_THE_CURVE


def _decline(curve: dict[float, Sample]) -> tuple[Estimate | None, str]:
    """Return the highest silhouette minus that at the largest t, with no interval if no t encodes the classes."""
    top = at_rank(curve)
    fall = difference(top, curve[max(curve)])
    if top is not None and fall is not None and top.mean <= NO_CLASSES:
        return replace(fall, df=0.0), f"at no t the silhouette is above {NO_CLASSES:g}, so that nothing can decline"
    return fall, ON_THE_CURVE


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


CLAIMS = (
    Claim(
        "small_t_no_classes",
        "A model trained at a small t alone encodes almost no class.",
        "App. H, Figure 12",
        ("figure_12",),
        "silhouette at the smallest t",
        partial(_silhouettes, _at_smallest),
        side="below",
        bound=NO_CLASSES,
    ),
    Claim(
        "middle_t_classes",
        "A model trained at a larger t encodes the class.",
        "App. H, Figure 12",
        ("figure_12",),
        "highest silhouette over t",
        partial(_silhouettes, _at_top),
        bound=NO_CLASSES,
    ),
    Claim(
        "large_t_declines",
        "A model trained at a high t encodes less of the class again.",
        "App. H, Figure 12",
        ("figure_12",),
        "highest silhouette less that at the largest t",
        partial(_silhouettes, _decline),
    ),
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
