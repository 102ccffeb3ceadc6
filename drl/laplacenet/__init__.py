"""LaplaceNet (Sellars et al. 2021): pseudo-labels from a graph of codes, and training with them."""
