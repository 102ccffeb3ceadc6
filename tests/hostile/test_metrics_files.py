"""Damaged metrics files given to a figure, a table, claims and comparison: a true result or one line."""

import math

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.cli.main import cli
from drl.errors import UserError
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


def commands(path, out):
    """Return command lines that read the file."""
    return [
        ["figure", "4", str(path), "--scale", "demo", "--out", str(out / "f.svg")],
        ["table", "6", str(path), "--scale", "demo", "--out", str(out / "t.csv")],
        ["claims", str(path), "--scale", "demo", "--out", str(out / "c.csv")],
    ]


def holds(line):
    """Run a command; it must end well, or with one line."""
    result = CliRunner().invoke(cli, line)
    assert result.exception is None or isinstance(result.exception, (UserError, SystemExit)), (line, result.exc_info)
    assert isinstance(result.exception, UserError) or result.exit_code in (0, 2)


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
    holds(commands(path, folder)[len(cell) % 3])


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(data=st.binary(max_size=60))
def test_other_bytes(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bytes")
    path = folder / "m.csv"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"m\.csv"):
        read_metrics(path)
    holds(commands(path, folder)[len(data) % 3])
    table = folder / "table_1.csv"
    table.write_bytes(data)
    holds(["compare", str(table), "--scale", "demo", "--out", str(folder / "c.csv")])


@settings(derandomize=True, deadline=None, max_examples=examples(25))
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
    for line in commands(path, folder):
        holds(line)


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
        '{"study": "probe"}',
        '{"study": "fid", "drawn_by": "../../x", "datasets": []}',
        "[]",
        "{",
        '{"items": {"a": {}}}',
    ],
)
def test_incomplete_settings(tmp_path, given_settings):
    write_metrics(tmp_path / "m.csv", [ROW])
    for line in commands(tmp_path / "m.csv", tmp_path):
        result = CliRunner().invoke(cli, [*line, "--settings", given_settings])
        assert isinstance(result.exception, UserError), result.exc_info
