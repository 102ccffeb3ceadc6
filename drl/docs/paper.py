"""The configuration at scale paper, which the pages describe."""

from __future__ import annotations

from drl.pipeline.configuration import resolve

PAPER = resolve("paper")
ITEMS = PAPER.items
