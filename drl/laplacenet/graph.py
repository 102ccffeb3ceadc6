"""The graph of codes along which labels spread (section G; authors' code)."""

from __future__ import annotations

import torch
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.sparse import csr_matrix
from torch import Tensor

from drl.errors import UserError
from drl.jobs.device import has_amx
from drl.laplacenet.neighbours import nearest
from drl.laplacenet.sparse import compressed_rows

ANCHORS = 256
IN_CACHE = 8000  # images whose vectors lie in the cache in any order


def near_together(features: Tensor) -> Tensor:
    """Return a row for each image of codes [N, D], int64 [N], so that neighbours have rows near each other.

    The search for neighbours and the product with the graph, which read a row for each edge, then find most of them in
    the cache: the product is two to three times as fast as with rows at random. The order is that of the leaves of a
    tree (Ward's) over the means of groups of images: those nearest to one of 256 anchors, which are images first, then
    the means of their groups. Few images keep their order.
    """
    if len(features) <= IN_CACHE:
        return torch.arange(len(features), device=features.device)
    points = torch.nn.functional.normalize(features)
    anchors = points[:: len(points) // ANCHORS]
    # bfloat16 may put an image into another group, which costs nothing else.
    coarse = points.bfloat16() if points.device.type == "cuda" or has_amx() else points
    own = _closest(coarse, anchors)
    order, sizes = own.argsort(stable=True), torch.bincount(own, minlength=len(anchors))
    means = torch.segment_reduce(points[order], "mean", lengths=sizes, unsafe=True, initial=0)
    anchors = torch.nn.functional.normalize(means)
    # Codes that are no finite numbers are refused later; here they must only do no harm.
    tree = linkage(anchors.nan_to_num().cpu().double().numpy(), "ward")
    places = torch.from_numpy(leaves_list(tree).astype("int64")).argsort().to(points.device)
    return places[_closest(coarse, anchors)].argsort(stable=True).argsort()


def _closest(points: Tensor, anchors: Tensor) -> Tensor:
    """Return the position of each point's closest anchor."""
    return (points @ anchors.to(points.dtype).T).max(1).indices


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
    n = len(features)
    order = torch.arange(n, device=features.device) if places is None else places.argsort()
    starts, ends, cosines = _edges(features[order].float(), order, neighbours)
    counts, columns, weights = (_joined_by_sorting if features.is_cuda else _joined)(starts, ends, cosines, n)
    # Sums in a fixed order; adding at random places would differ from run to run on a GPU.
    degree = torch.segment_reduce(weights, "sum", lengths=counts, unsafe=True)
    scale = torch.where(degree == 0, 1.0, degree).rsqrt()
    values = weights.mul_(scale.repeat_interleave(counts, output_size=len(weights)).mul_(scale[columns]))
    return compressed_rows(counts, columns, values, (n, n))


def _edges(features: Tensor, names: Tensor, neighbours: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return start, ascending, end and cosine of each edge; of equally near images those of the lowest names."""
    largest = features.abs().amax(1)
    images = largest.nonzero()[:, 0]
    # The square of a very small or large number is no number in float32; scaling by a power of 2 rounds nothing.
    exponents = torch.frexp(largest[images, None]).exponent
    points = torch.nn.functional.normalize(features[images] * torch.ldexp(torch.ones_like(exponents), -exponents))
    if not len(images):
        return images, images, features.new_zeros(0)
    found, cosines = nearest(points, min(neighbours + 1, len(images)), names=names[images])
    starts = torch.arange(len(images), device=features.device)[:, None].expand_as(found)[:, 1:]
    ends, cosines = found[:, 1:], cosines[:, 1:]
    real = (starts != ends) & (cosines > 0)
    return images[starts[real]], images[ends[real]], cosines[real]


def _joined(starts: Tensor, ends: Tensor, cosines: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return entries a row, int32 columns in order, and float64 values of max(W, W^T), on the CPU."""
    row_starts = torch.bincount(starts, minlength=n).cumsum(0)
    row_starts = torch.cat([row_starts.new_zeros(1), row_starts]).int()
    one_way = csr_matrix((cosines.double().numpy(), ends.int().numpy(), row_starts.numpy()), shape=(n, n))
    # Transposing sorts by counting, in a third of a sort's time.
    back = one_way.T.tocsr()
    both = back.T.tocsr().maximum(back)
    columns, values = torch.from_numpy(both.indices), torch.from_numpy(both.data)
    return torch.from_numpy(both.indptr).long().diff(), columns.int(), values


def _joined_by_sorting(starts: Tensor, ends: Tensor, cosines: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `_joined` does, on any device. A pair's cosine is the same from either side."""
    keys, order = torch.cat([starts * n + ends, ends * n + starts]).sort()
    first = torch.cat([keys.new_ones(1, dtype=torch.bool), keys[1:] != keys[:-1]])[: len(keys)]
    keys, order = keys[first], order[first]
    values = cosines[order % max(len(cosines), 1)].double()
    return torch.bincount(keys // n, minlength=n), (keys % n).int(), values
