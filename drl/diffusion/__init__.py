"""Diffusion in the paper's symbols: kernels, times, preconditioning and losses, as pure functions."""
