"""Exact nearest neighbours by cosine: a rough product excludes nearly all pairs, and the rest is ranked exactly.

If no entry of the rough product has an error above e, and h of a point's entries are at least t, then its h nearest
points all have entries of at least t - 2 e. So the result equals a full search for any precision of the product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from drl.jobs.device import has_amx
from drl.laplacenet.sparse import compressed_rows

FAST_FROM = 8000  # number of points from which bfloat16 saves more than its larger error costs (measured)
FACTORS = (8, 4, 2)  # sizes of groups; larger ones cost more to open than they save (measured)
ROWS = {"cpu": 512, "cuda": 2048}  # rows of the rough product at a time
# Measured: with 131 factors, the product of 256 or 1024 rows took up to three times as long as that of 512. With 128 or
# 160, which are whole tiles of AMX, this did not happen.
TILE = 32
# Pairs that are opened at a time. Where codes lie close together, as equal images do, a block has as many as the square
# of their number; rows are then taken in smaller parts. 16 million pairs take less than a gigabyte.
PAIRS = 2**24
GATHERED = 2**28  # bytes of points that are gathered on a GPU at a time


def cosines(left: Tensor, right: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the inner products of pairs of points. They are symmetric, and equal points give equal products.

    Args:
        left: float64 [R, D].
        right: float64 [N, D].
        rows: int64 [E], rows of `left`, in ascending order.
        columns: int64 [E], rows of `right`.

    Returns:
        float64 [E]; negative products, which pooled rectified codes do not have, are replaced by 0.
    """
    products: Tensor
    if left.device.type == "cuda":
        step = max(GATHERED // (16 * left.shape[1]), 1)
        parts = zip(rows.split(step), columns.split(step), strict=True)
        products = torch.cat([torch.linalg.vecdot(left[row], right[column]) for row, column in parts])
    else:
        # This reads each point in place; gathering both sides took three times as long.
        counts = torch.bincount(rows, minlength=len(left))
        pattern = compressed_rows(counts, columns, left.new_zeros(len(columns)), (len(left), len(right)))
        products = torch.sparse.sampled_addmm(pattern, left, right.T, beta=0.0).values()
    return products.clamp_min_(0)


def nearest(points: Tensor, hits: int, fast: bool | None = None, names: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Find the `hits` nearest points of each point by inner product, including itself; ties go to the lowest names.

    Args:
        points: float32 [N, D] of norm 1.
        hits: Number of nearest points, 1 to N.
        fast: Whether the rough product is in bfloat16; None means for many points on CPUs with tiles for it (AMX).
        names: Distinct integers [N]; by default the indices.

    Returns:
        Indices, int64 [N, hits], and cosines, float32 [N, hits], with the nearest first; ties go to the lowest name.
    """
    n, rows_at_once = len(points), ROWS[points.device.type]
    if fast is None:
        fast = n >= FAST_FROM and points.device.type == "cpu" and has_amx()
    rough = (_RoughProduct.fast if fast else _RoughProduct.plain)(points, hits)
    order = torch.arange(n, device=points.device) if names is None else names.argsort()
    ranks = order.argsort() if names is not None else order
    exact, found = points.double(), []
    for start in range(0, n, rows_at_once):
        stop = min(start + rows_at_once, n)
        for first, last, rows, columns in rough.candidates(start, stop, hits):
            products = cosines(exact[first:last], exact, rows, columns)
            found.append(_best(products, rows, ranks[columns], last - first, n, hits))
    best, values = zip(*found, strict=True)
    return order[torch.cat(best)], torch.cat(values)


def _best(products: Tensor, rows: Tensor, ranks: Tensor, height: int, n: int, hits: int) -> tuple[Tensor, Tensor]:
    """Keep the `hits` best candidates of each row: their ranks and products."""
    # Compare one integer: about 44 bits of the cosine, and below them the rank, where lower ranks win.
    bits = n.bit_length()
    scale, last = 2.0 ** (61 - bits), (1 << bits) - 1
    keys = (products * scale).round_().long().bitwise_left_shift_(bits).bitwise_or_(last - ranks)
    counts = torch.bincount(rows, minlength=height)
    width = int(counts.max())
    # The number to add to a candidate's number to get its place in the table.
    shifts = torch.arange(0, height * width, width, device=rows.device) - (counts.cumsum(0) - counts)
    table = keys.new_full((height * width,), -1)
    table[torch.arange(len(rows), device=rows.device) + shifts[rows]] = keys
    best = table.view(height, width).topk(hits).values
    return last - (best & last), ((best >> bits).double() / scale).float()


@dataclass(frozen=True)
class _RoughProduct:
    """Factors of a product whose entries show which pairs may be near.

    In float32 an entry is x . y. In bfloat16 it is x . (y - m), where m is the mean of all points. It differs from
    x . y by a number that depends only on the row, and it has smaller errors. The average of a row's entries is zero,
    so the entries of near points are positive, and their bits can be compared as integers, which took a quarter of the
    time.

    Attributes:
        left: [N, K].
        right: [K, M], M >= N, a multiple of the groups.
        margin: float32 [N], twice the largest error of an entry in the row.
        factors: The factors by which each level of maxima is narrower than the previous one.
        buffer: [R, M]; new memory for each block would take as long as its product.
    """

    left: Tensor
    right: Tensor
    margin: Tensor
    factors: tuple[int, ...]
    buffer: Tensor

    @classmethod
    def plain(cls, points: Tensor, hits: int) -> _RoughProduct:
        """Prepare the product of points [N, D] with each other in float32."""
        sizes = points.norm(dim=1)
        return cls._of(points, points, 2 * _sums(points) * (sizes * sizes.max() + 2), hits)

    @classmethod
    def fast(cls, points: Tensor, hits: int) -> _RoughProduct:
        """Prepare the product of points [N, D] with each other in bfloat16."""
        turned, mean = _turned(points)
        centred = turned.clone()
        centred[:, 0] -= mean
        left, right = turned.bfloat16(), centred.bfloat16()
        # The norms of the factors are at most 1 and 2.
        margin = 2 * (_error(turned, left, centred, right) + 3 * _sums(points))
        fill = (0, -points.shape[1] % TILE)
        return cls._of(torch.nn.functional.pad(left, fill), torch.nn.functional.pad(right, fill), margin, hits)

    @classmethod
    def _of(cls, left: Tensor, right: Tensor, margin: Tensor, hits: int) -> _RoughProduct:
        """Choose groups, and fill up the right factor and the buffer."""
        n = len(left)
        factors = _factors(n, hits)
        right = torch.nn.functional.pad(right.T, (0, -n % math.prod(factors))).contiguous()
        buffer = right.new_empty(min(ROWS[left.device.type], n), right.shape[1])
        return cls(left, right, margin, factors, buffer)

    def candidates(self, start: int, stop: int, hits: int) -> Iterator[tuple[int, int, Tensor, Tensor]]:
        """Yield, for parts of the rows from `start` to `stop`, all entries that may be among the `hits` best.

        Yields:
            The first row of the part and the one after its last, and the entries' rows (counted from the part's first,
            ascending) and columns.
        """
        n = len(self.left)
        product = torch.mm(self.left[start:stop], self.right, out=self.buffer[: stop - start])
        product[:, n:] = -torch.inf
        levels = [product if product.dtype == torch.float32 else product.view(torch.int16)]
        for factor in self.factors:
            levels.append(levels[-1].unflatten(1, (factor, -1)).amax(1))
        least = levels[-1].topk(hits, sorted=False).values.amin(1)
        margin = self.margin[start:stop]
        thresholds = least - margin if product.dtype == torch.float32 else _bits(least, margin)
        kept = levels[-1] >= thresholds[:, None]
        opened, groups = kept.nonzero(as_tuple=True)
        for first, last, begin, end in _parts(kept, len(opened), math.prod(self.factors)):
            rows, columns = _open(levels, self.factors, thresholds, opened[begin:end], groups[begin:end])
            if product.shape[1] > n:
                real = columns < n
                if not bool(real.all()):
                    rows, columns = rows[real], columns[real]
            yield start + first, start + last, rows - first, columns


def _turned(points: Tensor) -> tuple[Tensor, float]:
    """Turn points [N, D], float32, so that only the first coordinate of their mean is not zero; return it, too.

    Centring then changes one coordinate, so the part of x . y that only depends on x needs no columns of its own.
    """
    exact = points.double()
    mirror = exact.mean(0)
    mean = float(torch.copysign(mirror.norm(), mirror[0]))
    mirror[0] += mean if mean else 1.0
    # Householder's reflection; the sign of the mean's first coordinate changes.
    turned = torch.addr(exact, exact @ mirror, mirror, alpha=-2 / float(mirror @ mirror))
    return turned.float(), -mean


def _parts(kept: Tensor, opened: int, members: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield ranges of rows, each of at most PAIRS entries or one row, and the ranges of their groups.

    Args:
        kept: bool [R, G], the groups that will be opened.
        opened: Their number.
        members: Entries of a group.
    """
    first = begin = end = 0
    if opened * members > PAIRS:
        for row, count in enumerate(kept.sum(1).tolist()):
            if (end + count - begin) * members > PAIRS and row > first:
                yield first, row, begin, end
                first, begin = row, end
            end += count
    yield first, len(kept), begin, opened


def _bits(least: Tensor, margin: Tensor) -> Tensor:
    """Return the bits, int16, of a bfloat16 number that is at least a margin below the number with the given bits."""
    # Half a step of bfloat16 is 2^-9; truncating the bits of a positive number makes it smaller.
    thresholds = least.view(torch.bfloat16).float() * (1 - 2.0**-8) - margin
    # Integers have the order of the entries only if these are positive. Otherwise exclude nothing.
    proven = (least > 0) & (thresholds > 0)
    return torch.where(proven, (thresholds.view(torch.int32) >> 16).short(), torch.iinfo(torch.int16).min)


def _factors(n: int, hits: int) -> tuple[int, ...]:
    """Choose group sizes so that six groups per hit remain: then few groups contain two of the best."""
    chosen: list[int] = []
    while fitting := [factor for factor in FACTORS if n // (math.prod(chosen) * factor) >= 6 * hits]:
        chosen.append(fitting[0])
    return tuple(chosen)


def _error(left: Tensor, coarse_left: Tensor, right: Tensor, coarse_right: Tensor) -> Tensor:
    """Return a bound of |x . y - its product of coarse factors|, for x in left [N, D], over all y in right [N, D].

    The first coordinate of left is not centred and much larger than the others, so it has a bound of its own. For the
    others, it is Cauchy-Schwarz.
    """
    kept_left, kept_right = coarse_left.float(), coarse_right.float()
    lost_left, lost_right = left - kept_left, right - kept_right
    first: Tensor = (
        lost_left[:, 0].abs() * right[:, 0].abs().max() + kept_left[:, 0].abs() * lost_right[:, 0].abs().max()
    )
    kept, lost = kept_left[:, 1:].norm(dim=1), lost_left[:, 1:].norm(dim=1)
    others: Tensor = lost * right[:, 1:].norm(dim=1).max() + kept * lost_right[:, 1:].norm(dim=1).max()
    return first + others


def _sums(points: Tensor) -> float:
    """Return a bound of a float32 sum's error, for factors of norm 1; it includes the rounding of turned points."""
    if points.device.type == "cuda" and _rounds_to_tf32():
        return 2.0**-9
    return (points.shape[1] + 3) * 2.0**-23


def _rounds_to_tf32() -> bool:
    """Return whether float32 products on a GPU keep only 11 bits of each factor, which torch does only if told to."""
    try:
        return bool(torch.backends.cuda.matmul.allow_tf32)
    except RuntimeError:
        # Somebody has used torch's old and new settings together. The larger bound holds for both.
        return True


def _open(
    levels: list[Tensor], factors: tuple[int, ...], thresholds: Tensor, rows: Tensor, columns: Tensor
) -> tuple[Tensor, Tensor]:
    """Find rows and columns of entries at or above their row's threshold.

    Args:
        levels: [R, M], then maxima [R, M / factors[0]], and so on.
        factors: Powers of two.
        thresholds: [R].
        rows: int64 [G], rows of groups at the narrowest level, ascending.
        columns: int64 [G], the groups' columns there.
    """
    for level, factor in zip(levels[-2::-1], factors[::-1], strict=True):
        width = level.shape[1]
        step = width // factor
        places = torch.add(columns, rows, alpha=width)[:, None] + torch.arange(0, width, step, device=columns.device)
        values = level.flatten().index_select(0, places.flatten()).view_as(places)
        chosen = (values >= thresholds.index_select(0, rows)[:, None]).flatten().nonzero()[:, 0]
        # Division and remainder by a power of two; torch's division of integers is slow.
        group, member = chosen >> (factor.bit_length() - 1), chosen & (factor - 1)
        rows, columns = rows.index_select(0, group), torch.add(columns.index_select(0, group), member, alpha=step)
    return rows, columns
