"""The diffusion in the paper's symbols: kernels, times, preconditioning, losses. Pure functions."""
