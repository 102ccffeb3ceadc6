"""What is written down about results: metrics, run cards, code digests, and the checks against them."""
