"""What each hot path costs, beside a plain reference, in one run."""
