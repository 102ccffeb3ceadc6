"""The verdicts on a claim and on its parts."""

SUPPORTED, REFUTED, UNDECIDED, NOT_RUN = "supported", "refuted", "undecided", "not run"
UNDERTRAINED = "not shown: undertrained"
PROVED, DISPROVED = "by proof: holds", "by proof: does not hold"
ORDER = (SUPPORTED, REFUTED, PROVED, DISPROVED, UNDERTRAINED, UNDECIDED, NOT_RUN)
"""In the order in which they are counted."""
