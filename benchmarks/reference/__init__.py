"""Slow, obvious implementations that the hot paths are timed and tested against."""
