"""Records of results: metrics, run cards, code digests, and the checks against them."""
