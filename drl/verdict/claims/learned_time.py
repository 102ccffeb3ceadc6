"""Claims about the time that a fine-tuned classifier learns: the figure t_trajectory (paper App. G)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from drl.config.drawings import TrajectoryItem
from drl.verdict.claims.claim import Claim, Comparison, Proof
from drl.verdict.estimates import Estimate, Sample, common_replicates, difference, less
from drl.verdict.evidence import Evidence

ITEM = "t_trajectory"
ROBUST = 0.5  # percentage points: a quarter of what would matter
MIDDLE, HALF_WIDTH = 0.5, 0.1  # [0.4, 0.6]
# Of t. The control are runs in fp32, whose gradient is rounding alone (docs/results/mnist5k/fine_tuning.md): in 17 of
# 40 epochs, t ended at most 1.6e-6 away from where weight decay alone would have taken it. The paper's schedule is
# longer.
LEARNED = 1e-4
WHERE = "t cannot be learned in the authors' classifier"


def _robust(evidence: Evidence) -> Iterator[Comparison]:
    """Yield the accuracy for each start of t minus that for the middle start, with and without weight decay on t."""
    for dataset in evidence.datasets(ITEM):
        arms = evidence.settings_of(ITEM, TrajectoryItem).arms
        middles = {arm.weight_decay_on_t: arm for arm in arms if arm.t_init == MIDDLE}
        for arm in arms:
            if arm.weight_decay_on_t in middles and arm.t_init != MIDDLE:
                own, middle = (
                    evidence.sample(ITEM, dataset=dataset, arm=one.name, metric="accuracy")
                    for one in (arm, middles[arm.weight_decay_on_t])
                )
                yield Comparison(f"{arm.label} less t = {MIDDLE}", dataset, difference(own, middle, paired=True))


def _final_t(decays: bool, evidence: Evidence) -> Iterator[Comparison]:
    """Yield the final t minus 0.5 for each start, with or without weight decay on t."""
    for dataset in evidence.datasets(ITEM):
        for arm in evidence.settings_of(ITEM, TrajectoryItem).arms:
            if arm.weight_decay_on_t is decays:
                end = evidence.sample(ITEM, dataset=dataset, arm=arm.name, metric="t")
                yield Comparison(arm.label, dataset, less(end, MIDDLE))


def _learned(evidence: Evidence) -> Iterator[Comparison]:
    """Yield the distance of the final t from where weight decay alone would have taken it."""
    for dataset in evidence.datasets(ITEM):
        for arm in evidence.settings_of(ITEM, TrajectoryItem).arms:
            ends = (evidence.sample(ITEM, dataset=dataset, arm=arm.name, metric=m) for m in ("t", "t_without_gradient"))
            yield Comparison(arm.label, dataset, _distance(*ends))


def _distance(first: Sample | None, second: Sample | None) -> Estimate | None:
    if first is None or second is None:
        return None
    if common := common_replicates([first, second]):
        return Sample.of({name: abs(first.values[name] - second.values[name]) for name in common}).estimate()
    estimate = difference(first, second, paired=True)
    assert estimate is not None
    return Estimate(abs(estimate.value), estimate.error, estimate.df, estimate.n)


CLAIMS = (
    Claim(
        "robust_to_start",
        "The classifier is robust to where its t starts.",
        "App. G",
        (ITEM,),
        "test accuracy at the last outer epoch that all have, less that of the run that started at t = 0.5",
        _robust,
        unit="points",
        side="within",
        bound=ROBUST,
    ),
    Claim(
        "t_ends_in_the_middle",
        "Wherever t starts, it ends in [0.4, 0.6] (with weight decay on it, as in the authors' code).",
        "App. G",
        (ITEM,),
        "the last t less 0.5",
        partial(_final_t, True),
        side="within",
        bound=HALF_WIDTH,
        proof=Proof(holds=True, where=WHERE, given="the paper's schedules; shorter ones end on the way there"),
    ),
    Claim(
        "t_ends_in_the_middle_without_decay",
        "Wherever t starts, it ends in [0.4, 0.6] without weight decay on it as well.",
        "App. G",
        (ITEM,),
        "the last t less 0.5",
        partial(_final_t, False),
        side="within",
        bound=HALF_WIDTH,
        proof=Proof(holds=False, where=WHERE, given="no dropout in the blocks, as in the paper"),
    ),
    Claim(
        "t_is_learned",
        "t is learned: data move it, not weight decay alone.",
        "App. G",
        (ITEM,),
        "distance of the last t from where weight decay alone would have taken it",
        _learned,
        bound=LEARNED,
        proof=Proof(holds=False, where=WHERE, given="no dropout in the blocks, as in the paper"),
    ),
)
