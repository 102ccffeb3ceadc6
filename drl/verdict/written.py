"""claims.csv and comparison.csv, as the report's pages read them: with the words that we write, and no others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from drl.errors import UserError, shown
from drl.reporting.aggregate import read_frame
from drl.verdict.claims.registry import CLAIMS
from drl.verdict.comparison_page import UNITS, VERDICTS
from drl.verdict.words import ORDER

CLAIM_TEXTS = ("claim", "says", "source", "items", "beyond", "verdict", "paper_tables", "claim_verdict")
CLAIM_NUMBERS = ("estimate", "low", "high", "n", "images_low", "images_high", "seeds")
NUMBER_TEXTS = ("dataset", "labels", "method", "variant", "metric", "our_dataset", "verdict")
NUMBER_NUMBERS = ("table", "published", "ours", "sd", "n", "difference")
TABLES = ("1", "2", "3", "4", "5", "6")


def read_claims(path: Path) -> pd.DataFrame:
    """Read what `drl claims` wrote.

    Raises:
        UserError: If the file is damaged, edited or something else.
    """
    frame = _read(path, CLAIM_TEXTS, CLAIM_NUMBERS, ("n",), "claims")
    known = {"claim": CLAIMS, "verdict": ORDER, "claim_verdict": ORDER, "beyond": ("True", "False")}
    known |= {"source": {claim.source for claim in CLAIMS.values()}}
    return _known(path, frame, known, "claims")


def read_comparison(path: Path) -> pd.DataFrame:
    """Read what `drl compare` wrote.

    Raises:
        UserError: If the file is damaged, edited or something else.
    """
    frame = _read(path, NUMBER_TEXTS, NUMBER_NUMBERS, ("table", "published"), "compare")
    known = {"metric": UNITS, "verdict": VERDICTS, "table": TABLES}
    frame["labels"] = frame["labels"].replace("", None)
    return _known(path, frame, known, "compare")


def _read(path: Path, texts: Sequence[str], numbers: Sequence[str], full: Sequence[str], command: str) -> pd.DataFrame:
    how: dict[str, Any] = {"dtype": dict.fromkeys(texts, str), "keep_default_na": False}
    how["na_values"] = {name: [""] for name in numbers}
    frame = read_frame(path, (*texts, *numbers), f"is not what drl {command} writes; {_again(command)}", numbers, **how)
    if frame.empty or frame[list(full)].isna().any(axis=None):
        lacks = "it has no rows" if frame.empty else "a number is missing"
        raise UserError(f"{path}: is not what drl {command} writes; {_again(command)} ({lacks})")
    return frame


def _known(path: Path, frame: pd.DataFrame, known: Mapping[str, Collection[str]], command: str) -> pd.DataFrame:
    for column, words in known.items():
        for value in frame[column].unique():
            if str(value) not in words:
                raise UserError(f"{path}: no drl {command} writes {shown(value)} as {column}; {_again(command)}")
    return frame


def _again(command: str) -> str:
    return f"run drl {command} again"
