"""The graph of codes over which labels spread (section G; authors' code)."""

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
IN_CACHE = 8000  # for at most this many images, all vectors fit into the cache in any order


def near_together(features: Tensor) -> Tensor:
    """Return a row number for each image of codes [N, D], int64 [N], so that neighbours have nearby rows.

    The search for neighbours and the product with the graph read a row for each edge. With this order, most rows are in
    the cache, and the product is two to three times as fast as with random rows. Images are grouped by the nearest of
    256 anchors, which are images at first, and then the means of their groups. The groups are ordered like the leaves
    of Ward's tree over their means. A small number of images keeps its order.
    """
    if len(features) <= IN_CACHE:
        return torch.arange(len(features), device=features.device)
    points = torch.nn.functional.normalize(features)
    anchors = points[:: len(points) // ANCHORS]
    # bfloat16 may put an image into another group, which does no harm.
    coarse = points.bfloat16() if points.device.type == "cuda" or has_amx() else points
    own = _closest(coarse, anchors)
    order, sizes = own.argsort(stable=True), torch.bincount(own, minlength=len(anchors))
    means = torch.segment_reduce(points[order], "mean", lengths=sizes, unsafe=True, initial=0)
    anchors = torch.nn.functional.normalize(means)
    # Codes that are not finite are refused later; here they must only not cause an error.
    tree = linkage(anchors.nan_to_num().cpu().double().numpy(), "ward")
    places = torch.from_numpy(leaves_list(tree).astype("int64")).argsort().to(points.device)
    return places[_closest(coarse, anchors)].argsort(stable=True).argsort()


def _closest(points: Tensor, anchors: Tensor) -> Tensor:
    """Return the index of each point's closest anchor."""
    return (points @ anchors.to(points.dtype).T).max(1).indices


def build_graph(features: Tensor, neighbours: int = 50, places: Tensor | None = None) -> Tensor:
    """Return D^-1/2 W D^-1/2, where W connects each image with its nearest neighbours by the cosine of their codes.

    As in the authors' code, the first of k + 1 hits is dropped without a check. It is the image itself, unless an equal
    code has a lower index. Then that code is dropped, and the image's own entry, which is set to zero, takes the place
    of a neighbour. The result uses the larger entry of W and its transpose. An image without edges gets an empty row.
    Codes are pooled rectified values; if a cosine is negative nevertheless, it gives no edge.

    Args:
        features: float32 [N, D], of any norm; a code of zeros has no edges.
        neighbours: k; if there are at most k other codes, all of them are neighbours.
        places: Row and column of each image, int64 [N]; by default its index.

    Returns:
        float64 [N, N] in compressed rows with int32 indices, symmetric, eigenvalues in [-1, 1].

    Raises:
        UserError: If codes are not finite, or k is less than 1.
    """
    if features.ndim != 2 or not bool(features.isfinite().all()):
        raise UserError(
            f"pseudo-labels: codes {tuple(features.shape)} must be finite numbers, one row per image; "
            "lower the learning rate if training diverged"
        )
    if neighbours < 1:
        raise UserError(f"pseudo-labels: {neighbours} neighbours give no graph; give at least 1")
    n = len(features)
    order = torch.arange(n, device=features.device) if places is None else places.argsort()
    starts, ends, cosines = _edges(features[order].float(), order, neighbours)
    counts, columns, weights = (_joined_by_sorting if features.is_cuda else _joined)(starts, ends, cosines, n)
    # Sum in a fixed order; scattered additions would differ between runs on a GPU.
    degree = torch.segment_reduce(weights, "sum", lengths=counts, unsafe=True)
    scale = torch.where(degree == 0, 1.0, degree).rsqrt()
    values = weights.mul_(scale.repeat_interleave(counts, output_size=len(weights)).mul_(scale[columns]))
    return compressed_rows(counts, columns, values, (n, n))


def _edges(features: Tensor, names: Tensor, neighbours: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return start (ascending), end and cosine of each edge; ties go to the images with the lowest names."""
    largest = features.abs().amax(1)
    images = largest.nonzero()[:, 0]
    # Squares of very small or large numbers do not fit into float32; scaling by a power of 2 is exact.
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
    """Return the entries per row, the sorted int32 columns, and the float64 values of max(W, W^T), on the CPU."""
    row_starts = torch.bincount(starts, minlength=n).cumsum(0)
    row_starts = torch.cat([row_starts.new_zeros(1), row_starts]).int()
    one_way = csr_matrix((cosines.double().numpy(), ends.int().numpy(), row_starts.numpy()), shape=(n, n))
    # Transposing sorts by counting, which takes a third of the time of a sort.
    back = one_way.T.tocsr()
    both = back.T.tocsr().maximum(back)
    columns, values = torch.from_numpy(both.indices), torch.from_numpy(both.data)
    return torch.from_numpy(both.indptr).long().diff(), columns.int(), values


def _joined_by_sorting(starts: Tensor, ends: Tensor, cosines: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same as `_joined`, on any device. A pair's cosine is the same in both directions."""
    keys, order = torch.cat([starts * n + ends, ends * n + starts]).sort()
    first = torch.cat([keys.new_ones(1, dtype=torch.bool), keys[1:] != keys[:-1]])[: len(keys)]
    keys, order = keys[first], order[first]
    values = cosines[order % max(len(cosines), 1)].double()
    return torch.bincount(keys // n, minlength=n), (keys % n).int(), values
