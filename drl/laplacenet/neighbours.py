"""Exact nearest neighbours by cosine: a rough product rules nearly all pairs out, the rest is ranked exactly.

If no entry of the rough product is off by more than e, and h of a point's entries are at least t, then its h nearest
points all have entries of at least t - 2 e. So the result is that of a full search, whatever the product's precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from drl.device import _has_amx
from drl.laplacenet.sparse import compressed_rows

SAMPLE = 3136  # columns that estimate where a row's threshold will be
FACTORS = (8, 4, 2)  # of groups: measured, larger ones cost more to open than they save
ROWS = {"cpu": 256, "cuda": 2048}  # of the rough product at a time


def cosines(points: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the inner products of pairs of points; those of equal points are equal, and neither side comes first.

    Args:
        points: float64 [N, D].
        rows: int64 [E], ascending.
        columns: int64 [E].

    Returns:
        float64 [E]; where it would be below 0, which it is not for pooled rectified codes, 0.
    """
    products: Tensor
    if points.device.type == "cuda":
        products = torch.linalg.vecdot(points[rows], points[columns])
    else:
        # Reads each point where it lies; gathering both sides took three times as long.
        pattern = compressed_rows(rows, columns, points.new_zeros(len(columns)), len(points))
        products = torch.sparse.sampled_addmm(pattern, points, points.T, beta=0.0).values()
    return products.clamp_min(0)


def nearest(points: Tensor, hits: int, fast: bool | None = None) -> tuple[Tensor, Tensor]:
    """Find each point's `hits` nearest by inner product, itself among them; of equally near ones the lowest indices.

    Args:
        points: float32 [N, D] of norm 1.
        hits: How many, 1 to N.
        fast: Whether the rough product is in bfloat16; None: on CPUs that have tiles for it (AMX).

    Returns:
        Indices, int64 [N, hits], and cosines, float32 [N, hits], the nearest first, of equals the lowest index.
    """
    fast = points.device.type == "cpu" and _has_amx() if fast is None else fast
    rough = _RoughProduct.of(points, hits, torch.bfloat16 if fast else torch.float32)
    exact, found = points.double(), []
    for start in range(0, len(points), ROWS[points.device.type]):
        stop = min(start + ROWS[points.device.type], len(points))
        found.append(_best(exact, *rough.candidates(start, stop, hits), start, stop, hits))
    indices, values = zip(*found, strict=True)
    return torch.cat(indices), torch.cat(values)


def _best(points: Tensor, rows: Tensor, columns: Tensor, start: int, stop: int, hits: int) -> tuple[Tensor, Tensor]:
    """Keep the `hits` best candidates of each row."""
    # One integer to compare: the cosine, to 44 bits or so, above the index, of which lower ones count more.
    bits = len(points).bit_length()
    scale, last = 2.0 ** (61 - bits), (1 << bits) - 1
    keys = ((cosines(points, rows + start, columns) * scale).round().long() << bits) | (last - columns)
    counts = torch.bincount(rows, minlength=stop - start)
    places = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
    table = keys.new_full((stop - start, int(counts.max())), -1)
    table[rows, places] = keys
    best = table.topk(hits).values
    return last - (best & last), ((best >> bits).double() / scale).float()


@dataclass(frozen=True)
class _RoughProduct:
    """Factors of a product whose entries are x . y - s(x), for a shift s(x) a little below the row's threshold.

    bfloat16 has the finest steps near zero: the shift puts them where the decision falls. And it makes those entries
    positive that matter, whose bits then compare as integers, which took a quarter of the time.

    Attributes:
        left: [N, K].
        right: [K, M], with columns that are never found up to a multiple of the groups.
        sample: [K, S], S < N: some of the columns, which tell the shift.
        margin: float32 [N]: twice the largest error of an entry of the row.
        factors: By how much each level of maxima is narrower than the one before.
        buffer: [R, M]: new memory a block would cost as much time as its product.
    """

    left: Tensor
    right: Tensor
    sample: Tensor
    margin: Tensor
    factors: tuple[int, ...]
    buffer: Tensor

    @classmethod
    def of(cls, points: Tensor, hits: int, dtype: torch.dtype) -> _RoughProduct:
        """Prepare the product of points [N, D] with each other."""
        n, width = points.shape
        # x . y = (x - m) . (y - m) + m . (y - m) + a number of the row, which does not matter: shorter factors, and
        # so smaller errors.
        mean = points.mean(0)
        centred = points - mean
        offset = centred @ mean
        coarse, high = centred.to(dtype), offset.to(dtype)
        factors = _factors(n, hits)
        left = torch.cat([coarse, coarse.new_ones(n, 2), coarse.new_zeros(n, 1)], 1)
        right = coarse.new_zeros(n + -n % math.prod(factors), width + 3)
        right[:n, :-1] = torch.cat([coarse, high[:, None], (offset - high).to(dtype)[:, None]], 1)
        right[n:, width] = -100
        right[:, -1] = 1
        margin = 2 * _error(centred, coarse, offset)
        sample = right[: n : max(n // SAMPLE, 1)].T.contiguous()
        buffer = right.new_empty(ROWS[points.device.type], len(right))
        return cls(left, right.T.contiguous(), sample, margin, factors, buffer)

    def candidates(self, start: int, stop: int, hits: int) -> tuple[Tensor, Tensor]:
        """Return rows (counted from `start`, ascending) and columns of entries that may be among the `hits` best."""
        left = self.left[start:stop].clone()
        left[:, -1] = -self._shift(left, hits)
        product = torch.mm(left, self.right, out=self.buffer[: stop - start])
        levels = [product.view(torch.int16 if product.dtype == torch.bfloat16 else torch.int32)]
        for factor in self.factors:
            levels.append(levels[-1].unflatten(1, (factor, -1)).amax(1))
        least = levels[-1].topk(hits, sorted=False).values.amin(1)
        sure = least.view(product.dtype).float()
        # Half a step of bfloat16 is 2^-9; truncating the bits of a positive number makes it smaller.
        thresholds = sure * (1 - 2.0**-8) - self.margin[start:stop]
        bits = thresholds.view(torch.int32)
        bits = (bits >> 16).short() if product.dtype == torch.bfloat16 else bits
        # Integers order positive entries only. Where the shift was too large, nothing is ruled out.
        proven = (least > 0) & (thresholds > 0)
        rows, columns = _open(levels, self.factors, torch.where(proven, bits, torch.iinfo(bits.dtype).min))
        real = columns < len(self.left)
        return rows[real], columns[real]

    def _shift(self, left: Tensor, hits: int) -> Tensor:
        """Estimate, for rows [R, K], an entry of rank 10 x hits, or a lower one."""
        rank = math.ceil(10 * hits * self.sample.shape[1] / len(self.left))
        entries = left @ self.sample
        if 2 * rank > entries.shape[1]:
            return entries.amin(1) - 1
        # Maxima of groups are at most as many as the entries above them.
        group = entries.shape[1] // (2 * rank)
        maxima = entries[:, : 2 * rank * group].unflatten(1, (group, -1)).amax(1)
        lowest: Tensor = maxima.float().topk(rank).values[:, -1]
        return lowest


def _factors(n: int, hits: int) -> tuple[int, ...]:
    """Choose groups so that six groups a hit remain: then few groups hold two of the best."""
    chosen: list[int] = []
    while fitting := [factor for factor in FACTORS if n // (math.prod(chosen) * factor) >= 6 * hits]:
        chosen.append(fitting[0])
    return tuple(chosen)


def _error(centred: Tensor, coarse: Tensor, offset: Tensor) -> Tensor:
    """Bound |x . y - its entry, before it is rounded| for each x (Cauchy-Schwarz)."""
    lost = (centred - coarse.float()).norm(dim=1)
    size, kept = centred.norm(dim=1), coarse.float().norm(dim=1)
    error = lost * size.max() + kept * lost.max()
    # TF32, which a user may have switched on, keeps 11 bits of each factor.
    sums = 2.0**-9 if centred.device.type == "cuda" else (centred.shape[1] + 3) * 2.0**-23
    bound: Tensor = error + sums * (kept * kept.max() + 2) + 2.0**-16 * offset.abs().max()
    return bound


def _open(levels: list[Tensor], factors: tuple[int, ...], thresholds: Tensor) -> tuple[Tensor, Tensor]:
    """Find rows and columns of entries at or above their row's threshold, from the narrowest level of maxima down."""
    rows, columns = (levels[-1] >= thresholds[:, None]).nonzero(as_tuple=True)
    for level, factor in zip(levels[-2::-1], factors[::-1], strict=True):
        step = level.shape[1] // factor
        members = columns[:, None] + torch.arange(0, level.shape[1], step, device=columns.device)
        values = level.flatten().index_select(0, (rows[:, None] * level.shape[1] + members).flatten()).view_as(members)
        group, member = (values >= thresholds[rows][:, None]).nonzero(as_tuple=True)
        rows, columns = rows[group], members[group, member]
    return rows, columns
