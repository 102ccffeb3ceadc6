"""Claims about few-shot classifiers on 8-d codes: Figure 8 (section 3.1, App. E)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product

from scipy import stats

from drl.config.drawings import FewShotItem
from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.estimates import ON_THE_CURVE, Estimate, Sample, at_rank, common_replicates, difference
from drl.verdict.evidence import Evidence

ITEM = "figure_8"
OURS, RIVALS = ("drl_8d", "vdrl_8d"), ("ae_8d", "vae_8d")
COMPARABLE = 5.0  # percentage points
SEVERAL = 3  # number of t at which ours must be better
Curve = Mapping[float, Sample]
Pick = Callable[[Curve], Sample | None]


def _places(evidence: Evidence) -> Iterator[tuple[str, int]]:
    """Yield each dataset with each number of labels."""
    settings = evidence.settings_of(ITEM, FewShotItem)
    yield from product(settings.dataset_names(), settings.labels)


def _against(own_at: Pick, rival_at: Pick, note: str, evidence: Evidence) -> Iterator[Comparison]:
    """Yield one comparison for each dataset, number of labels, method of ours and rival."""
    for (dataset, labels), own, rival in product(_places(evidence), OURS, RIVALS):
        curves = [evidence.curve(ITEM, dataset=dataset, labels=labels, recipe=name) for name in (own, rival)]
        name = f"{evidence.label(ITEM, own)} over {evidence.label(ITEM, rival)}, {labels} labels"
        yield Comparison(name, dataset, difference(own_at(curves[0]), rival_at(curves[1])), note)


def _at_1(curve: Curve) -> Sample | None:
    return curve.get(1.0)


def _third_best(curve: Curve) -> Sample | None:
    return at_rank(curve, SEVERAL - 1)


def _depends(evidence: Evidence) -> Iterator[Comparison]:
    """Yield the few-shot accuracy at the best t minus that at the worst."""
    for (dataset, labels), own in product(_places(evidence), OURS):
        curve = evidence.curve(ITEM, dataset=dataset, labels=labels, recipe=own)
        reach = difference(at_rank(curve), at_rank(curve, -1), paired=True)
        yield Comparison(f"{evidence.label(ITEM, own)}, {labels} labels", dataset, reach, ON_THE_CURVE)


def _shape(evidence: Evidence) -> Iterator[Comparison]:
    """Yield the rank correlation of each few-shot curve with the silhouettes of Figure 12, over their common t."""
    for (dataset, labels), own in product(_places(evidence), OURS):
        silhouettes = evidence.curve("figure_12", dataset=dataset, metric="silhouette")
        curve = evidence.curve(ITEM, dataset=dataset, labels=labels, recipe=own)
        common = sorted(set(curve) & set(silhouettes))
        name = f"{evidence.label(ITEM, own)}, {labels} labels"
        if len(common) < 3:
            yield Comparison(name, dataset, None, "fewer than three common t")
        else:
            yield Comparison(name, dataset, _rank(curve, silhouettes, common), f"{len(common)} common t")


def _rank(curve: Curve, other: Curve, times: Sequence[float]) -> Estimate:
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


CLAIMS = (
    Claim(
        "few_shot_at_1",
        "At t = 1, few-shot classifiers on DRL's and VDRL's codes are comparable to those on AE's and VAE's.",
        "App. E, Figure 8",
        (ITEM,),
        "accuracy at t = 1 less that of the other",
        partial(_against, _at_1, _at_1, ""),
        unit="points",
        side="within",
        bound=COMPARABLE,
    ),
    Claim(
        "few_shot_at_best",
        "At the best t, few-shot classifiers on DRL's and VDRL's codes are better than on AE's and VAE's.",
        "App. E, Figure 8",
        (ITEM,),
        "accuracy at the best t less that of the other",
        partial(_against, at_rank, at_rank, ON_THE_CURVE),
        unit="points",
    ),
    Claim(
        "few_shot_at_several_t",
        "At several t, few-shot classifiers on DRL's and VDRL's codes are better than on AE's and VAE's.",
        "section 3.1, App. E, Figure 8",
        (ITEM,),
        "accuracy at the third best t less that of the other at its best",
        partial(_against, _third_best, at_rank, ON_THE_CURVE),
        unit="points",
    ),
    Claim(
        "few_shot_depends_on_t",
        "Few-shot accuracy on DRL's and VDRL's codes depends highly on t.",
        "App. E, Figure 8",
        (ITEM,),
        "accuracy at the best t less that at the worst",
        _depends,
        unit="points",
        bound=COMPARABLE,
    ),
    Claim(
        "few_shot_shape",
        "Over t, few-shot accuracy has the shape of the silhouettes of models that were trained at one t.",
        "App. E, Figures 8 and 12",
        (ITEM, "figure_12"),
        "Spearman's rank correlation over t",
        _shape,
    ),
)
