"""published.json: which files were published and which were left out, and what their checksums are.

`drl publish` writes it at the top of the folder, `drl verify` reads it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

from drl.data import json_text
from drl.data.regular import read_regular, shown
from drl.errors import UserError, clean, complaint
from drl.records.card import MOST_BYTES, Digest, is_path
from drl.records.inputs import RESULTS

NAME = "published.json"


class LeftOut(BaseModel):
    """What was left out.

    Attributes:
        format: Of the file.
        published: SHA-256 of the files that were written, by path relative to the folder of this file.
        left_out: SHA-256 of those that were not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1]
    published: dict[Annotated[str, PlainValidator(is_path)], Digest]
    left_out: dict[Annotated[str, PlainValidator(is_path)], Digest]

    def has(self, root: Path, path: Path, digest: str) -> bool:
        """Whether a file below, or beside, the folder `root` was left out, and had this SHA-256."""
        return self.left_out.get(relative(path, root)) == digest


def relative(path: Path, root: Path) -> str:
    """Return how published.json names a file."""
    return Path(os.path.relpath(path, root)).as_posix()


def left_out(card: Path) -> tuple[Path, LeftOut] | None:
    """Return the published folder that a card is in, and what was left out of it; None if it is in no such folder.

    Raises:
        UserError: If its published.json is damaged.
    """
    root = next((root for root in _roots(card) if (root / NAME).is_file()), None)
    return None if root is None else (root, read(root / NAME))


def read(path: Path) -> LeftOut:
    """Read a published.json.

    Raises:
        UserError: If it is damaged, or of another kind.
    """
    again = "publish the results again"
    try:
        return LeftOut.model_validate(json_text.load(read_regular(path, MOST_BYTES)))
    except ValidationError as error:
        raise UserError(f"{shown(path)}: is none as drl publish writes it ({complaint(error)}); {again}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{shown(path)}: cannot be read ({clean(error, 160)}); {again}") from error


def _roots(card: Path) -> Iterator[Path]:
    """Yield the folders that would be results/<scale> for this card."""
    yield card.parent
    yield from (folder.parent for folder in card.parents if folder.name in RESULTS)
