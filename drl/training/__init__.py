"""Pretraining: the loop, its state, moving averages, and what is written while it runs."""
