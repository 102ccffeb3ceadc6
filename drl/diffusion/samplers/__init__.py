"""Sampling of images from noise: predictor-corrector samplers and the probability-flow ODE."""
