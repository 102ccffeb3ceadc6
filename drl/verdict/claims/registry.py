"""All claims, in the order of the paper."""

from __future__ import annotations

from collections.abc import Mapping

from drl.verdict.claims import few_shot, fine_tuning, later_starts, learned_time, low_dimensional, probes, theory
from drl.verdict.claims.claim import Claim

CLAIMS: Mapping[str, Claim] = {
    claim.name: claim
    for module in (theory, probes, fine_tuning, learned_time, few_shot, low_dimensional, later_starts)
    for claim in module.CLAIMS
}
