"""Which test images a classifier got right: a file of bits beside the CSV of its accuracies.

Two classifiers that are compared on the same images can then be compared image by image (docs/statistics.md, "New
images"). A row of a metrics file may carry such bits; they are not a column of the CSV, but go to
`<name>.right.safetensors`, which holds

- `row`: int64 [R], the rows of the CSV that have bits, counted from 0;
- `bits`: uint8 [R, ceil(N / 8)], for each of them one bit an image, in the order of the images' positions, the first
  image in the highest bit.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from drl.data.tensors import open_tensors
from drl.errors import UserError
from drl.files import atomic
from drl.records.metrics import AGAIN, write_metrics

if TYPE_CHECKING:
    from torch import Tensor

RIGHT = "right"  # the key of a row
SUFFIX = ".right.safetensors"
SLACK = 1e-3  # points between an accuracy and the share of its bits; accuracies are sums of floats
MOST_ROWS = 10**6

Bits = NDArray[np.uint8]


def packed(right: Tensor) -> str:
    """Return the bits of images that were classified rightly, bool [N], as text, which a saved state can hold."""
    return base64.b64encode(np.packbits(right.cpu().numpy().astype(bool)).tobytes()).decode()


def write_measured(path: Path, rows: Iterable[Mapping[str, Any]]) -> list[Path]:
    """Write a metrics file, and the bits of the rows that have some beside it.

    Args:
        path: The CSV file.
        rows: As `write_metrics` takes them; the key `right` holds what `packed` returned for `n` images.

    Returns:
        The files that were written.

    Raises:
        UserError: As `write_metrics`.
    """
    made = [dict(row) for row in rows]
    found = {place: row.pop(RIGHT) for place, row in enumerate(made) if RIGHT in row}
    beside = path.with_suffix(SUFFIX)
    if found:
        bits = np.stack([np.frombuffer(base64.b64decode(text), dtype=np.uint8) for text in found.values()])
        with atomic(beside) as temporary:
            save_file({"row": np.array(list(found), dtype=np.int64), "bits": bits}, temporary)
    write_metrics(path, made)
    return [path, *([beside] if found else [])]


def read_right(path: Path, rows: Sequence[Mapping[str, str]]) -> dict[int, Bits]:
    """Read the bits beside a metrics file.

    Args:
        path: The CSV file.
        rows: Its rows, as `read_metrics` returns them.

    Returns:
        For each row that has bits, its packed bits, by the row's number from 0; none if there is no such file.

    Raises:
        UserError: If the file is damaged, or is not of these rows.
    """
    beside = path.with_suffix(SUFFIX)
    if not beside.exists():
        return {}
    try:
        with open_tensors(beside, "np") as file:
            shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
            if set(shapes) != {"row", "bits"} or len(shapes["row"]) != 1 or shapes["row"][0] > MOST_ROWS:
                raise ValueError("it does not hold rows and bits")
            places, bits = file.get_tensor("row"), file.get_tensor("bits")
        if bits.dtype != np.uint8 or bits.ndim != 2 or places.dtype != np.int64 or len(bits) != len(places):
            raise ValueError("its tensors do not fit together")
        found = dict(zip(places.tolist(), bits, strict=True))
        for place, one in found.items():
            _check(one, rows[place] if 0 <= place < len(rows) else None)
    except (SafetensorError, ValueError) as error:
        raise UserError(f"{beside}: does not hold the bits of {path.name} ({error}); {AGAIN}") from error
    return found


def unpacked(bits: Bits, n: int) -> NDArray[np.bool_]:
    """Return bool [n] from packed bits."""
    return np.unpackbits(bits, count=n).astype(bool)


def _check(bits: Bits, row: Mapping[str, str] | None) -> None:
    """Refuse bits that are not those of a row: its accuracy is the share of its bits."""
    if row is None or not row["n"] or not 0 < int(row["n"]) <= 8 * len(bits) < int(row["n"]) + 8:
        raise ValueError("it has other rows or numbers of images")
    share = 100 * float(unpacked(bits, int(row["n"])).mean())
    if abs(share - float(row["value"])) > SLACK:
        raise ValueError(f"one row says {row['value']} %, its bits {share:.6g} %")
