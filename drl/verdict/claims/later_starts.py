"""Claims about chains that begin later: Table 6 (paper App. I)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from drl.verdict.claims.claim import Claim, Part
from drl.verdict.estimates import difference, ratio
from drl.verdict.evidence import Evidence

Parts = Callable[[Evidence], Iterator[Part]]
NO_WORSE = 1.05  # as a multiple of the FID of the whole chain
NAMES = {"gaussian": "Gaussian", "uniform_gaussian": "Uniform + Gaussian"}
SETS = "n: disjoint sets of samples where there is one model"
BELOW = 0.8  # the uniform image helps chains that begin before this t


def _no_worse(priors: Sequence[str], t: float) -> Parts:
    """Return the FID of chains that begin at t, divided by that of whole Gaussian chains."""

    def parts(evidence: Evidence) -> Iterator[Part]:
        for dataset in evidence.datasets("table_6"):
            whole = evidence.sample("table_6", dataset=dataset, arm="gaussian", t=1.0, metric="fid")
            for prior in priors:
                later = evidence.sample("table_6", dataset=dataset, arm=prior, t=t, metric="fid")
                yield Part(f"{NAMES[prior]}, t_init = {t:g}", dataset, ratio(later, whole), SETS)

    return parts


def _uniform(evidence: Evidence) -> Iterator[Part]:
    for dataset in evidence.datasets("table_6"):
        starts = [t for t in evidence.values("table_6", "t", dataset=dataset, metric="fid") if t < BELOW]
        for t in starts:
            gaussian, uniform = (
                evidence.sample("table_6", dataset=dataset, arm=prior, t=t, metric="fid") for prior in NAMES
            )
            yield Part(f"t_init = {t:g}", dataset, difference(gaussian, uniform), SETS)
        if not starts:
            yield Part(f"t_init below {BELOW:g}", dataset, None)


def _better_than_whole(evidence: Evidence) -> Iterator[Part]:
    for dataset in evidence.datasets("table_6"):
        for prior, name in NAMES.items():
            whole = evidence.sample("table_6", dataset=dataset, arm=prior, t=1.0, metric="fid")
            for t in evidence.values("table_6", "t", dataset=dataset, arm=prior, metric="fid"):
                later = evidence.sample("table_6", dataset=dataset, arm=prior, t=t, metric="fid")
                if t < 1:
                    yield Part(f"{name}, t_init = {t:g}", dataset, difference(whole, later), SETS)
            if whole is None:
                yield Part(name, dataset, None)


CLAIMS = (
    Claim(
        "skip_20_percent",
        "The first fifth of the steps can be left out with either prior.",
        "App. I, Table 6",
        ("table_6",),
        "FID from t_init = 0.8 over that of the whole chain",
        "ratio",
        "below",
        NO_WORSE,
        _no_worse(tuple(NAMES), 0.8),
    ),
    Claim(
        "skip_30_percent",
        "With Uniform + Gaussian 30 % of the steps can be left out.",
        "App. I, Table 6",
        ("table_6",),
        "FID from t_init = 0.7 over that of the whole chain",
        "ratio",
        "below",
        NO_WORSE,
        _no_worse(("uniform_gaussian",), 0.7),
    ),
    Claim(
        "uniform_better_below_08",
        "Below t_init = 0.8 Uniform + Gaussian is better than Gaussian.",
        "App. I, Table 6",
        ("table_6",),
        "FID with Gaussian less that with Uniform + Gaussian",
        "",
        "above",
        0.0,
        _uniform,
    ),
    Claim(
        "later_start_beats_whole",
        "Some t_init below 1 has a lower FID than the whole chain.",
        "App. I, Table 6",
        ("table_6",),
        "FID of the whole chain less that from t_init, of the same prior",
        "",
        "above",
        0.0,
        _better_than_whole,
        holds="some",
    ),
)
