"""Claims of the paper's theory, tested on a mixture with a known score (section 2, App. B, C; drl/theory)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.estimates import Estimate, Sample, common_replicates, difference
from drl.verdict.evidence import Evidence

ITEM = ("theory",)
MIXTURE = "mixture"
COMPARABLE = 0.05  # share of the variance of x_0
AS_GOOD = -2.0  # percentage points


def _over_constant(recipe: str, name: str, evidence: Evidence) -> Iterator[Comparison]:
    """Yield a model's mean excess over the constant of Eq. 6, over all t and in percent of the constant."""
    excess = evidence.curve("theory", recipe=recipe, arm="", metric="excess")
    constant = evidence.curve("theory", recipe="exact", arm="", metric="constant_quadrature")
    shares = [(excess[t], constant[t]) for t in excess if t in constant]
    yield Comparison(name, MIXTURE, _share(shares) if shares else None)


def _share(pairs: list[tuple[Sample, Sample]]) -> Estimate:
    if seeds := common_replicates([sample for pair in pairs for sample in pair]):
        shares = {k: _mean([100 * e.values[k] / c.values[k] for e, c in pairs]) for k in seeds}
        return Sample.of(shares).estimate()
    return Sample(_mean([100 * e.mean / c.mean for e, c in pairs]), 0.0, 1).estimate()


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _read(evidence: Evidence, metric: str, recipe: str, **where: object) -> Sample | None:
    return evidence.sample("theory", recipe=recipe, metric=metric, **where)


def _like_autoencoder(evidence: Evidence) -> Iterator[Comparison]:
    at_1 = _read(evidence, "reconstruction_error", "drl", arm="", t=1.0)
    yield Comparison("DRL at t = 1 less AE", MIXTURE, difference(at_1, _read(evidence, "reconstruction_error", "ae")))


def _as_good(evidence: Evidence) -> Iterator[Comparison]:
    best = _read(evidence, "test_accuracy", "drl", arm="best_t")
    at_1 = _read(evidence, "test_accuracy", "drl", arm="", t=1.0)
    note = "t chosen on validation draws"
    yield Comparison("best t less t = 1", MIXTURE, difference(best, at_1, paired=True), note)
    yield Comparison("best t less AE", MIXTURE, difference(best, _read(evidence, "test_accuracy", "ae")), note)


CLAIMS = (
    Claim(
        "loss_has_a_floor",
        "The denoising loss of a model that sees x_t alone stays above a constant.",
        "section 2, Eq. 6, App. B",
        ITEM,
        "mean excess over t, in percent of the constant",
        partial(_over_constant, "unconditional", "unconditional"),
        unit="%",
    ),
    Claim(
        "code_goes_below",
        "With a code of x_0 as a further input the denoising loss goes below that constant.",
        "section 2.1",
        ITEM,
        "mean excess over t, in percent of the constant",
        partial(_over_constant, "drl", "DRL"),
        unit="%",
        side="below",
    ),
    Claim(
        "code_at_1_like_autoencoder",
        "At t = 1 the code is that of an autoencoder.",
        "section 2.2, Proposition 2.1, App. C",
        ITEM,
        "share of x_0's variance that a regression does not read from the code, less the autoencoder's",
        _like_autoencoder,
        side="within",
        bound=COMPARABLE,
    ),
    Claim(
        "curve_at_least_as_good",
        "The curve of codes is at least as good as a static code.",
        "section 2.2, Proposition 2.1",
        ITEM,
        "accuracy at the best t less that of the other",
        _as_good,
        unit="points",
        bound=AS_GOOD,
    ),
)
