"""What a run card may say: nothing of one is used before it is parsed into this model.

A card may come from elsewhere, damaged, edited or forged. So each field has its type and its bounds, and a card names
as outputs only files beside itself.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from drl.config.base import Name
from drl.data import json_text
from drl.data.regular import read_regular, shown
from drl.errors import UserError, clean, complaint
from drl.files import sha256

MOST_BYTES = 2**24
MOST_LEVELS = 40  # of settings
# JSON with so many of these keys is a card of ours, whole or damaged.
SIGNS, LEAST_SIGNS = {"command", "settings", "code_digest", "versions", "inputs", "outputs"}, 3
AGAIN = "make its output again"


class NotACard(UserError):
    """A JSON file of somebody else's."""


def _nested(value: Any) -> Any:
    """Refuse settings nested so deep that functions which call themselves would fail on them."""
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [part for whole in level for part in _parts(whole)]
    if level:
        raise ValueError(f"is nested deeper than {MOST_LEVELS} levels")
    return value


def _parts(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def is_path(value: Any) -> str:
    """Refuse what no file can be called."""
    # Not a pydantic string, because folders may have names that are not UTF-8.
    if not isinstance(value, str) or not 0 < len(value) <= 4096 or "\0" in value:
        raise ValueError("is no path")
    return value


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Bytes = Annotated[int, Field(ge=0, le=2**60)]
Seconds = Annotated[float, Field(ge=0, le=1e10)]
Images = Annotated[int, Field(ge=0, le=10**12)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class Git(_Part):
    """The commit of the project; None where it is not known."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")] | None = None
    dirty: bool | None = None


class PreparedFacts(_Part):
    """What `drl prepare` says of the images."""

    classes: list[Annotated[str, Field(max_length=4096)]] = Field(max_length=1_000_000)
    n_train: Images
    n_val: Images
    n_test: Images
    origin: Annotated[str, Field(max_length=4096)]


class Card(_Part):
    """A run card. Facts that no code reads are left out; those that not every card has are None where it lacks them.

    Attributes:
        inputs: SHA-256 by path, relative to the card's folder.
        outputs: SHA-256 by name; the files lie beside the card.
        sizes: Bytes of inputs and outputs, as they are named there; cards of older versions have none.
    """

    command: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
    settings: Annotated[dict[str, Any], AfterValidator(_nested)]
    code_digest: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-z]*$")]
    git: Git = Git()
    versions: dict[Text, Text] = Field(max_length=100)
    inputs: dict[Annotated[str, PlainValidator(is_path)], Digest]
    outputs: dict[Name, Digest] = Field(min_length=1, max_length=1000)
    sizes: dict[Annotated[str, PlainValidator(is_path)], Bytes] = {}

    scale: Name | None = None
    dataset: Name | None = None
    recipe: Name | None = None
    arm: Name | None = None
    item: Name | None = None
    labels: int | None = Field(None, ge=1, lt=2**63)
    split: int | None = Field(None, ge=0, lt=2**63)
    seed: int | None = Field(None, ge=0, lt=2**63)
    device: Text | None = None
    device_name: Text | None = None
    precision: Text | None = None
    compile: bool | None = None
    threads: int | None = Field(None, ge=1, le=2**20)
    seconds: Seconds | None = None
    seconds_of_last_process: Seconds | None = None
    cpu_seconds: Seconds | None = None
    peak_memory_bytes: Bytes | None = None
    peak_gpu_memory_bytes: Bytes | None = None
    facts: PreparedFacts | None = None

    def is_whole(self, name: str, path: Path) -> bool:
        """Whether a file is as the card says; a file of another size is not read, however large it is.

        Args:
            name: An output's or input's name in the card.
            path: Where the file is.

        Raises:
            OSError: If it cannot be read.
            UserError: If it is not a regular file.
        """
        return path.stat().st_size == self.sizes.get(name, path.stat().st_size) and sha256(path) == self.wanted(name)

    def wanted(self, name: str) -> str:
        """Return the SHA-256 of an output or input by its name in the card."""
        return self.outputs[name] if name in self.outputs else self.inputs[name]

    def fact(self, name: str) -> Any:
        """Return a field by name; None where there is no such field."""
        return getattr(self, name) if name in type(self).model_fields else None


def read_card(path: Path) -> Card:
    """Read a run card.

    Raises:
        NotACard: If it is JSON of another kind.
        UserError: If it is missing, no regular file, too large, damaged, or says what no card can say.
    """
    if not os.path.lexists(path):
        raise UserError(f"{shown(path)}: cannot be read as a run card; make its output again")
    try:
        found = json_text.load(read_regular(path, MOST_BYTES))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{shown(path)}: cannot be read as a run card ({clean(error, 160)}); {AGAIN}") from error
    if not isinstance(found, dict) or len(found.keys() & SIGNS) < LEAST_SIGNS:
        raise NotACard(f"{shown(path)}: is not a run card")
    try:
        return Card.model_validate(found)
    except ValidationError as error:
        raise UserError(f"{shown(path)}: is no run card as drl writes them ({complaint(error)}); {AGAIN}") from error
