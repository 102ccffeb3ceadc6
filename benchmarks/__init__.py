"""Time and memory of each hot path, compared with a plain reference in the same run."""
