"""Slow, obvious implementations with which the hot paths are compared in benchmarks and tests."""
