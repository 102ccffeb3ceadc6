"""Claims about few-shot classifiers on 8-d codes: Figure 8 (section 3.1, App. E)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

from drl.config.drawings import FewShotItem
from drl.verdict.best_t import at_best_t
from drl.verdict.blocks import in_block
from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.estimates import Estimate, Sample, common_replicates, difference
from drl.verdict.evidence import Evidence
from drl.verdict.ranks import rank_correlation

ITEM = "figure_8"
OURS, RIVALS = ("drl_8d", "vdrl_8d"), ("ae_8d", "vae_8d")
HIGHLY = 5.0  # percentage points
COMPARABLE = HIGHLY / 4
SEVERAL = 3  # number of t at which ours must be better
SILHOUETTES = "drl_2d_single"
Read = Callable[[Evidence, str, int, str], tuple[Sample | None, str]]


def _places(evidence: Evidence) -> Iterator[tuple[str, int]]:
    """Yield each dataset with each number of labels."""
    settings = evidence.settings_of(ITEM, FewShotItem)
    yield from product(settings.dataset_names(), settings.labels)


def _against(own_at: Read, rival_at: Read, evidence: Evidence) -> Iterator[Comparison]:
    """Yield one comparison for each dataset, number of labels, method of ours and rival."""
    for dataset, labels in _places(evidence):
        rivals = {name: rival_at(evidence, dataset, labels, name)[0] for name in (*OURS, *RIVALS)}
        for own, rival in product(OURS, RIVALS):
            mine, note = own_at(evidence, dataset, labels, own)
            block = {name: sample for name, sample in {**rivals, own: mine}.items() if sample is not None}
            name = f"{evidence.label(ITEM, own)} over {evidence.label(ITEM, rival)}, {labels} labels"
            yield Comparison(name, dataset, in_block(block, own, rival), note, own)


def _at_1(evidence: Evidence, dataset: str, labels: int, recipe: str) -> tuple[Sample | None, str]:
    return _curve(evidence, dataset, labels, recipe).get(1.0), ""


def _at(place: int) -> Read:
    return lambda evidence, dataset, labels, recipe: at_best_t(
        evidence, ITEM, place, dataset=dataset, labels=labels, recipe=recipe
    )


def _curve(evidence: Evidence, dataset: str, labels: int, recipe: str) -> dict[float, Sample]:
    return evidence.curve(ITEM, dataset=dataset, labels=labels, recipe=recipe, metric="test_accuracy")


def _depends(evidence: Evidence) -> Iterator[Comparison]:
    """Yield the few-shot accuracy at the best t minus that at the worst."""
    for (dataset, labels), own in product(_places(evidence), OURS):
        best, note = _at(0)(evidence, dataset, labels, own)
        worst, _ = _at(-1)(evidence, dataset, labels, own)
        reach = difference(best, worst, paired=True)
        yield Comparison(f"{evidence.label(ITEM, own)}, {labels} labels", dataset, reach, note, own)


def _shape(evidence: Evidence) -> Iterator[Comparison]:
    """Yield the rank correlation of each few-shot curve with the silhouettes of Figure 12, over their common t."""
    for (dataset, labels), own in product(_places(evidence), OURS):
        silhouettes = evidence.curve("figure_12", dataset=dataset, recipe=SILHOUETTES, metric="silhouette")
        curve = _curve(evidence, dataset, labels, own)
        common = sorted(set(curve) & set(silhouettes))
        name = f"{evidence.label(ITEM, own)}, {labels} labels"
        if len(common) < 3:
            yield Comparison(name, dataset, None, "fewer than three common t")
        else:
            found = _rank([curve[t] for t in common], [silhouettes[t].mean for t in common])
            yield Comparison(name, dataset, found, f"{len(common)} common t")


def _rank(curve: Sequence[Sample], other: Sequence[float]) -> Estimate:
    """Return the rank correlation of each model's curve with another curve; of the mean curve if only it is known."""
    names = common_replicates(curve)
    curves = [[sample.values[name] for sample in curve] for name in names] or [[sample.mean for sample in curve]]
    return rank_correlation(curves, other)


CLAIMS = (
    Claim(
        "few_shot_at_1",
        "At t = 1, few-shot classifiers on DRL's and VDRL's codes are comparable to those on AE's and VAE's.",
        "App. E, Figure 8",
        (ITEM,),
        "accuracy at t = 1 less that of the other",
        partial(_against, _at_1, _at_1),
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
        partial(_against, _at(0), _at(0)),
        unit="points",
    ),
    Claim(
        "few_shot_at_several_t",
        "At several t, few-shot classifiers on DRL's and VDRL's codes are better than on AE's and VAE's.",
        "section 3.1, App. E, Figure 8",
        (ITEM,),
        "accuracy at the third best t less that of the other at its best",
        partial(_against, _at(SEVERAL - 1), _at(0)),
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
        bound=HIGHLY,
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
