"""LaplaceNet (Sellars et al. 2021): pseudo-labels from a graph of codes, and the training that uses them."""
