"""The graph of codes along which labels spread (section G; authors' code)."""

from __future__ import annotations

import torch
from torch import Tensor

from drl.errors import UserError
from drl.laplacenet.neighbours import nearest
from drl.laplacenet.sparse import compressed_rows

ANCHORS = 256


def near_together(features: Tensor) -> Tensor:
    """Return a row for each image of codes [N, D], int64 [N], so that neighbours have rows near each other.

    The product with the graph, which reads a row for each entry, then finds most of them in the cache: twice as fast.
    """
    points = torch.nn.functional.normalize(features)
    anchors = points[:: max(len(points) // ANCHORS, 1)]
    return (points @ anchors.T).argmax(1).argsort(stable=True).argsort()


def build_graph(features: Tensor, neighbours: int = 50, places: Tensor | None = None) -> Tensor:
    """Return D^-1/2 W D^-1/2, where W joins each image with its nearest ones by the cosine of their codes.

    As in the authors' code, the first of k + 1 hits is dropped unseen. It is the image itself, unless an equal code has
    a lower index: then that one is dropped, and the image's own entry, which is set to zero, uses up a neighbour. The
    larger of W and its transpose is taken, entry by entry. An image without edges gets an empty row. Codes are pooled
    rectified values; should a cosine be negative all the same, it makes no edge.

    Args:
        features: float32 [N, D], of any length; a code of zeros makes no edges.
        neighbours: k; where there are no more than k other codes, all of them are neighbours.
        places: Each image's row and column, int64 [N]; by default its position.

    Returns:
        float64 [N, N] in compressed rows with int32 indices, symmetric, eigenvalues in [-1, 1].

    Raises:
        UserError: If codes are not finite, or k is less than 1.
    """
    if features.ndim != 2 or not bool(features.isfinite().all()):
        raise UserError(
            f"pseudo-labels: codes {tuple(features.shape)} must be finite numbers, one row an image; "
            "lower the learning rate if training diverged"
        )
    if neighbours < 1:
        raise UserError(f"pseudo-labels: {neighbours} neighbours make no graph; give at least 1")
    starts, ends, cosines = _edges(features.float(), neighbours)
    if places is not None:
        starts, ends = places[starts], places[ends]
    rows, columns, weights = _joined(starts, ends, cosines.double(), len(features))
    counts = torch.bincount(rows, minlength=len(features))
    # Sums in a fixed order; adding at random places would differ from run to run on a GPU.
    degree = torch.segment_reduce(weights, "sum", lengths=counts, unsafe=True)
    scale = torch.where(degree == 0, 1.0, degree).rsqrt()
    values = weights * (scale[rows] * scale[columns])
    return compressed_rows(rows, columns.int(), values, len(features))


def _edges(features: Tensor, neighbours: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return start, end and cosine of each edge."""
    largest = features.abs().amax(1)
    images = largest.nonzero()[:, 0]
    # The square of a very small or large number is no number in float32; scaling by a power of 2 rounds nothing.
    points = torch.nn.functional.normalize(torch.ldexp(features[images], -torch.frexp(largest[images, None]).exponent))
    if not len(images):
        return images, images, features.new_zeros(0)
    found, cosines = nearest(points, min(neighbours + 1, len(images)))
    starts = torch.arange(len(images), device=features.device)[:, None].expand_as(found)[:, 1:]
    ends, cosines = found[:, 1:], cosines[:, 1:]
    real = (starts != ends) & (cosines > 0)
    return images[starts[real]], images[ends[real]], cosines[real]


def _joined(starts: Tensor, ends: Tensor, cosines: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows, columns and values of max(W, W^T), in order. A pair's cosine is the same from either side."""
    keys, order = torch.cat([starts * n + ends, ends * n + starts]).sort()
    first = torch.cat([keys.new_ones(1, dtype=torch.bool), keys[1:] != keys[:-1]])[: len(keys)]
    keys, order = keys[first], order[first]
    return keys // n, keys % n, cosines[order % max(len(cosines), 1)]
