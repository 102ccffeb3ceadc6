"""Metrics as probes write them, made up."""

import pandas as pd

from drl.config.drawings import ClaimsJob, CompareJob, ProbeItem, parse_item
from drl.pipeline import slices
from drl.pipeline.items import ITEMS
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
    kind = "table" if ITEMS[item].kind == "table" else "figure"
    values = getattr(slices, kind)(config, item) | {"study": ITEMS[item].study}
    names = ("name", "label", "baseline") if kind == "table" else ("name", "label", "t_init", "weight_decay_on_t")
    if values["study"] == "fine_tune":
        values["arms"] = [dict(zip(names, arm, strict=True)) for arm in values["arms"]]
    return parse_item(values)


def claims_job(config):
    """The settings of `drl claims`."""
    items = {item: item_settings(config, item).choosing() for item in slices.claimed(config)}
    return ClaimsJob(scale=config.scale, confidence=config.verdict.confidence, items=items)


def compare_job(config):
    """The settings of `drl compare`."""
    return CompareJob.model_validate(slices.compare(config))


def probe_rows(accuracies, chosen=None):
    """Rows of a probe: a recipe's accuracies by seed, at every t the same, with two probe seeds around each."""
    rows = []
    for recipe, by_seed in accuracies.items():
        for seed, value in enumerate(by_seed):
            for t in TIMES:
                for probe_seed, shift in enumerate((-0.5, 0.5)):
                    rows.append(_row(recipe, seed, value + shift, t=t, probe_seed=probe_seed))
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
            dict.fromkeys(("recipe", "arm"), "") | axes | {"replicate": str(name), "value": value, "sd": 0.0, "n": 1}
            for axes, values in found
            for name, value in enumerate(values)
        ]
        frames[item] = pd.DataFrame(rows, columns=EVIDENCE)
    return Evidence("lite", settings, frames)


def estimates(name, given):
    """The estimate of each part of a claim, by the part's name."""
    return {part.name: part.estimate and part.estimate.value for part in CLAIMS[name].parts(given)}
