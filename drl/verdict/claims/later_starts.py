"""Claims about chains that begin later: Table 6 (paper App. I)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from drl.reporting.fid_table import NAMES
from drl.reporting.paper_values import PRIORS
from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.estimates import Sample, difference, ratio
from drl.verdict.evidence import Evidence

NO_WORSE = 1.05  # as a multiple of the FID of the whole chain
ITEM = "table_6"
# The claims are about the paper's two priors alone. Table 6 also shows one of ours, which decides none of them.
GAUSSIAN, UNIFORM = PAPER_PRIORS = (PRIORS["gaussian"], PRIORS["uniform+gaussian"])
BELOW = 0.8  # the uniform image helps chains that begin before this t


def _fids(evidence: Evidence, dataset: str, prior: str) -> dict[float, Sample]:
    return evidence.curve(ITEM, dataset=dataset, arm=prior, metric="fid")


def _no_worse(priors: Sequence[str], t: float, evidence: Evidence) -> Iterator[Comparison]:
    """Yield the FID of chains that begin at t, divided by that of whole Gaussian chains."""
    for dataset in evidence.datasets(ITEM):
        whole = _fids(evidence, dataset, GAUSSIAN).get(1.0)
        for prior in priors:
            later = _fids(evidence, dataset, prior).get(t)
            yield Comparison(f"{NAMES[prior]}, t_init = {t:g}", dataset, ratio(later, whole))


def _uniform(evidence: Evidence) -> Iterator[Comparison]:
    for dataset in evidence.datasets(ITEM):
        gaussian, uniform = (_fids(evidence, dataset, prior) for prior in (GAUSSIAN, UNIFORM))
        starts = [t for t in sorted({*gaussian, *uniform}) if t < BELOW]
        for t in starts:
            yield Comparison(f"t_init = {t:g}", dataset, difference(gaussian.get(t), uniform.get(t)))
        if not starts:
            yield Comparison(f"t_init below {BELOW:g}", dataset, None)


def _better_than_whole(evidence: Evidence) -> Iterator[Comparison]:
    for dataset in evidence.datasets(ITEM):
        for prior in PAPER_PRIORS:
            name, fids = NAMES[prior], _fids(evidence, dataset, prior)
            for t, later in fids.items():
                if t < 1:
                    yield Comparison(f"{name}, t_init = {t:g}", dataset, difference(fids.get(1.0), later))
            if 1.0 not in fids:
                yield Comparison(name, dataset, None)


CLAIMS = (
    Claim(
        "skip_20_percent",
        "The first fifth of the steps can be left out with either prior.",
        "App. I, Table 6",
        (ITEM,),
        "FID from t_init = 0.8 over that of the whole chain",
        partial(_no_worse, PAPER_PRIORS, 0.8),
        unit="ratio",
        side="below",
        bound=NO_WORSE,
    ),
    Claim(
        "skip_30_percent",
        "With Uniform + Gaussian 30 % of the steps can be left out.",
        "App. I, Table 6",
        (ITEM,),
        "FID from t_init = 0.7 over that of the whole chain",
        partial(_no_worse, (UNIFORM,), 0.7),
        unit="ratio",
        side="below",
        bound=NO_WORSE,
    ),
    Claim(
        "uniform_better_below_08",
        "Below t_init = 0.8 Uniform + Gaussian is better than Gaussian.",
        "App. I, Table 6",
        (ITEM,),
        "FID with Gaussian less that with Uniform + Gaussian",
        _uniform,
    ),
    Claim(
        "later_start_beats_whole",
        "Some t_init below 1 has a lower FID than the whole chain.",
        "App. I, Table 6",
        (ITEM,),
        "FID of the whole chain less that from t_init, of the same prior",
        _better_than_whole,
        holds="some",
    ),
)
