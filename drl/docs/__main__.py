"""`python -m drl.docs`: make the pages of docs/ that are made from the code."""

from __future__ import annotations

import sys

from drl.config.project import checkout
from drl.docs.write import write
from drl.errors import UserError

if __name__ == "__main__":
    try:
        checkout("python -m drl.docs")
        write()
    except UserError as error:
        sys.exit(f"drl: {error}")
