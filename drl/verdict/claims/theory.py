"""Claims of the paper's theory, tested on a mixture with a known score (section 2, App. B, C; drl/theory)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.estimates import Estimate, Sample, common_replicates, difference
from drl.verdict.evidence import Evidence

ITEM = ("theory",)
MIXTURE = "mixture"
FLOOR = 0.25  # percent of the constant
COMPARABLE = 0.25  # of the autoencoder's own residual
AS_GOOD = -0.5  # percentage points


def _identity(evidence: Evidence) -> Iterator[Comparison]:
    """Yield denoising loss - constant - explicit loss of the unconditional model, in percent of the constant.

    Eq. 6 says that it is 0. The explicit loss is never negative, so the loss then has the constant as a floor.
    """
    gap = evidence.curve("theory", recipe="unconditional", arm="", metric="identity_gap")
    constant = evidence.curve("theory", recipe="exact", arm="", metric="constant_quadrature")
    shares = [(gap[t], constant[t]) for t in gap if t in constant]
    yield Comparison("unconditional", MIXTURE, _share(shares) if shares else None)


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
    at_1, ae = (
        _read(evidence, "reconstruction_error", "drl", arm="", t=1.0),
        _read(evidence, "reconstruction_error", "ae"),
    )
    more = difference(at_1, ae, paired=True)
    if more is not None and ae is not None:
        more = replace(more, value=more.value / ae.mean, error=more.error / ae.mean)
    yield Comparison("DRL at t = 1 less AE", MIXTURE, more, "the autoencoder's residual counts as known")


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
        "denoising loss less the constant of Eq. 6 less the explicit loss, mean over t, in percent of the constant",
        _identity,
        unit="%",
        side="within",
        bound=FLOOR,
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
        "residual of x_0 that a regression does not read from the code, less the autoencoder's, in units of the latter",
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
