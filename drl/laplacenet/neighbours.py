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
SAMPLE = 3136  # columns that are used to estimate a row's threshold
FACTORS = (8, 4, 2)  # sizes of groups; larger ones cost more to open than they save (measured)
ROWS = {"cpu": 512, "cuda": 2048}  # rows of the rough product at a time
# Measured: with 131 factors, the product of 256 or 1024 rows took up to three times as long as that of 512. With 160,
# which are five tiles of AMX, this did not happen.
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

    In float32 an entry is x . y. In bfloat16 it is x . y - s(x), with a shift s(x) slightly below the row's threshold.
    bfloat16 has the finest steps near zero, and the shift puts the decision there. The shift also makes all relevant
    entries positive, so that their bits can be compared as integers, which took a quarter of the time.

    Attributes:
        left: [N, K]; in bfloat16, the last column is for the shift.
        right: [K, M], M >= N, a multiple of the groups; in bfloat16, the last row is 1.
        sample: [K, S], S < N, some of the columns, from which the shift is estimated; None in float32.
        margin: float32 [N], twice the largest error of an entry in the row.
        factors: The factors by which each level of maxima is narrower than the previous one.
        buffer: [R, M]; new memory for each block would take as long as its product.
    """

    left: Tensor
    right: Tensor
    sample: Tensor | None
    margin: Tensor
    factors: tuple[int, ...]
    buffer: Tensor

    @classmethod
    def plain(cls, points: Tensor, hits: int) -> _RoughProduct:
        """Prepare the product of points [N, D] with each other in float32."""
        factors = _factors(len(points), hits)
        right = torch.nn.functional.pad(points.T, (0, -len(points) % math.prod(factors)))
        margin = 2 * _error(points, points, points.new_zeros(1))
        buffer = right.new_empty(min(ROWS[points.device.type], len(points)), right.shape[1])
        return cls(points, right.contiguous(), None, margin, factors, buffer)

    @classmethod
    def fast(cls, points: Tensor, hits: int) -> _RoughProduct:
        """Prepare the product of points [N, D] with each other in bfloat16."""
        n, width = points.shape
        # x . y = (x - m) . (y - m) + m . (y - m) + a constant per row, which does not matter. The factors are shorter,
        # so errors are smaller.
        mean = points.mean(0)
        centred = points - mean
        offset = centred @ mean
        coarse, high = centred.bfloat16(), offset.bfloat16()
        factors = _factors(n, hits)
        left = coarse.new_zeros(n, width + 3 + -(width + 3) % TILE)
        left[:, :width], left[:, width : width + 2] = coarse, 1
        right = coarse.new_zeros(left.shape[1], n + -n % math.prod(factors))
        right[:width, :n], right[width, :n], right[width + 1, :n] = coarse.T, high, (offset - high).bfloat16()
        right[-1] = 1
        margin = 2 * _error(centred, coarse, offset)
        sample = right[:, : n : max(n // SAMPLE, 1)].contiguous()
        buffer = right.new_empty(min(ROWS[points.device.type], n), right.shape[1])
        return cls(left, right, sample, margin, factors, buffer)

    def candidates(self, start: int, stop: int, hits: int) -> Iterator[tuple[int, int, Tensor, Tensor]]:
        """Yield, for parts of the rows from `start` to `stop`, all entries that may be among the `hits` best.

        Yields:
            The first row of the part and the one after its last, and the entries' rows (counted from the part's first,
            ascending) and columns.
        """
        left, n = self.left[start:stop], len(self.left)
        if self.sample is not None:
            left = left.clone()
            left[:, -1] = -self._shift(left, self.sample, hits)
        product = torch.mm(left, self.right, out=self.buffer[: stop - start])
        product[:, n:] = -torch.inf
        levels = [product if self.sample is None else product.view(torch.int16)]
        for factor in self.factors:
            levels.append(levels[-1].unflatten(1, (factor, -1)).amax(1))
        least = levels[-1].topk(hits, sorted=False).values.amin(1)
        margin = self.margin[start:stop]
        thresholds = least - margin if self.sample is None else _bits(least, margin)
        for first, last in _parts(levels[-1] >= thresholds[:, None], math.prod(self.factors)):
            part = [level[first:last] for level in levels]
            rows, columns = _open(part, self.factors, thresholds[first:last])
            real = columns < n
            if not bool(real.all()):
                rows, columns = rows[real], columns[real]
            yield start + first, start + last, rows, columns

    def _shift(self, left: Tensor, sample: Tensor, hits: int) -> Tensor:
        """Estimate an entry of rank 10 x hits or lower, for rows [R, K]."""
        rank = math.ceil(10 * hits * sample.shape[1] / len(self.left))
        entries = left @ sample
        if 2 * rank > entries.shape[1]:
            return entries.amin(1) - 1
        # There are at most as many maxima of groups above a value as there are entries.
        group = entries.shape[1] // (2 * rank)
        maxima = entries[:, : 2 * rank * group].unflatten(1, (group, -1)).amax(1)
        lowest: Tensor = maxima.float().topk(rank, sorted=False).values.amin(1)
        return lowest


def _parts(kept: Tensor, members: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows, each of at most PAIRS entries or one row.

    Args:
        kept: bool [R, G], the groups that will be opened.
        members: Entries of a group.
    """
    ends = (kept.sum(1) * members).cumsum(0).tolist()
    first, opened = 0, 0
    for row, end in enumerate(ends):
        if end - opened > PAIRS and row > first:
            yield first, row
            first, opened = row, ends[row - 1]
    yield first, len(ends)


def _bits(least: Tensor, margin: Tensor) -> Tensor:
    """Return the bits, int16, of a bfloat16 number that is at least a margin below the number with the given bits."""
    # Half a step of bfloat16 is 2^-9; truncating the bits of a positive number makes it smaller.
    thresholds = least.view(torch.bfloat16).float() * (1 - 2.0**-8) - margin
    # Integers have the order of the entries only if these are positive. If the shift was too large, exclude nothing.
    proven = (least > 0) & (thresholds > 0)
    return torch.where(proven, (thresholds.view(torch.int32) >> 16).short(), torch.iinfo(torch.int16).min)


def _factors(n: int, hits: int) -> tuple[int, ...]:
    """Choose group sizes so that six groups per hit remain: then few groups contain two of the best."""
    chosen: list[int] = []
    while fitting := [factor for factor in FACTORS if n // (math.prod(chosen) * factor) >= 6 * hits]:
        chosen.append(fitting[0])
    return tuple(chosen)


def _error(centred: Tensor, coarse: Tensor, offset: Tensor) -> Tensor:
    """Return a bound of |x . y - its entry before rounding| for each x (Cauchy-Schwarz)."""
    lost = (centred - coarse.float()).norm(dim=1)
    size, kept = centred.norm(dim=1), coarse.float().norm(dim=1)
    error = lost * size.max() + kept * lost.max()
    sums = 2.0**-9 if centred.device.type == "cuda" and _rounds_to_tf32() else (centred.shape[1] + 3) * 2.0**-23
    bound: Tensor = error + sums * (kept * kept.max() + 2) + 2.0**-16 * offset.abs().max()
    return bound


def _rounds_to_tf32() -> bool:
    """Return whether float32 products on a GPU keep only 11 bits of each factor, which torch does only if told to."""
    try:
        return bool(torch.backends.cuda.matmul.allow_tf32)
    except RuntimeError:
        # Somebody has used torch's old and new settings together. The larger bound holds for both.
        return True


def _open(levels: list[Tensor], factors: tuple[int, ...], thresholds: Tensor) -> tuple[Tensor, Tensor]:
    """Find rows and columns of entries at or above their row's threshold, starting at the narrowest level of maxima."""
    rows, columns = (levels[-1] >= thresholds[:, None]).nonzero(as_tuple=True)
    for level, factor in zip(levels[-2::-1], factors[::-1], strict=True):
        width = level.shape[1]
        members = torch.arange(0, width, width // factor, device=columns.device)
        places = (rows * width + columns)[:, None] + members
        values = level.flatten().index_select(0, places.flatten()).view_as(places)
        chosen = (values >= thresholds.index_select(0, rows)[:, None]).flatten().nonzero()[:, 0]
        group = chosen // factor
        rows, columns = rows[group], columns[group] + (chosen - group * factor) * (width // factor)
    return rows, columns
