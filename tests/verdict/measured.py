"""Metrics as probes write them, made up."""

import pandas as pd

from drl.config.drawings import ProbeItem
from drl.pipeline.drawing import CLAIMS as CLAIMS_STEP
from drl.pipeline.drawing import COMPARE, item_step
from drl.records.metrics import COLUMNS
from drl.verdict.claims.registry import CLAIMS
from drl.verdict.evidence import COLUMNS as EVIDENCE
from drl.verdict.evidence import Evidence

TIMES = (0.0, 0.5, 1.0)
PROBE_SETTINGS = ProbeItem(
    study="probe",
    datasets=[["digits", "Digits"]],
    recipes=[["drl", "DRL"], ["vdrl", "VDRL"], ["ae", "AE"]],
    budgets={"digits": 100},
)


def item_settings(config, item):
    """The settings of an item."""
    return item_step(config, item).settings(config, item)


def claims_job(config):
    """The settings of `drl claims`."""
    return CLAIMS_STEP.settings(config)


def compare_job(config):
    """The settings of `drl compare`."""
    return COMPARE.settings(config)


def probe_rows(accuracies, chosen=None, validation=True):
    """Rows of a probe: a recipe's accuracies by seed, at every t the same, with two probe seeds around each.

    Validation images choose t = 0.5, if they are measured.
    """
    rows = []
    for recipe, by_seed in accuracies.items():
        for seed, value in enumerate(by_seed):
            for t in TIMES:
                for probe_seed, shift in enumerate((-0.5, 0.5)):
                    rows.append(_row(recipe, seed, value + shift, t=t, probe_seed=probe_seed))
                    if validation:
                        cells = {"t": t, "probe_seed": probe_seed, "metric": "val_accuracy"}
                        rows.append(_row(recipe, seed, 60.0 + (t == 0.5), **cells))
            rows.append(_row(recipe, seed, 0.0, t=0.5, probe_seed=0, labels=50))
    for recipe, by_seed in (chosen or {}).items():
        rows += [_row(recipe, seed, value, t=0.5, arm="chosen") for seed, value in enumerate(by_seed)]
    return rows


def _row(recipe, seed, value, **more):
    known = {"scale": "lite", "study": "probe", "dataset": "digits", "labels": 100, "metric": "test_accuracy", "n": 10}
    return dict.fromkeys(COLUMNS, "") | known | {"recipe": recipe, "seed": seed, "value": value} | more


def evidence(settings, cells):
    """Evidence of made-up numbers.

    Args:
        settings: Of each item.
        cells: For each item a list of pairs: axes, and the values of its replicates.
    """
    frames = {}
    for item, found in cells.items():
        rows = [
            dict.fromkeys(("recipe", "arm"), "")
            | axes
            | {"replicate": str(name), "value": value, "sd": 0.0, "n": 1, "right": None}
            for axes, values in found
            for name, value in enumerate(values)
        ]
        frames[item] = pd.DataFrame(rows, columns=EVIDENCE)
    return Evidence("lite", settings, frames)


def estimates(name, given):
    """The estimate of each part of a claim, by the part's name."""
    return {part.name: part.estimate and part.estimate.value for part in CLAIMS[name].parts(given)}
