"""All claims, in the order of the paper."""

from __future__ import annotations

from collections.abc import Mapping

from drl.verdict.claims import fine_tuning, later_starts, low_dimensional, probes, theory
from drl.verdict.claims.claim import Claim

CLAIMS: Mapping[str, Claim] = {
    claim.name: claim
    for module in (theory, probes, fine_tuning, low_dimensional, later_starts)
    for claim in module.CLAIMS
}
