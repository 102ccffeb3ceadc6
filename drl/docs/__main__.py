"""`python -m drl.docs`: make the pages of docs/ that are made from the code."""

from __future__ import annotations

from drl.docs.write import write

if __name__ == "__main__":
    write()
