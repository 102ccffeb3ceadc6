"""Claims about probes of frozen codes: Figures 4, 5, 9, 10, 11 (paper section 3.1, App. F)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from drl.config.drawings import ProbeItem
from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.estimates import Estimate, Sample, at_rank, common_replicates, difference
from drl.verdict.evidence import Evidence

FIGURE_4, FIGURE_5, FEWER_LABELS = ("figure_4",), ("figure_5",), ("figure_9", "figure_10", "figure_11")
BY_FIGURE = "best t read off curves of test images, for each seed off those of the other seeds"
BY_VALIDATION = "t chosen on validation images"
# Recipe names under the VP SDE; AE, VAE and SimCLR do not use it.
VP = {"drl": "drl_vp", "vdrl": "vdrl_vp", "dae": "dae_vp", "cdae": "cdae_vp"}
OURS, AUTOENCODERS = ("drl", "vdrl"), ("ae", "vae", "dae", "cdae")
LEAD = "accuracy at the best t of the one less that of the other"
SEVERAL = 3  # number of t at which ours must be better, for "a number of different time-steps"
FLAT = 2.0  # percentage points between the highest and the lowest t


def best(evidence: Evidence, item: str, dataset: str, recipe: str) -> tuple[Sample | None, str]:
    """Return a recipe's accuracy at its best t, and how that t was chosen: on validation images if possible."""
    chosen = evidence.sample(item, dataset=dataset, recipe=recipe, arm="chosen")
    if chosen is not None:
        return chosen, BY_VALIDATION
    return _best_by_figure(evidence, item, dataset, recipe)


def _best_by_figure(evidence: Evidence, item: str, dataset: str, recipe: str) -> tuple[Sample | None, str]:
    return at_rank(over_time(evidence, item, dataset, recipe)), BY_FIGURE


def over_time(evidence: Evidence, item: str, dataset: str, recipe: str) -> dict[float, Sample]:
    """Return a recipe's accuracy at each t."""
    return evidence.curve(item, dataset=dataset, recipe=recipe, arm="")


def _lead(
    items: tuple[str, ...], ours: tuple[str, ...], rivals: tuple[str, ...], evidence: Evidence
) -> Iterator[Comparison]:
    """Yield the accuracy of each of our methods at its best t minus that of each rival at its best t."""
    for item in items:
        names = VP if item == "figure_5" else {}
        for dataset in evidence.datasets(item):
            for own in (names.get(name, name) for name in ours):
                for rival in (names.get(name, name) for name in rivals):
                    yield _one_lead(evidence, item, dataset, own, rival)


def _one_lead(evidence: Evidence, item: str, dataset: str, own: str, rival: str) -> Comparison:
    budget = evidence.settings_of(item, ProbeItem).budgets.get(dataset)
    labels = f", {budget} labels" if item in FEWER_LABELS else ""
    name = f"{evidence.label(item, own)} over {evidence.label(item, rival)}{labels}"
    both = [best(evidence, item, dataset, recipe) for recipe in (own, rival)]
    if both[0][1] != both[1][1]:
        # Choose t in the same way on both sides.
        both = [_best_by_figure(evidence, item, dataset, recipe) for recipe in (own, rival)]
    (mine, note), (theirs, _) = both
    return Comparison(name, dataset, difference(mine, theirs), note)


def _several(evidence: Evidence) -> Iterator[Comparison]:
    """Yield the accuracy of each of our methods at its third best t minus that of each autoencoder at its best t."""
    for dataset in evidence.datasets("figure_4"):
        for own in OURS:
            third = at_rank(over_time(evidence, "figure_4", dataset, own), SEVERAL - 1)
            for rival in AUTOENCODERS:
                theirs, _ = _best_by_figure(evidence, "figure_4", dataset, rival)
                name = f"{evidence.label('figure_4', own)} over {evidence.label('figure_4', rival)}"
                yield Comparison(name, dataset, difference(third, theirs), BY_FIGURE)


def _flat(evidence: Evidence) -> Iterator[Comparison]:
    for dataset in evidence.datasets("figure_4"):
        for recipe in ("ae", "vae"):
            curve = list(over_time(evidence, "figure_4", dataset, recipe).values())
            yield Comparison(evidence.label("figure_4", recipe), dataset, _range(curve) if curve else None)


def _range(curve: list[Sample]) -> Estimate:
    """Return the range of a curve's values, within each replicate if the replicates are known."""
    if names := common_replicates(curve):
        return Sample.of({name: _spread([sample.values[name] for sample in curve]) for name in names}).estimate()
    return Sample(_spread([sample.mean for sample in curve]), 0.0, 1).estimate()


def _spread(values: list[float]) -> float:
    return max(values) - min(values)


def _change(item: str, recipe: str, first: float, last: float, evidence: Evidence) -> Iterator[Comparison]:
    """Yield the accuracy at one t minus that at another."""
    for dataset in evidence.datasets(item):
        curve = over_time(evidence, item, dataset, recipe)
        name = f"{evidence.label(item, recipe)}: t = {last:g} less t = {first:g}"
        yield Comparison(name, dataset, difference(curve.get(last), curve.get(first), paired=True))


def _best_over_last(evidence: Evidence) -> Iterator[Comparison]:
    for dataset in evidence.datasets("figure_4"):
        for recipe in OURS:
            chosen, note = best(evidence, "figure_4", dataset, recipe)
            last = over_time(evidence, "figure_4", dataset, recipe).get(1.0)
            yield Comparison(evidence.label("figure_4", recipe), dataset, difference(chosen, last, paired=True), note)


def _lead_claim(
    name: str, says: str, source: str, items: tuple[str, ...], ours: tuple[str, ...], rivals: tuple[str, ...]
) -> Claim:
    return Claim(name, says, source, items, LEAD, partial(_lead, items, ours, rivals), unit="points")


CLAIMS = (
    _lead_claim(
        "drl_beats_autoencoders",
        "DRL and VDRL, each at its best t, beat AE, VAE, DAE and CDAE.",
        "section 3.1, Figure 4",
        FIGURE_4,
        OURS,
        AUTOENCODERS,
    ),
    Claim(
        "drl_beats_autoencoders_at_several_t",
        "DRL and VDRL beat AE, VAE, DAE and CDAE at a number of different t.",
        "section 3.1, Figure 4",
        FIGURE_4,
        "accuracy at the third best t less that of the other at its best",
        _several,
        unit="points",
    ),
    _lead_claim(
        "drl_beats_autoencoders_vp",
        "Under the variance preserving SDE, too, DRL and VDRL beat AE, VAE, DAE, CDAE and SimCLR-Gauss.",
        "section 3.1, Figure 5",
        FIGURE_5,
        OURS,
        (*AUTOENCODERS, "simclr_gauss"),
    ),
    _lead_claim(
        "drl_beats_autoencoders_few_labels",
        "DRL and VDRL beat AE and VAE also where the probe has few labels.",
        "App. F, Figures 9 to 11",
        FEWER_LABELS,
        OURS,
        ("ae", "vae"),
    ),
    _lead_claim(
        "simclr_beats_all",
        "SimCLR with its augmentations beats all other methods.",
        "section 3.1, Figure 4",
        FIGURE_4,
        ("simclr",),
        (*OURS, *AUTOENCODERS, "simclr_gauss"),
    ),
    _lead_claim(
        "simclr_gauss_beaten",
        "SimCLR restricted to Gaussian noise does not beat all: DRL and VDRL are better.",
        "section 3.1, Figure 4",
        FIGURE_4,
        OURS,
        ("simclr_gauss",),
    ),
    _lead_claim(
        "simclr_beats_all_few_labels",
        "SimCLR beats all other methods also where the probe has few labels.",
        "App. F, Figures 9 to 11",
        FEWER_LABELS,
        ("simclr",),
        (*OURS, "ae", "vae", "simclr_gauss"),
    ),
    _lead_claim(
        "simclr_gauss_beaten_few_labels",
        "DRL and VDRL beat SimCLR restricted to Gaussian noise also where the probe has few labels.",
        "App. F, Figures 9 to 11",
        FEWER_LABELS,
        OURS,
        ("simclr_gauss",),
    ),
    Claim(
        "autoencoders_flat",
        "Time means nothing to AE and VAE: their accuracy is the same at every t.",
        "section 3.1, Figure 4",
        FIGURE_4,
        "highest less lowest accuracy over t",
        _flat,
        unit="points",
        side="below",
        bound=FLAT,
    ),
    Claim(
        "dae_falls",
        "DAE falls with t, because its encoder sees ever more noise.",
        "section 3.1, Figure 4",
        FIGURE_4,
        "accuracy at t = 1 less that at t = 0",
        partial(_change, "figure_4", "dae", 0.0, 1.0),
        unit="points",
        side="below",
    ),
    Claim(
        "cdae_rises",
        "CDAE rises with t, because its encoder is useless at low noise.",
        "section 3.1, Figure 4",
        FIGURE_4,
        "accuracy at t = 1 less that at t = 0",
        partial(_change, "figure_4", "cdae", 0.0, 1.0),
        unit="points",
    ),
    Claim(
        "best_t_beats_last",
        "The best t beats t = 1, which is a static code: the curve of codes is worth more than one of them.",
        "section 3.1, Proposition 2.1",
        FIGURE_4,
        "accuracy at the best t less that at t = 1, of the same model",
        _best_over_last,
        unit="points",
    ),
)
