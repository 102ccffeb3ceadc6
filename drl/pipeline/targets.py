"""Targets of `snakemake`: each must be an item, another rule without wildcards, or a file that a job makes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from drl.errors import UserError, nearest, shown

FILES = "a file that `snakemake --summary` lists"


def check_targets(targets: Iterable[str], rules: Mapping[str, bool], makes: Callable[[str], bool]) -> None:
    """Check what Snakemake is asked for, before it plans.

    Args:
        targets: The words of the command line.
        rules: Each rule by name, and whether it can be a target: rules with wildcards cannot.
        makes: Says whether a job makes a file with this path.

    Raises:
        UserError: If a word is no such rule, no file that exists, and no file that a job makes.
    """
    for target in targets:
        if rules.get(target) or os.path.isfile(target):
            continue
        if target in rules:
            raise UserError(f"{shown(target)}: is a step of many jobs; name an item, such as figure_4, or {FILES}")
        if "/" not in target:
            known = (name for name, alone in rules.items() if alone and not name.startswith("draw_"))
            raise UserError(f"unknown target {shown(target)}; {nearest(target, known)}")
        if not makes(target):
            raise UserError(
                f"{shown(target, 200)}: no job makes such a file; name an item, such as figure_4, or {FILES}"
            )


def check_steps(names: Iterable[str], rules: Iterable[str], makes: Callable[[str], bool]) -> None:
    """Check the words of --forcerun and --until, which may also be steps of many jobs; see `check_targets`.

    Raises:
        UserError: As `check_targets`.
    """
    check_targets(names, dict.fromkeys(rules, True), makes)
