"""`drl compare`: compare every number of Tables 1 to 6 with ours."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from drl.config.drawings import CompareJob
from drl.config.verdict import ToleranceSettings
from drl.errors import UserError
from drl.files import atomic
from drl.jobs.job import Job
from drl.jobs.lock import job_lock
from drl.records.inputs import check_inputs
from drl.records.metrics import COUNT, DEVIATION, MEAN
from drl.records.run_card import write_card
from drl.reporting.aggregate import check_finite, read_frame
from drl.reporting.drawer import needing
from drl.reporting.fine_tuning_paper import ARMS, DATASETS, DIFFERENCES
from drl.reporting.paper_values import PRIORS, paper_values
from drl.verdict.comparison_page import AGREES, CLOSED_FORM, DIFFERS, NOT_COMPARABLE, NOT_RUN, counted
from drl.verdict.of_paper import NAMES

NO_TABLE = "is not the CSV of a table; remove it and run drl table"
TABLES = (1, 2, 3, 4, 5, 6)
OWN_NAMES = {
    "accuracy_pct": "accuracy",
    "improvement_pct_points": "difference",
    "fid_20k": "fid",
    "sigma_t_init": "sigma",
}
DIFFERENCE = "improvement_pct_points"  # a difference of two runs
IMAGES = 20_000  # number of samples of the paper's FID
ROUNDING = 0.005  # sigma(t_init) is printed with two decimals
WIDEST = 3.0  # multiple of the configured tolerance; without it, scattered runs would agree with anything


@dataclass(frozen=True)
class Own:
    """Our number: its dataset, mean, deviation and count."""

    dataset: str
    mean: float
    sd: float
    n: int


def run(job: Job[CompareJob]) -> str:
    """Write comparison.csv and its run card.

    Args:
        job: Its inputs `tables` are the CSV files of Tables 1 to 6; missing ones count as not run.

    Returns:
        One line that counts the verdicts.

    Raises:
        UserError: If a file was changed, or is not named after a table.
    """
    started, tables = time.monotonic(), job.inputs["tables"]
    known = [f"table_{number}" for number in TABLES]
    for path in tables:
        if path.stem not in known:
            raise UserError(f"compare: {path} is not named after a table of the paper; give table_1.csv to table_6.csv")
    there = [path for path in tables if path.is_file()]
    inputs = check_inputs(there)
    frame = _compared({path.stem: _table(path) for path in there}, job.settings)
    check_finite(frame, "compare")
    with job_lock(job.study, job.out):
        with atomic(job.out) as csv:
            frame.to_csv(csv, index=False, lineterminator="\n", float_format="%.6g")
        seconds = round(time.monotonic() - started, 2)
        write_card(job.study, [job.out], job.settings.slice(), job.code_digest, inputs=inputs, seconds=seconds)
    return f"{job.out}: {counted(frame)}"


def _table(path: Path) -> pd.DataFrame:
    key, runs = ("t", "n_seeds") if path.stem == "table_6" else ("labels", "n")
    numbers = {"mean": MEAN, "sd": DEVIATION, key: MEAN, runs: COUNT}
    frame = read_frame(path, ("dataset", "metric", "arm", *numbers), NO_TABLE, numbers)
    if frame.duplicated(["dataset", "metric", "arm", key, *({"recipe"} & {*frame})]).any():
        raise UserError(f"{path}: {NO_TABLE} (it has two means of one {key}, arm and dataset)")
    return frame


def _compared(tables: Mapping[str, pd.DataFrame], settings: CompareJob) -> pd.DataFrame:
    with needing("compare", "the tables"):
        return comparison(tables, settings)


def comparison(tables: Mapping[str, pd.DataFrame], settings: CompareJob) -> pd.DataFrame:
    """Return one row for each of the paper's numbers.

    Args:
        tables: The tables that `drl table` made, by name.
        settings: Which datasets the tables are of, and how far numbers may lie apart.

    Returns:
        table, dataset, labels, method, variant, metric and published as in config/paper_values.csv; our_dataset, ours,
        sd, n, difference (ours minus published), tolerance, verdict and why.
    """
    rows: list[dict[str, Any]] = []
    for number in TABLES:
        name = f"table_{number}"
        for printed in _printed(number):
            own = _own(tables.get(name), number, printed, settings.datasets.get(name, []))
            rows.append({**printed, **_verdict(own, name in tables, number, printed, settings)})
    return pd.DataFrame(rows)


def _printed(number: int) -> Iterator[dict[str, Any]]:
    for row in paper_values(number).to_dict("records"):
        yield {
            "table": number,
            **{str(key): value for key, value in row.items() if key != "value"},
            "published": row["value"],
        }


def _own(table: pd.DataFrame | None, number: int, printed: Mapping[str, Any], datasets: Sequence[str]) -> Own | None:
    """Find our number on the paper's dataset, or else on the dataset that replaces it, with equally many labels."""
    if table is None:
        return None
    rows = table[table["metric"] == OWN_NAMES[printed["metric"]]]
    if number == 6:
        rows = rows[(rows["t"] - float(printed["variant"].removeprefix("t_init="))).abs() < 1e-9]
        if printed["metric"] == "fid_20k":
            rows = rows[rows["arm"] == PRIORS[printed["method"]]]
    else:
        arms = dict(_arms(number, printed["metric"]))
        arm = arms[printed["method"], printed["variant"]]
        rows = rows[(rows["arm"] == arm) & (rows["labels"] == int(printed["labels"]))]
    dataset = NAMES.get(printed["dataset"], "cifar10")
    stand_ins = [name for name in datasets if name not in DATASETS]
    for name in (dataset, *stand_ins):
        for row in rows[rows["dataset"] == name].to_dict("records"):
            return Own(name, float(row["mean"]), float(row["sd"]), int(row.get("n", row.get("n_seeds", 1))))
    return None


def _arms(number: int, metric: str) -> Iterator[tuple[tuple[str, str], str]]:
    known = DIFFERENCES.get(number, {}) if metric == DIFFERENCE else ARMS[number]
    yield from ((names, arm) for arm, names in known.items())


def _verdict(
    own: Own | None, made: bool, number: int, printed: Mapping[str, Any], settings: CompareJob
) -> dict[str, Any]:
    empty = dict.fromkeys(("our_dataset", "ours", "sd", "n", "difference", "tolerance"))
    if own is None:
        return empty | {"verdict": NOT_RUN, "why": _why_not_run(made, number, settings)}
    row = empty | {"our_dataset": own.dataset, "ours": own.mean, "sd": own.sd, "n": own.n}
    if why := _incomparable(own, printed, settings):
        return row | {"verdict": NOT_COMPARABLE, "why": why}
    allowed, why = tolerance(own, printed, settings)
    apart = own.mean - printed["published"]
    verdict = AGREES if abs(apart) <= allowed else DIFFERS
    return row | {"difference": apart, "tolerance": allowed, "verdict": verdict, "why": why}


def _why_not_run(made: bool, number: int, settings: CompareJob) -> str:
    if not made:
        return f"Table {number} has not been made"
    scale, shown = settings.scale, ", ".join(settings.datasets.get(f"table_{number}", []))
    return f"at scale {scale} Table {number} is of {shown}, with other numbers of labels or fewer arms"


def _incomparable(own: Own, printed: Mapping[str, Any], settings: CompareJob) -> str:
    """Return why two numbers cannot be compared; empty if they can."""
    if printed["metric"] == CLOSED_FORM:
        return ""
    reasons = []
    if own.dataset not in DATASETS:
        reasons.append(f"{own.dataset} in place of {printed['dataset'] or 'CIFAR-10'}")
    if settings.scale != "paper":
        reasons.append(f"networks and steps of scale {settings.scale}")
    if printed["metric"] == "fid_20k":
        if settings.extractor != "inception":
            reasons.append("not Inception's features")
        if settings.images != IMAGES:
            reasons.append(f"{settings.images} samples, not {IMAGES}")
    return "; ".join(reasons)


def tolerance(own: Own, printed: Mapping[str, Any], settings: CompareJob) -> tuple[float, str]:
    """Return how far our number may lie from the paper's single run, and the reason for this tolerance.

    It is the configured tolerance, or sqrt(2) times that for a difference of two runs. With several runs of ours, it is
    the range expected for one more run if that is wider: Student's quantile times the deviation times sqrt(1 + 1/n), up
    to WIDEST times the configured tolerance.
    """
    if printed["metric"] == CLOSED_FORM:
        return ROUNDING + 1e-9, "closed form, to the printed digits"
    least = _configured(printed, settings.tolerance)
    if own.n < 2:
        return least, "configured tolerance"
    quantile = float(stats.t.ppf((1 + settings.confidence) / 2, own.n - 1))
    one_more = quantile * own.sd * math.sqrt(1 + 1 / own.n)
    if one_more <= least:
        return least, "configured tolerance"
    if one_more > WIDEST * least:
        return WIDEST * least, f"our runs scatter more than {WIDEST:g} times the configured tolerance, which is allowed"
    return one_more, "scatter of our runs"


def _configured(printed: Mapping[str, Any], allowed: ToleranceSettings) -> float:
    if printed["metric"] == "fid_20k":
        return float(allowed.fid * printed["published"])
    least = allowed.few_labels if int(printed["labels"]) <= allowed.few else allowed.accuracy
    return least * math.sqrt(2) if printed["metric"] == DIFFERENCE else least
