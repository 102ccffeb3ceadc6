"""Claims about pretraining for LaplaceNet: Tables 1 to 5 (paper section 3.2, App. G)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from drl.config.drawings import FineTuningItem
from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.estimates import Estimate, Sample, common_replicates, difference, less
from drl.verdict.evidence import Evidence

Place = tuple[str, int]
NO_GAIN = 0.5  # percentage points: a quarter of a gain that would matter
PICKED, NEAR = 0.9, 0.025
STARTS_FROM = {"drl": "drl_70k", "vdrl": "vdrl_70k"}  # recipes of ours that may have been trained too shortly
GAIN = "test accuracy with it less that without, of runs with the same seed and split"


def _places(evidence: Evidence, table: str) -> list[Place]:
    """Return the datasets and numbers of labels of a table, in its order."""
    settings = evidence.settings_of(table, FineTuningItem)
    listed = dict(settings.labels)
    return [(dataset, labels) for dataset in settings.dataset_names() for labels in listed[dataset]]


def _accuracy(evidence: Evidence, table: str, arm: str, place: Place) -> Sample | None:
    dataset, labels = place
    return evidence.sample(table, dataset=dataset, labels=labels, arm=arm, metric="accuracy")


def _gain(evidence: Evidence, table: str, arm: str, base: str, place: Place) -> Estimate | None:
    first, second = (_accuracy(evidence, table, name, place) for name in (arm, base))
    return difference(first, second, paired=True)


def _gains(table: str, arm: str, base: str, evidence: Evidence) -> Iterator[Comparison]:
    """Yield the gain of one arm over another in each setting."""
    for place in _places(evidence, table):
        found = _gain(evidence, table, arm, base, place)
        yield Comparison(f"{place[1]} labels", place[0], found, ours=STARTS_FROM.get(arm, ""))


def _mixup_gains(evidence: Evidence) -> Iterator[Comparison]:
    """Yield DRL's gain from mixup, in fine-tuning only and in pretraining too, if there are at least two settings."""
    places = _places(evidence, "table_5")
    for place in places:
        for arm, label in (("drl_mixup", "mixup in fine-tuning"), ("mixup_drl", "and in pretraining")):
            name = f"{label}, {place[1]} labels"
            if len(places) < 2:
                yield Comparison(name, place[0], None, "one setting alone cannot be inconsistent")
            else:
                yield Comparison(name, place[0], _gain(evidence, "table_5", arm, "drl", place))


def _fewest_over_most(evidence: Evidence) -> Iterator[Comparison]:
    """Yield the gain with the fewest labels minus the gain with the most labels."""
    for dataset in evidence.datasets("table_1"):
        labels = [n for name, n in _places(evidence, "table_1") if name == dataset]
        name = f"{min(labels)} labels less {max(labels)}"
        if len(labels) < 2:
            yield Comparison(f"{labels[0]} labels", dataset, None, "one number of labels alone")
            continue
        ends = [_paired_gain(evidence, "table_1", (dataset, n)) for n in (min(labels), max(labels))]
        yield Comparison(name, dataset, difference(ends[0], ends[1]))


def _early_over_end(evidence: Evidence) -> Iterator[Comparison]:
    """Yield the gain at the early epoch minus the gain at the end, for the same runs."""
    for place in _places(evidence, "table_2"):
        gains = [_paired_gain(evidence, table, place) for table in ("table_2", "table_1")]
        yield Comparison(f"{place[1]} labels", place[0], difference(gains[0], gains[1], paired=True))


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


def _searched(evidence: Evidence) -> Iterator[Comparison]:
    for dataset, labels in _places(evidence, "table_3"):
        found = evidence.sample("table_3", dataset=dataset, labels=labels, arm="drl_search", metric="t_init")
        yield Comparison(f"{labels} labels", dataset, less(found, PICKED))


def _gain_claim(name: str, says: str, source: str, table: str, arm: str, base: str, **more: Any) -> Claim:
    return Claim(name, says, source, (table,), GAIN, partial(_gains, table, arm, base), unit="points", **more)


CLAIMS = (
    _gain_claim(
        "drl_helps", "Pretraining with DRL helps LaplaceNet.", "section 3.2, Table 1", "table_1", "drl", "none"
    ),
    _gain_claim(
        "vdrl_helps", "Pretraining with VDRL helps LaplaceNet.", "section 3.2, Table 1", "table_1", "vdrl", "none"
    ),
    _gain_claim(
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
        _fewest_over_most,
        unit="points",
    ),
    _gain_claim(
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
        _early_over_end,
        unit="points",
    ),
    _gain_claim(
        "ae_helps_early",
        "At outer epoch 100 pretraining as an autoencoder helps, too.",
        "App. G, Table 3",
        "table_3",
        "ae",
        "none",
    ),
    _gain_claim(
        "drl_beats_ae_early",
        "At outer epoch 100 DRL helps more than an autoencoder.",
        "App. G, Table 3",
        "table_3",
        "drl",
        "ae",
    ),
    _gain_claim(
        "ae_no_help_at_end",
        "At the end pretraining as an autoencoder does not help.",
        "section 3.2, Table 4",
        "table_4",
        "ae",
        "none",
        side="below",
        bound=NO_GAIN,
    ),
    _gain_claim(
        "mixup_no_gain_early",
        "Mixup brings no significant gain with few labels and few epochs.",
        "App. G, Table 3",
        "table_3",
        "none_mixup",
        "none",
        side="below",
        bound=NO_GAIN,
    ),
    Claim(
        "drl_mixup_gains_somewhere",
        "DRL with mixup is inconsistent: better than without in some settings.",
        "section 3.2, Table 5",
        ("table_5",),
        GAIN,
        _mixup_gains,
        unit="points",
        holds="some",
    ),
    Claim(
        "drl_mixup_loses_somewhere",
        "DRL with mixup is inconsistent: worse than without in some other settings.",
        "section 3.2, Table 5",
        ("table_5",),
        GAIN,
        _mixup_gains,
        unit="points",
        side="below",
        holds="some",
    ),
    Claim(
        "search_picks_09",
        "The search for t by training loss picks 0.9 on all datasets.",
        "App. G",
        ("table_3",),
        "the t that it picks less 0.9",
        _searched,
        side="within",
        bound=NEAR,
    ),
    _gain_claim(
        "search_no_gain",
        "To choose t by training loss is not working: it gains nothing over t = 0.5.",
        "App. G, Table 3",
        "table_3",
        "drl_search",
        "drl",
        side="below",
        bound=NO_GAIN,
    ),
)
