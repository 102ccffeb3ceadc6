"""Damaged metrics files given to a figure, a table, claims and comparison: a true result or one line."""

import contextlib
import importlib
import math
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.cli.main import cli
from drl.errors import UserError
from drl.jobs.job import Job
from drl.pipeline.configuration import resolve
from drl.pipeline.drawing import CLAIMS, COMPARE, FIGURE, TABLE
from drl.records.metrics import COLUMNS, read_metrics, write_metrics
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
            "value": st.sampled_from([0, -1e300, 1e300]),
        },
    )
    path = folder / "m.csv"
    write_metrics(path, [ROW | data.draw(change) for _ in range(data.draw(st.integers(0, 6)))])
    holds(data.draw(st.integers(0, 2)), path)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_not_written(tmp_path, value):
    with pytest.raises(UserError, match="not a finite number"):
        write_metrics(tmp_path / "m.csv", [ROW, ROW | {"value": value}])
    assert not (tmp_path / "m.csv").exists()


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
