"""Claims about pretraining for LaplaceNet: Tables 1 to 5 (paper section 3.2, App. G)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from drl.verdict.claims.claim import Claim, Part
from drl.verdict.estimates import Estimate, Sample, common_replicates, difference
from drl.verdict.evidence import Evidence

Parts = Callable[[Evidence], Iterator[Part]]
Place = tuple[str, int]
NO_GAIN = 1.0  # percentage points; a gain below this counts as none
ROBUST = 2.0  # percentage points; a difference within this counts as none
PICKED, NEAR = 0.9, 0.05
MIDDLE, HALF_WIDTH = 0.5, 0.1  # [0.4, 0.6]
LEARNED = 0.01  # of t
GAIN = "test accuracy with it less that without, of runs with the same seed and split"


def _places(evidence: Evidence, table: str) -> list[Place]:
    """Return the datasets and numbers of labels of a table, in its order."""
    settings = evidence.settings[table]
    listed = dict(settings["labels"])
    return [(dataset, int(labels)) for dataset, _ in settings["datasets"] for labels in listed[dataset]]


def _accuracy(evidence: Evidence, table: str, arm: str, place: Place) -> Sample | None:
    dataset, labels = place
    return evidence.sample(table, dataset=dataset, labels=labels, arm=arm, metric="accuracy")


def _gain(evidence: Evidence, table: str, arm: str, base: str, place: Place) -> Estimate | None:
    first, second = (_accuracy(evidence, table, name, place) for name in (arm, base))
    return difference(first, second, paired=True)


def _gains(table: str, arm: str, base: str) -> Parts:
    """Return the gain of one arm over another in each setting."""

    def parts(evidence: Evidence) -> Iterator[Part]:
        for place in _places(evidence, table):
            yield Part(f"{place[1]} labels", place[0], _gain(evidence, table, arm, base, place))

    return parts


def _mixup_gains(evidence: Evidence) -> Iterator[Part]:
    """Yield DRL's gain from mixup, in fine-tuning only and in pretraining too, if there are at least two settings."""
    places = _places(evidence, "table_5")
    for place in places:
        for arm, label in (("drl_mixup", "mixup in fine-tuning"), ("mixup_drl", "and in pretraining")):
            name = f"{label}, {place[1]} labels"
            if len(places) < 2:
                yield Part(name, place[0], None, "one setting alone cannot be inconsistent")
            else:
                yield Part(name, place[0], _gain(evidence, "table_5", arm, "drl", place))


def _fewest_over_most(evidence: Evidence) -> Iterator[Part]:
    """Yield the gain with the fewest labels minus the gain with the most labels."""
    for dataset in evidence.datasets("table_1"):
        labels = [n for name, n in _places(evidence, "table_1") if name == dataset]
        name = f"{min(labels)} labels less {max(labels)}"
        if len(labels) < 2:
            yield Part(f"{labels[0]} labels", dataset, None, "one number of labels alone")
            continue
        ends = [_paired_gain(evidence, "table_1", (dataset, n)) for n in (min(labels), max(labels))]
        yield Part(name, dataset, difference(ends[0], ends[1]))


def _early_over_end(evidence: Evidence) -> Iterator[Part]:
    """Yield the gain at the early epoch minus the gain at the end, for the same runs."""
    for place in _places(evidence, "table_2"):
        gains = [_paired_gain(evidence, table, place) for table in ("table_2", "table_1")]
        yield Part(f"{place[1]} labels", place[0], difference(gains[0], gains[1], paired=True))


def _paired_gain(evidence: Evidence, table: str, place: Place) -> Sample | None:
    """Return DRL's gain over no pretraining, run by run if the single runs are known."""
    drl, none = (_accuracy(evidence, table, arm, place) for arm in ("drl", "none"))
    if drl is None or none is None:
        return None
    if common := common_replicates([drl, none]):
        return Sample.of({name: drl.values[name] - none.values[name] for name in common})
    gain = difference(drl, none, paired=True)
    assert gain is not None
    return Sample(gain.value, gain.error * gain.n**0.5, gain.n)


def _searched(evidence: Evidence) -> Iterator[Part]:
    for dataset, labels in _places(evidence, "table_3"):
        found = evidence.sample("table_3", dataset=dataset, labels=labels, arm="drl_search", metric="t_init")
        yield Part(f"{labels} labels", dataset, _less(found, PICKED))


def _less(sample: Sample | None, number: float) -> Estimate | None:
    if sample is None:
        return None
    return difference(sample, Sample(number, 0.0, sample.n, dict.fromkeys(sample.values, number)), paired=True)


def _robust(evidence: Evidence) -> Iterator[Part]:
    """Yield the accuracy for each start of t minus that for the middle start, with and without weight decay on t."""
    for dataset in evidence.datasets("t_trajectory"):
        arms = evidence.settings["t_trajectory"]["arms"]
        middles = {decays: arm for arm, _, start, decays in arms if start == MIDDLE}
        for arm, label, start, decays in arms:
            if decays in middles and start != MIDDLE:
                own, middle = (
                    evidence.sample("t_trajectory", dataset=dataset, arm=name, metric="accuracy")
                    for name in (arm, middles[decays])
                )
                yield Part(f"{label} less t = {MIDDLE}", dataset, difference(own, middle, paired=True))


def _final_t(decays: bool) -> Parts:
    """Return the final t minus 0.5 for each start, with or without weight decay on t."""

    def parts(evidence: Evidence) -> Iterator[Part]:
        for dataset in evidence.datasets("t_trajectory"):
            for arm, label, _, with_decay in evidence.settings["t_trajectory"]["arms"]:
                if with_decay is decays:
                    end = evidence.sample("t_trajectory", dataset=dataset, arm=arm, metric="t")
                    yield Part(str(label), dataset, _less(end, MIDDLE))

    return parts


def _learned(evidence: Evidence) -> Iterator[Part]:
    """Yield the distance of the final t from where weight decay alone would have taken it."""
    for dataset in evidence.datasets("t_trajectory"):
        for arm, label, *_ in evidence.settings["t_trajectory"]["arms"]:
            ends = [
                evidence.sample("t_trajectory", dataset=dataset, arm=arm, metric=m) for m in ("t", "t_without_gradient")
            ]
            yield Part(str(label), dataset, _distance(*ends))


def _distance(first: Sample | None, second: Sample | None) -> Estimate | None:
    if first is None or second is None:
        return None
    if common := common_replicates([first, second]):
        return Sample.of({name: abs(first.values[name] - second.values[name]) for name in common}).estimate()
    estimate = difference(first, second, paired=True)
    assert estimate is not None
    return Estimate(abs(estimate.value), estimate.error, estimate.df, estimate.n)


def _accuracy_claim(name: str, says: str, source: str, table: str, arm: str, base: str, **more: object) -> Claim:
    options = {"side": "above", "bound": 0.0, "parts": _gains(table, arm, base)} | more
    return Claim(name, says, source, (table,), GAIN, "points", **options)  # type: ignore[arg-type]


CLAIMS = (
    _accuracy_claim(
        "drl_helps", "Pretraining with DRL helps LaplaceNet.", "section 3.2, Table 1", "table_1", "drl", "none"
    ),
    _accuracy_claim(
        "vdrl_helps", "Pretraining with VDRL helps LaplaceNet.", "section 3.2, Table 1", "table_1", "vdrl", "none"
    ),
    _accuracy_claim(
        "drl_beats_mixup",
        "With DRL and without mixup, LaplaceNet often surpasses LaplaceNet with mixup.",
        "section 3.2, Table 1",
        "table_1",
        "drl",
        "none_mixup",
        holds="most",
    ),
    Claim(
        "most_with_few_labels",
        "Pretraining with DRL helps most with few labels.",
        "section 3.2, Table 1",
        ("table_1",),
        "DRL's gain with the fewest labels less that with the most",
        "points",
        "above",
        0.0,
        _fewest_over_most,
    ),
    _accuracy_claim(
        "drl_helps_early",
        "DRL helps where computation is limited: read at outer epoch 100.",
        "App. G, Table 2",
        "table_2",
        "drl",
        "none",
    ),
    Claim(
        "more_early_than_late",
        "DRL helps more at outer epoch 100 than at the end.",
        "section 3.2, Tables 1 and 2",
        ("table_1", "table_2"),
        "DRL's gain at the early reading less that at the end",
        "points",
        "above",
        0.0,
        _early_over_end,
    ),
    _accuracy_claim(
        "ae_helps_early",
        "At outer epoch 100 pretraining as an autoencoder helps, too.",
        "App. G, Table 3",
        "table_3",
        "ae",
        "none",
    ),
    _accuracy_claim(
        "drl_beats_ae_early",
        "At outer epoch 100 DRL helps more than an autoencoder.",
        "App. G, Table 3",
        "table_3",
        "drl",
        "ae",
    ),
    _accuracy_claim(
        "ae_no_help_at_end",
        "At the end pretraining as an autoencoder does not help.",
        "section 3.2, Table 4",
        "table_4",
        "ae",
        "none",
        side="below",
        bound=NO_GAIN,
    ),
    _accuracy_claim(
        "mixup_no_gain_early",
        "Mixup brings no significant gain with few labels and few epochs.",
        "App. G, Table 3",
        "table_3",
        "none_mixup",
        "none",
        side="below",
        bound=NO_GAIN,
    ),
    _accuracy_claim(
        "drl_mixup_gains_somewhere",
        "DRL with mixup is inconsistent: better than without in some settings.",
        "section 3.2, Table 5",
        "table_5",
        "drl_mixup",
        "drl",
        holds="some",
        parts=_mixup_gains,
    ),
    _accuracy_claim(
        "drl_mixup_loses_somewhere",
        "DRL with mixup is inconsistent: worse than without in some other settings.",
        "section 3.2, Table 5",
        "table_5",
        "drl_mixup",
        "drl",
        side="below",
        holds="some",
        parts=_mixup_gains,
    ),
    Claim(
        "search_picks_09",
        "The search for t by training loss picks 0.9 on all datasets.",
        "App. G",
        ("table_3",),
        "the t that it picks less 0.9",
        "",
        "within",
        NEAR,
        _searched,
    ),
    _accuracy_claim(
        "search_no_gain",
        "To choose t by training loss is not working: it gains nothing over t = 0.5.",
        "App. G, Table 3",
        "table_3",
        "drl_search",
        "drl",
        side="below",
        bound=NO_GAIN,
    ),
    Claim(
        "robust_to_start",
        "The classifier is robust to where its t starts.",
        "App. G",
        ("t_trajectory",),
        "test accuracy at the last outer epoch that all have, less that of the run that started at t = 0.5",
        "points",
        "within",
        ROBUST,
        _robust,
    ),
    Claim(
        "t_ends_in_the_middle",
        "Wherever t starts, it ends in [0.4, 0.6] (with weight decay on it, as in the authors' code).",
        "App. G",
        ("t_trajectory",),
        "the last t less 0.5",
        "",
        "within",
        HALF_WIDTH,
        _final_t(True),
    ),
    Claim(
        "t_ends_in_the_middle_without_decay",
        "Wherever t starts, it ends in [0.4, 0.6] without weight decay on it as well.",
        "App. G",
        ("t_trajectory",),
        "the last t less 0.5",
        "",
        "within",
        HALF_WIDTH,
        _final_t(False),
    ),
    Claim(
        "t_is_learned",
        "t is learned: data move it, not weight decay alone.",
        "App. G",
        ("t_trajectory",),
        "distance of the last t from where weight decay alone would have taken it",
        "",
        "above",
        LEARNED,
        _learned,
    ),
)
