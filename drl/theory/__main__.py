"""`python -m drl.theory DATASET SIZE ...`: the closed forms on real images (tables of docs/theory.md)."""

from __future__ import annotations

import argparse

from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.theory.measured import tables

SMALLEST = 8  # 64 components; the tables read component 50
LARGEST = 84  # MiniImageNet's


def main() -> None:
    """Print the rows of a dataset, with its training images resized to each size in pixels."""
    datasets = resolve("paper").datasets
    parser = argparse.ArgumentParser(prog="python -m drl.theory", description=main.__doc__)
    parser.add_argument("dataset", help="name of a dataset of the configuration")
    parser.add_argument("size", type=int, nargs="+", help=f"pixels of a side, {SMALLEST} to {LARGEST}")
    given = parser.parse_args()
    try:
        if given.dataset not in datasets:
            raise UserError(f"there is no dataset {given.dataset!r}; give one of {', '.join(sorted(datasets))}")
        if not SMALLEST <= min(given.size) <= max(given.size) <= LARGEST:
            raise UserError(f"a size must be {SMALLEST} to {LARGEST} pixels, not {given.size}")
        for line in tables(given.dataset, datasets[given.dataset], given.size):
            print(line)
    except UserError as error:
        parser.exit(2, f"drl: {' '.join(str(error).split())}\n")


if __name__ == "__main__":
    main()
