"""Claims about few-shot classifiers and low-dimensional codes: Figures 2, 3, 6, 7, 8, 12 (section 3.3, App. E, H)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from scipy import stats

from drl.verdict.claims.claim import Claim, Part
from drl.verdict.estimates import Estimate, Sample, at_rank, common_replicates, difference
from drl.verdict.evidence import Evidence

Parts = Callable[[Evidence], Iterator[Part]]
OURS, RIVALS = ("drl_8d", "vdrl_8d"), ("ae_8d", "vae_8d")
COMPARABLE = 5.0  # percentage points
NO_CLASSES = 0.05  # silhouette; it lies between -1 and 1, and is 0 if classes overlap
MOST = 0.5  # share of the variance
SEVERAL = 3  # number of t at which ours must be better
GRIDS = {"figure_2": ("drl_2d", "drl_2d_focus"), "figure_3": ("vdrl_2d", "vdrl_2d_focus")}
ON_THE_CURVE = "best t of each seed read off the curves of the others"
DIGITS = ("digits", "mnist", "mnist5k", "mnist5k_16")
PHOTOGRAPHS = ("cifar10", "cifar100", "miniimagenet")


def _few_shot(compare: Callable[[Evidence, str, int, str, str], tuple[Estimate | None, str]]) -> Parts:
    """Return one part for each dataset, number of labels, method of ours and rival."""

    def parts(evidence: Evidence) -> Iterator[Part]:
        titles = dict(evidence.settings["figure_8"]["recipes"])
        for dataset in evidence.datasets("figure_8"):
            for labels in evidence.settings["figure_8"]["labels"]:
                for own in OURS:
                    for rival in RIVALS:
                        estimate, note = compare(evidence, dataset, labels, own, rival)
                        name = f"{titles.get(own, own)} over {titles.get(rival, rival)}, {labels} labels"
                        yield Part(name, dataset, estimate, note)

    return parts


def _curve(evidence: Evidence, item: str, **where: object) -> dict[float, Sample]:
    found = {float(t): evidence.sample(item, t=t, **where) for t in evidence.values(item, "t", **where)}
    return {t: sample for t, sample in found.items() if sample is not None}


def _at_1(evidence: Evidence, dataset: str, labels: int, own: str, rival: str) -> tuple[Estimate | None, str]:
    mine, theirs = (_curve(evidence, "figure_8", dataset=dataset, labels=labels, recipe=name) for name in (own, rival))
    return difference(mine.get(1.0), theirs.get(1.0)), ""


def _at_best(evidence: Evidence, dataset: str, labels: int, own: str, rival: str) -> tuple[Estimate | None, str]:
    mine, theirs = (_curve(evidence, "figure_8", dataset=dataset, labels=labels, recipe=name) for name in (own, rival))
    return difference(at_rank(mine), at_rank(theirs)), ON_THE_CURVE


def _at_several(evidence: Evidence, dataset: str, labels: int, own: str, rival: str) -> tuple[Estimate | None, str]:
    mine, theirs = (_curve(evidence, "figure_8", dataset=dataset, labels=labels, recipe=name) for name in (own, rival))
    return difference(at_rank(mine, SEVERAL - 1), at_rank(theirs)), ON_THE_CURVE


def _depends(evidence: Evidence) -> Iterator[Part]:
    """Yield the few-shot accuracy at the best t minus that at the worst."""
    titles = dict(evidence.settings["figure_8"]["recipes"])
    for dataset in evidence.datasets("figure_8"):
        for labels in evidence.settings["figure_8"]["labels"]:
            for own in OURS:
                curve = _curve(evidence, "figure_8", dataset=dataset, labels=labels, recipe=own)
                reach = difference(at_rank(curve), at_rank(curve, -1), paired=True)
                yield Part(f"{titles.get(own, own)}, {labels} labels", dataset, reach, ON_THE_CURVE)


def _shape(evidence: Evidence) -> Iterator[Part]:
    """Yield the rank correlation of each few-shot curve with the silhouettes of Figure 12, over their common t."""
    titles = dict(evidence.settings["figure_8"]["recipes"])
    for dataset in evidence.datasets("figure_8"):
        silhouettes = _curve(evidence, "figure_12", dataset=dataset, metric="silhouette")
        for labels in evidence.settings["figure_8"]["labels"]:
            for own in OURS:
                curve = _curve(evidence, "figure_8", dataset=dataset, labels=labels, recipe=own)
                common = sorted(set(curve) & set(silhouettes))
                name = f"{titles.get(own, own)}, {labels} labels"
                if len(common) < 3:
                    yield Part(name, dataset, None, "fewer than three common t")
                    continue
                yield Part(name, dataset, _rank(curve, silhouettes, common), f"{len(common)} common t")


def _rank(curve: dict[float, Sample], other: dict[float, Sample], times: Sequence[float]) -> Estimate:
    """Return Spearman's coefficient of each replicate's curve with the mean curve of the other."""
    means = [other[t].mean for t in times]
    names = common_replicates([curve[t] for t in times])
    found = {name: _spearman([curve[t].values[name] for t in times], means) for name in names}
    if len(set(found.values())) > 1:
        return Sample.of(found).estimate()
    # Either only means are known, or all replicates have the same ranks, which says nothing about the uncertainty.
    return Sample(_spearman([curve[t].mean for t in times], means), 0.0, 1).estimate()


def _spearman(first: Sequence[float], second: Sequence[float]) -> float:
    if min(map(len, (set(first), set(second)))) < 2:
        return 0.0  # no order in a constant
    return float(stats.spearmanr(first, second).statistic)


def _focus(metric: str) -> Parts:
    """Return a metric of the codes with a focus on high noise minus the same with uniform t."""

    def parts(evidence: Evidence) -> Iterator[Part]:
        for item, (uniform, focus) in GRIDS.items():
            for dataset in evidence.datasets(item):
                if dataset not in DIGITS:
                    continue  # codes of photographs hold background colour with and without the focus (paper)
                high, all_noise = (
                    evidence.sample(item, dataset=dataset, recipe=name, metric=metric) for name in (focus, uniform)
                )
                yield Part("DRL" if item == "figure_2" else "VDRL", dataset, difference(high, all_noise))

    return parts


def _ink(photographs: bool) -> Parts:
    """Return how well a linear function of a 2-d code predicts its image's mean; for photographs, with focus too."""

    def parts(evidence: Evidence) -> Iterator[Part]:
        for item, recipes in GRIDS.items():
            for dataset in evidence.datasets(item):
                if dataset in (PHOTOGRAPHS if photographs else DIGITS):
                    for recipe, how in zip(recipes, ("t uniform", "focus on high noise"), strict=True):
                        if photographs or recipe == recipes[0]:
                            found = evidence.sample(item, dataset=dataset, recipe=recipe, metric="ink_r2")
                            name = f"{'DRL' if item == 'figure_2' else 'VDRL'}, {how}"
                            yield Part(name, dataset, None if found is None else found.estimate())

    return parts


def _silhouettes(pick: Callable[[dict[float, Sample]], tuple[Estimate | None, str]]) -> Parts:
    """Return a statistic of the silhouettes over the single t of training."""

    def parts(evidence: Evidence) -> Iterator[Part]:
        for dataset in evidence.datasets("figure_12"):
            curve = _curve(evidence, "figure_12", dataset=dataset, metric="silhouette")
            yield Part("DRL trained at one t", dataset, *(pick(curve) if len(curve) > 1 else (None, "")))

    return parts


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


def _other_code(evidence: Evidence) -> Iterator[Part]:
    for dataset in evidence.datasets("figure_6"):
        other, own = (
            evidence.sample("figure_6", dataset=dataset, metric=f"error_{whose}_code") for whose in ("other", "own")
        )
        yield Part("another's code less the own", dataset, difference(other, own, paired=True))


def _diversity(evidence: Evidence) -> Iterator[Part]:
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
            yield Part(f"{large:g} entries less {small:g}", dataset, difference(sizes[large], sizes[small]))
        if len(order) < 2:
            yield Part("larger codes less smaller ones", dataset, None)


CLAIMS = (
    Claim(
        "few_shot_at_1",
        "At t = 1, few-shot classifiers on DRL's and VDRL's codes are comparable to those on AE's and VAE's.",
        "App. E, Figure 8",
        ("figure_8",),
        "accuracy at t = 1 less that of the other",
        "points",
        "within",
        COMPARABLE,
        _few_shot(_at_1),
    ),
    Claim(
        "few_shot_at_best",
        "At the best t, few-shot classifiers on DRL's and VDRL's codes are better than on AE's and VAE's.",
        "App. E, Figure 8",
        ("figure_8",),
        "accuracy at the best t less that of the other",
        "points",
        "above",
        0.0,
        _few_shot(_at_best),
    ),
    Claim(
        "few_shot_at_several_t",
        "At several t, few-shot classifiers on DRL's and VDRL's codes are better than on AE's and VAE's.",
        "section 3.1, App. E, Figure 8",
        ("figure_8",),
        "accuracy at the third best t less that of the other at its best",
        "points",
        "above",
        0.0,
        _few_shot(_at_several),
    ),
    Claim(
        "few_shot_depends_on_t",
        "Few-shot accuracy on DRL's and VDRL's codes depends highly on t.",
        "App. E, Figure 8",
        ("figure_8",),
        "accuracy at the best t less that at the worst",
        "points",
        "above",
        COMPARABLE,
        _depends,
    ),
    Claim(
        "few_shot_shape",
        "Over t, few-shot accuracy has the shape of the silhouettes of models that were trained at one t.",
        "App. E, Figures 8 and 12",
        ("figure_8", "figure_12"),
        "Spearman's rank correlation over t",
        "",
        "above",
        0.0,
        _shape,
    ),
    Claim(
        "small_t_no_classes",
        "A model trained at a small t alone encodes almost no class.",
        "App. H, Figure 12",
        ("figure_12",),
        "silhouette at the smallest t",
        "",
        "below",
        NO_CLASSES,
        _silhouettes(_at_smallest),
    ),
    Claim(
        "middle_t_classes",
        "A model trained at a larger t encodes the class.",
        "App. H, Figure 12",
        ("figure_12",),
        "highest silhouette over t",
        "",
        "above",
        NO_CLASSES,
        _silhouettes(_at_top),
    ),
    Claim(
        "large_t_declines",
        "A model trained at a high t encodes less of the class again.",
        "App. H, Figure 12",
        ("figure_12",),
        "highest silhouette less that at the largest t",
        "",
        "above",
        0.0,
        _silhouettes(_decline),
    ),
    Claim(
        "uniform_t_strokes",
        "With t uniform, 2-d codes of digits hold the width of the stroke.",
        "section 3.3, Figures 2 and 3, left",
        ("figure_2", "figure_3"),
        "R² of an image's mean ink on its code",
        "",
        "above",
        MOST,
        _ink(photographs=False),
    ),
    Claim(
        "photographs_background",
        "2-d codes of photographs hold the colour of the background, with t uniform and with a focus on high noise.",
        "section 3.3, Figures 2 and 3",
        ("figure_2", "figure_3"),
        "R² of an image's mean brightness, which stands in for that colour, on its code",
        "",
        "above",
        MOST,
        _ink(photographs=True),
    ),
    Claim(
        "high_noise_classes",
        "A focus on high noise makes 2-d codes part the classes.",
        "section 3.3, Figures 2 and 3, right",
        ("figure_2", "figure_3"),
        "silhouette of the classes with the focus less that without",
        "",
        "above",
        0.0,
        _focus("silhouette"),
    ),
    Claim(
        "high_noise_no_strokes",
        "A focus on high noise makes 2-d codes forget the stroke of digits.",
        "section 3.3, Figures 2 and 3, right",
        ("figure_2", "figure_3"),
        "R² of an image's mean ink on its code, with the focus less without",
        "",
        "below",
        0.0,
        _focus("ink_r2"),
    ),
    Claim(
        "own_code_denoises",
        "An image is denoised correctly only with its own code.",
        "App. C, Figure 6",
        ("figure_6",),
        "error to the image with another's code less that with its own",
        "",
        "above",
        0.0,
        _other_code,
    ),
    Claim(
        "diversity_falls",
        "Samples from one code differ the less, the larger the code.",
        "section 3.3, Figure 7",
        ("figure_7",),
        "mean distance of two samples, of each size less the next smaller one",
        "",
        "below",
        0.0,
        _diversity,
    ),
)
