"""From noise to images: predictor-corrector samplers and the probability-flow ODE."""
