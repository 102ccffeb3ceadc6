"""Pretraining: the loop, its saved state, moving averages, and the measurements during training."""
