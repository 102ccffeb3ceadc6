"""Measures of low-dimensional codes: whether classes are separated, and whether a direction encodes ink."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from sklearn.metrics import silhouette_score
from torch import Tensor


def silhouette(codes: Tensor, labels: Tensor) -> float:
    """Return the mean Euclidean silhouette, in [-1, 1], of codes [N, D] whose clusters are the classes [N]."""
    return float(silhouette_score(_numbers(codes), labels.cpu().numpy(), metric="euclidean"))


def ink(images: Tensor) -> Tensor:
    """Return the mean of uint8 images [N, C, H, W] in [0, 1]; for white digits on black, the width of the stroke."""
    return images.float().flatten(1).mean(1) / 255


def ink_r2(codes: Tensor, images: Tensor) -> float:
    """Return the share of ink's variance that a linear function of the codes [N, D] explains, in [0, 1]."""
    x, y = _numbers(codes), ink(images).double().cpu().numpy()
    return float(LinearRegression().fit(x, y).score(x, y))


def mean_pairwise_distance(images: Tensor) -> float:
    """Return the mean over pairs of uint8 images [N, C, H, W] of their root mean squared difference, in [0, 1].

    For samples from one code, this shows how much the code leaves open (Fig. 7); 0 means that all are equal.
    """
    flat = images.double().flatten(1) / 255
    return float(torch.pdist(flat).mean() / flat.shape[1] ** 0.5)


def _numbers(codes: Tensor) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = codes.double().cpu().numpy()
    return numbers
