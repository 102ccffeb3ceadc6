"""Choose which images are used for training, testing and validation, and which keep their labels.

All random numbers are the same in every version of numpy and torch (see `drl.data.seeds`). Results are sorted int64
indices. Labels are int64 [N] throughout, as numpy arrays or CPU tensors.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drl.data.csv_text import MOST_LETTERS
from drl.data.regular import open_regular
from drl.data.seeds import Stream, bits, shuffled
from drl.errors import UserError

Indices = NDArray[np.int64]
MOST_BYTES = 2**28  # of a label list


def balanced_subset(
    labels: ArrayLike,
    n: int,
    seed: int,
    candidates: ArrayLike | None = None,
    stream: Stream = Stream.LABELS,
) -> Indices:
    """Choose `n` images at random so that the counts of the classes differ by at most one.

    Which classes get one more is random too. If `n` equals the number of candidates, all are chosen, balanced or not.
    With one seed, a smaller subset need not be part of a larger one.

    Args:
        labels: Labels of all images [N].
        n: Number of images to choose.
        seed: Not negative.
        candidates: Indices into `labels` to choose from. Default: all.
        stream: What the subset is for. One seed gives independent subsets for different purposes.

    Returns:
        Sorted indices into `labels`.

    Raises:
        UserError: If `n` is negative or too large, or a class has too few candidates.
    """
    labels = np.asarray(labels, dtype=np.int64)
    pool = np.arange(len(labels)) if candidates is None else np.unique(np.asarray(candidates, dtype=np.int64))
    if not 0 <= n <= len(pool):
        raise UserError(f"a subset of {n} images was asked for but there are {len(pool)}: choose 0 to {len(pool)}")
    if n == len(pool):
        return pool
    source = bits(seed, stream)
    classes = np.unique(labels)
    counts = _balanced_counts(classes, labels[pool], n, shuffled(classes, source))
    chosen = [
        shuffled(pool[labels[pool] == label], source)[:count] for label, count in zip(classes, counts, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def _balanced_counts(classes: Indices, pool_labels: Indices, n: int, order: Indices) -> Indices:
    have = np.array([np.count_nonzero(pool_labels == label) for label in classes])
    base, extra = divmod(n, len(classes))
    richer = [label for label in order if have[np.searchsorted(classes, label)] > base]
    if have.min() < base or len(richer) < extra:
        poorest = int(np.argmin(have))
        need = base if have[poorest] < base else base + 1
        raise UserError(
            f"class {classes[poorest]} has {have[poorest]} images to choose from but a balanced subset of {n} needs "
            f"{need}: ask for fewer images"
        )
    return base + np.isin(classes, richer[:extra]).astype(np.int64)


def validation_split(labels: ArrayLike, n: int, seed: int, train: ArrayLike) -> Indices:
    """Choose `n` of the training images, class-balanced, as validation images.

    Args:
        labels: Labels of all images [N].
        n: Number of images; 0 gives an empty array.
        seed: Not negative.
        train: Indices of the training images in `labels`.

    Returns:
        Sorted indices into `labels`.

    Raises:
        UserError: If a class has too few training images.
    """
    return balanced_subset(labels, n, seed, train, Stream.VALIDATION)


def stratified_split(labels: ArrayLike, train: int, test: int, seed: int) -> tuple[Indices, Indices]:
    """Split images at random into two disjoint parts in which every class keeps its share, to within one image.

    Args:
        labels: Labels of all images [N].
        train: Size of the first part.
        test: Size of the second part; train + test may be less than N.
        seed: Not negative.

    Returns:
        Sorted indices into `labels`: train, test.

    Raises:
        UserError: If train + test exceed N.
    """
    labels = np.asarray(labels, dtype=np.int64)
    if train < 0 or test < 0 or train + test > len(labels):
        raise UserError(
            f"{train} training and {test} test images were asked for but there are {len(labels)}: lower them"
        )
    classes, have = np.unique(labels, return_counts=True)
    # Divide the sum first, then its training part: this never asks a class for more images than it has.
    taken = _in_proportion(have, train + test)
    first = _in_proportion(taken, train)
    source = bits(seed, Stream.SPLIT)
    parts: tuple[list[Indices], list[Indices]] = ([], [])
    for label, one, both in zip(classes, first, taken, strict=True):
        order = shuffled(np.flatnonzero(labels == label).astype(np.int64), source)
        parts[0].append(order[:one])
        parts[1].append(order[one:both])
    empty = np.zeros(0, dtype=np.int64)
    return np.sort(np.concatenate([empty, *parts[0]])), np.sort(np.concatenate([empty, *parts[1]]))


def _in_proportion(sizes: Indices, total: int) -> Indices:
    """Divide `total` in proportion to `sizes`, by largest remainder in exact integers; ties go to the first."""
    whole = int(sizes.sum())
    if whole == 0:
        return np.zeros_like(sizes)
    shares, remainders = np.divmod(sizes * total, whole)
    shares[np.argsort(-remainders, kind="stable")[: total - int(shares.sum())]] += 1
    return shares


def read_label_list(
    path: str | Path, files: Mapping[str, int], classes: Sequence[str]
) -> tuple[Indices, NDArray[np.int64]]:
    """Read a label list in LaplaceNet's format, one line `file class` per labelled image.

    Args:
        path: Path of the list.
        files: Index of each training image by file name. For a name `<class>/<file>`, a list may give `file` alone.
        classes: Class names.

    Returns:
        Sorted indices [n], and the class of each image according to the list.

    Raises:
        UserError: If the list is missing or empty, or a line is malformed, names an unknown file or class, or repeats
            a file; the message says which line.
    """
    path = Path(path)
    by_name = {name: position for position, name in enumerate(classes)}
    found: dict[int, int] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        file, label = _parse_line(line.strip(), by_name, f"label list {path}, line {number}")
        index = files.get(file, files.get(f"{classes[label]}/{file}"))
        if index is None:
            raise UserError(
                f"label list {path}, line {number}: no training image is called {file!r}: check the data set"
            )
        if index in found:
            raise UserError(f"label list {path}, line {number}: {file!r} is listed twice: remove one line")
        found[index] = label
    if not found:
        raise UserError(f"label list {path} is empty: it needs a line 'file class' for each labelled image")
    indices = np.array(sorted(found), dtype=np.int64)
    return indices, np.array([found[index] for index in indices.tolist()], dtype=np.int64)


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a label list; only one at a time is in memory."""
    try:
        with open_regular(path, MOST_BYTES) as stream, io.TextIOWrapper(stream, "utf-8") as text:
            while line := text.readline(MOST_LETTERS):
                yield line
    except (UserError, UnicodeDecodeError) as error:
        raise UserError(f"label list {path} cannot be read ({error}): set the data set's `label_list`") from error


def _parse_line(line: str, by_name: Mapping[str, int], where: str) -> tuple[str, int]:
    # Class names and file names may both contain spaces; the known class names show where to split.
    for fields in (line.split(maxsplit=1), line.rsplit(maxsplit=1)):
        if len(fields) == 2 and fields[1] in by_name:
            return fields[0], by_name[fields[1]]
    if len(line.split()) < 2:
        raise UserError(f"{where}: {line!r} is not 'file class': fix the line")
    raise UserError(f"{where}: {line.split()[-1]!r} is not a class of the data set: check the list")


def label_subset(
    labels: ArrayLike,
    n: int,
    seed: int,
    *,
    candidates: ArrayLike | None = None,
    label_list_folder: str | Path | None = None,
    files: Mapping[str, int] | None = None,
    classes: Sequence[str] = (),
) -> Indices:
    """Choose the `n` images that keep their labels: from a label list if a folder of lists is given, else balanced.

    Args:
        labels: Labels of all images [N].
        n: Label budget. If it equals the number of candidates, all keep their labels.
        seed: Not negative. With label lists, the number of the split: `<n>_balanced_labels/<seed, two digits>.txt`.
        candidates: Indices that may be chosen (usually the training images without validation). Default: all.
        label_list_folder: Folder that holds the `<n>_balanced_labels` folders. No list is needed for all labels.
        files: Index of each training image by file name; needed with label lists.
        classes: Class names; needed with label lists.

    Returns:
        Sorted indices into `labels`.

    Raises:
        UserError: If there are too few images, or the list has the wrong length, a wrong label, or an image outside
            `candidates`.
    """
    labels = np.asarray(labels, dtype=np.int64)
    pool = np.arange(len(labels)) if candidates is None else np.unique(np.asarray(candidates, dtype=np.int64))
    if label_list_folder is None or n == len(pool):
        return balanced_subset(labels, n, seed, pool)
    path = Path(label_list_folder) / f"{n}_balanced_labels" / f"{seed:02d}.txt"
    indices, listed = read_label_list(path, files or {}, classes)
    if len(indices) != n:
        raise UserError(f"label list {path} names {len(indices)} images, not {n}: fix the list or its folder's name")
    wrong = np.flatnonzero(labels[indices] != listed)
    if len(wrong):
        raise UserError(
            f"label list {path} gives {len(wrong)} images a different class than the data set: check the list"
        )
    outside = n - int(np.isin(indices, pool).sum())
    if outside:
        raise UserError(
            f"label list {path} names {outside} images held out for validation: unset `label_list` or take "
            "the listed images out of the validation images"
        )
    return indices
