"""Damaged metrics files given to a figure, a table, claims and comparison: a true result or one line."""

import contextlib
import importlib
import math
import tracemalloc
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.cli.main import cli
from drl.errors import UserError
from drl.jobs.job import Job
from drl.pipeline.configuration import resolve
from drl.pipeline.drawing import CLAIMS, COMPARE, FIGURE, TABLE
from drl.records import metrics
from drl.records.metrics import COLUMNS, read_csv, read_metrics, write_metrics
from drl.reporting.aggregate import read_all
from tests.hostile.profile import examples

ROW = {
    "scale": "demo",
    "study": "probe",
    "dataset": "digits",
    "recipe": "drl",
    "seed": 0,
    "split": 0,
    "probe_seed": 0,
    "labels": 100,
    "t": 0.5,
    "epoch": 1,
    "metric": "test_accuracy",
    "value": 50.0,
    "n": 10,
}
CELL = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["nan", "inf", "-inf", "1e999", "", "1_0", "٣", "1;2", '"', "\x00", "0x10", "9" * 5000, " 1"]),
)
HEADER = dict(zip(COLUMNS, COLUMNS, strict=True))
COUNT = st.integers(0, 6)


@cache
def planned():
    """Return the settings of a figure, a table, the claims and the comparison at demo scale."""
    config = resolve("demo")
    items = ((FIGURE, {"item": "figure_4"}), (TABLE, {"item": "table_6"}), (CLAIMS, {}), (COMPARE, {}))
    return [(step, about, step.settings_for(config, about)) for step, about in items]


def holds(which, path):
    """Draw from a file; it must end well, or with one line."""
    step, about, chosen = planned()[which]
    inputs = {"tables" if step is COMPARE else "metrics": (path,)}
    with contextlib.suppress(UserError):
        importlib.import_module(step.module).run(
            Job(step.name, about, chosen, "code", inputs, path.parent / f"out{Path(step.output).suffix}")
        )
    plt.close("all")


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(name=st.sampled_from(COLUMNS), cell=CELL)
def test_odd_cells(tmp_path_factory, name, cell):
    folder = tmp_path_factory.mktemp("odd")
    path = folder / "m.csv"
    cells = [str((ROW | {name: cell}).get(column, "")) for column in COLUMNS]
    path.write_text("\n".join([",".join(COLUMNS), ",".join(cells), ""]), encoding="utf-8")
    try:
        for row in read_metrics(path):
            assert math.isfinite(float(row["value"]))
    except UserError:
        pass
    holds(len(cell) % 3, path)


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(data=st.binary(max_size=60))
def test_other_bytes(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bytes")
    path = folder / "m.csv"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"m\.csv"):
        read_metrics(path)
    holds(len(data) % 3, path)
    table = folder / "table_1.csv"
    table.write_bytes(data)
    holds(3, table)


@settings(derandomize=True, deadline=None, max_examples=examples(20))
@given(data=st.data())
def test_well_formed_rows_of_anything(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("rows")
    change = st.fixed_dictionaries(
        {},
        optional={
            "study": st.sampled_from(["probe", "fid", "few_shot", "fine_tune", "theory", "latent_grid", "x"]),
            "recipe": st.sampled_from(["drl", "vdrl", "ae", ""]),
            "metric": st.sampled_from(["test_accuracy", "val_accuracy", "fid", "sigma", "t_init", "x"]),
            "arm": st.sampled_from(["", "chosen", "gaussian", "concatenated"]),
            "t": st.sampled_from(["", 0.0, 1.0, -5]),
            "seed": st.sampled_from(["", 0, 1, -1]),
            "labels": st.sampled_from(["", 0, 100]),
            "value": st.sampled_from([0, -1, 0.5, 100, 1e15, -1e15]),
        },
    )
    path = folder / "m.csv"
    lines = [COLUMNS, *([(ROW | data.draw(change)).get(name, "") for name in COLUMNS] for _ in range(data.draw(COUNT)))]
    path.write_text("".join(f"{','.join(map(str, line))}\n" for line in lines), encoding="utf-8")
    holds(data.draw(st.integers(0, 2)), path)


BOMBS = {
    "x": b"x\n",  # the example: sixteen million rows of one cell took more than 5 GB
    "blank": b"\n",
    "short": b",,,,,,,,,,,,,,\n",
    "long": b",,,,,,,,,,,,,1,\n",
    "open": b'","\n',
    "wide": b"x,",
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("header", [",".join(COLUMNS), "row,file", "z_1,z_2,label"])
def test_a_large_file_takes_a_small_multiple_of_its_size(tmp_path, header, bomb, monkeypatch):
    # As large a part of the limit as of the example's file.
    monkeypatch.setattr(metrics, "MOST_ROWS", 2**13)
    size, path = 2**20, tmp_path / "m.csv"
    path.write_bytes(header.encode() + b"\n" + BOMBS[bomb] * (size // len(BOMBS[bomb])))
    for read in (read_metrics, lambda path: read_csv(path, header.split(","), "is odd", header.split(",")[:2])):
        tracemalloc.start()
        with contextlib.suppress(UserError):
            read(path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 * size


SAME = {"value": 60.0, "n": 20, "t": "0.50"}  # another value from other images; t is the same number


@pytest.mark.parametrize("place", ["other", "same"])
def test_two_numbers_of_one_measurement_are_not_averaged(tmp_path, place):
    """The example: `drl figure 12 new.csv old.csv` drew the mean of contradicting files, of as many seeds as one."""
    new, old = tmp_path / "new.csv", tmp_path / "old.csv"
    write_metrics(new, [ROW] if place == "other" else [ROW | {"seed": 1}, ROW, ROW | SAME])
    write_metrics(old, [ROW | SAME])
    for step, about, chosen in planned()[:3]:
        job = Job(
            step.name, about, chosen, "code", {"metrics": (new, old)}, tmp_path / f"out{Path(step.output).suffix}"
        )
        where = r"old.csv: row 2 .*row 2 of .*new.csv" if place == "other" else r"new.csv: row 4 .*row 3 of .*new.csv"
        with pytest.raises(UserError, match=rf"{where}.*; (give one of the two files|remove it)"):
            importlib.import_module(step.module).run(job)
        assert not job.out.exists()


def test_a_file_that_is_named_twice_counts_once(tmp_path):
    path, other = tmp_path / "a.csv", tmp_path / "b.csv"
    write_metrics(path, [ROW])
    write_metrics(other, [ROW | {"seed": 1}, ROW | {"scale": "lite"}, ROW | {"metric": "val_accuracy"}])
    (tmp_path / "link.csv").symlink_to(path)
    found = read_all([path, other, tmp_path / "sub" / ".." / "a.csv", tmp_path / "link.csv"])
    assert len(found) == 4


OUT_OF_BOUNDS = [
    *(("fid", value) for value in (math.nan, math.inf, -math.inf, 1.7e308, -1e16)),
    *(("test_accuracy", value) for value in (-0.1, 100.1, 1.7e308)),
    *(("accuracy", 1e3), ("silhouette", 1.1), ("silhouette", -1.7e308)),
]


@pytest.mark.parametrize(("metric", "value"), OUT_OF_BOUNDS)
def test_a_number_that_its_metric_cannot_have_is_neither_written_nor_read(tmp_path, metric, value):
    row = ROW | {"metric": metric, "value": value}
    path = tmp_path / "m.csv"
    with pytest.raises(UserError, match=f"m.csv: {metric} at t = 0.5 is .* not a finite number from"):
        write_metrics(path, [ROW, row])
    assert not path.exists()
    path.write_text("".join(f"{','.join(str(cells.get(c, '')) for c in COLUMNS)}\n" for cells in (HEADER, ROW, row)))
    with pytest.raises(UserError, match=rf"m.csv: row 3 has '.*' as value of '{metric}', not a"):
        read_metrics(path)


@pytest.mark.parametrize(("metric", "values"), [("accuracy", (0, 100)), ("silhouette", (-1, 1)), ("fid", (1e14,))])
def test_a_number_at_the_bounds_is_kept(tmp_path, metric, values):
    write_metrics(tmp_path / "m.csv", [ROW | {"metric": metric, "value": value} for value in values])
    assert [float(row["value"]) for row in read_metrics(tmp_path / "m.csv")] == list(values)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_an_item_with_a_mean_that_is_not_finite_is_not_written(tmp_path, value, monkeypatch):
    (step, about, chosen), path = planned()[0], tmp_path / "m.csv"
    write_metrics(path, [ROW])
    rows = {"dataset": "digits", "recipe": "drl", "mean": [50.0, value]}
    monkeypatch.setattr("drl.reporting.probe_curves.table", lambda frame, settings: pd.DataFrame(rows))
    with pytest.raises(UserError, match=r"figure_4: mean is .*, not a finite number, so nothing is written"):
        importlib.import_module(step.module).run(
            Job(step.name, about, chosen, "code", {"metrics": (path,)}, tmp_path / "out.svg")
        )
    assert [file.name for file in tmp_path.iterdir()] == ["m.csv"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        (";".join(COLUMNS), "semicolons"),
        (",".join(COLUMNS[:-1]), "no column n"),
        ("\xff", "column"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    (tmp_path / "m.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_metrics(tmp_path / "m.csv")


@pytest.mark.parametrize(
    "given_settings",
    [
        *("[]", "{", '{"study": "probe"}', '{"items": {"a": {}}}'),
        '{"study": "fid", "drawn_by": "../../x", "datasets": []}',
        '{"study": "fid", "drawn_by": "pictures", "datasets": []}',
    ],
)
def test_incomplete_settings(tmp_path, given_settings):
    write_metrics(tmp_path / "m.csv", [ROW])
    for line in (["figure", "4"], ["table", "6"], ["claims"]):
        line += [str(tmp_path / "m.csv"), "--scale", "demo", "--out", str(tmp_path / "out.svg")]
        result = CliRunner().invoke(cli, [*line, "--settings", given_settings])
        assert isinstance(result.exception, UserError), result.exc_info
