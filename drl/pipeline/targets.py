"""Targets of `snakemake`: each must be an item, another rule without wildcards, or a file that a job makes."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from drl.config.schema import Config
from drl.errors import UserError, nearest, shown
from drl.pipeline.drawing import item_step
from drl.pipeline.items import items_of_kind

SETTINGS = (".yaml", ".yml")
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
        if rules.get(target):
            continue
        if os.path.isfile(target):
            if os.path.splitext(target)[1] in SETTINGS:
                raise UserError(f"{shown(target)}: is a file of settings and no target; write --configfile before it")
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


def check_reported(targets: Collection[str], config: Config, results: Path, study: Sequence[str] = ()) -> None:
    """Check that what a report shows is made: Snakemake names no remedy where it is not.

    Args:
        targets: The words of the command line; none, or `all`, is every item.
        config: The configuration.
        results: results/<scale>.
        study: The files of the study; needed if it is a target.

    Raises:
        UserError: If one is not made; it names the command for those that are.
    """
    if "study" in targets and not all(map(os.path.isfile, study)):
        raise UserError("--report: the study is not made yet; run the same command without --report first")
    groups = {"all": None, "all_figures": "figure", "all_tables": "table"}
    wanted = [
        name for target in targets or ["all"] if target in groups for name in items_of_kind(config, groups[target])
    ]
    wanted += [target for target in targets if target in config.items]
    made = {name: (results / item_step(config, name).at(item=name).output).is_file() for name in items_of_kind(config)}
    missing = [name for name in wanted if not made[name]]
    if missing:
        others = f" (nor are {len(missing) - 1} others)" if len(missing) > 1 else ""
        there = " ".join(name for name in made if made[name])
        command = f"snakemake {there or missing[0]} --config scale={config.scale}"
        remedy = f"to report what is, run `{command} --report …`" if there else f"run `{command}` first"
        raise UserError(f"--report: {missing[0]} is not made yet{others}; {remedy}")
