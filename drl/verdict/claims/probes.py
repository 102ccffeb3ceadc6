"""Claims about probes of frozen codes: Figures 4, 5, 9, 10, 11 (paper section 3.1, App. F)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from drl.config.drawings import ProbeItem
from drl.verdict.best_t import at_best_t
from drl.verdict.blocks import in_block
from drl.verdict.claims.claim import Claim, Comparison, with_edm
from drl.verdict.estimates import BY_VALIDATION, Estimate, Sample, common_replicates, difference
from drl.verdict.evidence import Evidence

FIGURE_4, FIGURE_5, FEWER_LABELS = ("figure_4",), ("figure_5",), ("figure_9", "figure_10", "figure_11")
Names = Mapping[str, str]
PAPER: Names = {}
# Recipe names under the VP SDE; AE, VAE and SimCLR do not use it.
VP: Names = {"drl": "drl_vp", "vdrl": "vdrl_vp", "dae": "dae_vp", "cdae": "cdae_vp"}
EDM: Names = {"drl": "drl_edm", "vdrl": "vdrl_edm"}  # with EDM's objective, beyond the paper
OURS, AUTOENCODERS = ("drl", "vdrl"), ("ae", "vae", "dae", "cdae")
LEAD = "accuracy at the best t of the one less that of the other"
SEVERAL = 3  # number of t at which ours must be better, for "a number of different time-steps"
FLAT = 0.5  # percentage points between the highest and the lowest t


def over_time(evidence: Evidence, item: str, dataset: str, recipe: str) -> dict[float, Sample]:
    """Return a recipe's accuracy on test images at each t."""
    return evidence.curve(item, dataset=dataset, recipe=recipe, arm="", metric="test_accuracy")


def _leads(
    items: tuple[str, ...], ours: tuple[str, ...], rivals: tuple[str, ...], names: Names, place: int, evidence: Evidence
) -> Iterator[Comparison]:
    """Yield the accuracy of each of our methods at its best t, or a later one, less each rival's at its best."""
    for item in items:
        for dataset in evidence.datasets(item):
            best = {name: at_best_t(evidence, item, dataset=dataset, recipe=name) for name in _recipes(evidence, item)}
            block = {name: sample for name, (sample, _) in best.items() if sample is not None}
            for own in (names.get(name, name) for name in ours):
                placed, note = at_best_t(evidence, item, place, dataset=dataset, recipe=own)
                # In the block, ours stands with the reading that is compared.
                others = {name: sample for name, sample in block.items() if name != own}
                compared = others if placed is None else {**others, own: placed}
                for rival in (names.get(name, name) for name in rivals):
                    name = _named(evidence, item, dataset, own, rival)
                    remark = note or best.get(rival, (None, ""))[1]
                    learns = "" if ours == ("simclr",) else own
                    yield Comparison(name, dataset, in_block(compared, own, rival), remark, learns)


def _recipes(evidence: Evidence, item: str) -> tuple[str, ...]:
    return tuple(evidence.settings[item].recipe_names())


def _named(evidence: Evidence, item: str, dataset: str, own: str, rival: str) -> str:
    budget = evidence.settings_of(item, ProbeItem).budgets.get(dataset)
    labels = f", {budget} labels" if item in FEWER_LABELS else ""
    return f"{evidence.label(item, own)} over {evidence.label(item, rival)}{labels}"


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


def _best_over_last(names: Names, evidence: Evidence) -> Iterator[Comparison]:
    for dataset in evidence.datasets("figure_4"):
        for recipe in (names.get(name, name) for name in OURS):
            best, note = at_best_t(evidence, "figure_4", dataset=dataset, recipe=recipe)
            last = over_time(evidence, "figure_4", dataset, recipe).get(1.0)
            found = difference(best, last, paired=True)
            yield Comparison(evidence.label("figure_4", recipe), dataset, found, note or BY_VALIDATION, recipe)


def _lead_claim(
    name: str,
    says: str,
    source: str,
    items: tuple[str, ...],
    ours: tuple[str, ...],
    rivals: tuple[str, ...],
    names: Names = PAPER,
    place: int = 0,
) -> Claim:
    statistic = LEAD if place == 0 else "accuracy at the third best t less that of the other at its best"
    return Claim(
        name, says, source, items, statistic, partial(_leads, items, ours, rivals, names, place), unit="points"
    )


BEATS = _lead_claim(
    "drl_beats_autoencoders",
    "DRL and VDRL, each at its best t, beat AE, VAE, DAE and CDAE.",
    "section 3.1, Figure 4",
    FIGURE_4,
    OURS,
    AUTOENCODERS,
)
SEVERAL_T = _lead_claim(
    "drl_beats_autoencoders_at_several_t",
    "DRL and VDRL beat AE, VAE, DAE and CDAE at a number of different t.",
    "section 3.1, Figure 4",
    FIGURE_4,
    OURS,
    AUTOENCODERS,
    place=SEVERAL - 1,
)
FEW_LABELS = _lead_claim(
    "drl_beats_autoencoders_few_labels",
    "DRL and VDRL beat AE and VAE also where the probe has few labels.",
    "App. F, Figures 9 to 11",
    FEWER_LABELS,
    OURS,
    ("ae", "vae"),
)
GAUSS = _lead_claim(
    "simclr_gauss_beaten",
    "SimCLR restricted to Gaussian noise does not beat all: DRL and VDRL are better.",
    "section 3.1, Figure 4",
    FIGURE_4,
    OURS,
    ("simclr_gauss",),
)
LAST = Claim(
    "best_t_beats_last",
    "The best t beats t = 1, which is a static code: the curve of codes is worth more than one of them.",
    "section 3.1, Proposition 2.1",
    FIGURE_4,
    "accuracy at the best t less that at t = 1, of the same model",
    partial(_best_over_last, PAPER),
    unit="points",
)

CLAIMS = (
    BEATS,
    SEVERAL_T,
    _lead_claim(
        "drl_beats_autoencoders_vp",
        "Under the variance preserving SDE, too, DRL and VDRL beat AE, VAE, DAE, CDAE and SimCLR-Gauss.",
        "section 3.1, Figure 5",
        FIGURE_5,
        OURS,
        (*AUTOENCODERS, "simclr_gauss"),
        VP,
    ),
    FEW_LABELS,
    _lead_claim(
        "simclr_beats_all",
        "SimCLR with its augmentations beats all other methods.",
        "section 3.1, Figure 4",
        FIGURE_4,
        ("simclr",),
        (*OURS, *AUTOENCODERS, "simclr_gauss"),
    ),
    GAUSS,
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
    LAST,
    with_edm(BEATS, partial(_leads, FIGURE_4, OURS, AUTOENCODERS, EDM, 0)),
    with_edm(SEVERAL_T, partial(_leads, FIGURE_4, OURS, AUTOENCODERS, EDM, SEVERAL - 1)),
    with_edm(FEW_LABELS, partial(_leads, FEWER_LABELS, OURS, ("ae", "vae"), EDM, 0)),
    with_edm(GAUSS, partial(_leads, FIGURE_4, OURS, ("simclr_gauss",), EDM, 0)),
    with_edm(LAST, partial(_best_over_last, EDM)),
)
