"""Packed files with anything in them: read, or refused in one line, in little memory."""

import gzip
import pickle
import struct
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.data.sources import mnist, mnist5k, safe_pickle
from drl.data.sources.idx import read_idx
from drl.errors import UserError
from tests.data.factories import settings as dataset
from tests.hostile.profile import examples

NUMBERS = st.one_of(st.integers(0, 30), st.sampled_from([2**15, 2**16, 2**31, 2**32 - 1]))
SHAPES = st.lists(NUMBERS, max_size=5)
IDX = st.builds(
    lambda magic, axes, shape, data: (
        magic + bytes([len(shape) if axes is None else axes]) + struct.pack(f">{len(shape)}I", *shape) + data
    ),
    st.one_of(st.just(b"\0\0\x08"), st.binary(min_size=3, max_size=3)),
    st.one_of(st.none(), st.integers(0, 255)),
    SHAPES,
    st.one_of(st.binary(max_size=40), st.integers(0, 2**21).map(bytes)),
)
PACKED = st.one_of(
    IDX,
    IDX.map(gzip.compress),
    st.builds(lambda data, times: gzip.compress(data) * times, IDX, st.integers(1, 9)),
    st.builds(lambda data, at: gzip.compress(data)[: at % 60], IDX, st.integers(0, 59)),
    st.builds(
        lambda data, at, new: (
            (packed := gzip.compress(data))[: at % len(packed)] + new + packed[at % len(packed) + 1 :]
        ),
        IDX,
        st.integers(0, 200),
        st.binary(min_size=1, max_size=1),
    ),
    st.binary(max_size=50),
)
ROOM = 2**23  # bytes that a file of at most two million may take while it is refused


def one_line(error):
    """Check a complaint."""
    assert len(str(error).splitlines()) == 1
    assert "Traceback" not in str(error)


@settings(derandomize=True, deadline=None, max_examples=examples(400))
@given(PACKED, st.booleans())
def test_any_file_is_idx_or_refused_in_one_line(data, packed):
    with tempfile.NamedTemporaryFile(suffix=".gz" if packed else "") as file:
        file.write(data)
        file.flush()
        tracemalloc.start()
        try:
            array, content = read_idx(Path(file.name), 2**21)
            assert len(content) == 4 + 4 * array.ndim + array.size
        except UserError as error:
            one_line(error)
        finally:
            assert tracemalloc.get_traced_memory()[1] < ROOM
            tracemalloc.stop()


@settings(derandomize=True, deadline=None, max_examples=examples(150))
@given(st.lists(PACKED, min_size=4, max_size=4), st.sampled_from(["", ".gz"]))
def test_any_four_files_are_a_data_set_or_refused_in_one_line(contents, suffix):
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{part}-{what}" for part in ("train", "t10k") for what in ("images-idx3-ubyte", "labels-idx1-ubyte")]
        for name, content in zip(names, contents, strict=True):
            Path(folder, name + suffix).write_bytes(content)
        try:
            raw = mnist.read(dataset("mnist", folder=folder))
            assert len(raw.train.labels) == len(raw.train.images)
        except UserError as error:
            one_line(error)


CELLS = st.sampled_from(["0", "1", "255", "256", "-1", "9" * 400, "x", "", "nan", "²", "1e9", "\n", ","])
TABLES = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda cell, wide, rows: (",".join([cell] * wide) + "\n").encode() * rows,
        CELLS,
        st.sampled_from([1, 784, 785, 786]),
        st.integers(0, 9),
    ),
)


@settings(derandomize=True, deadline=None, max_examples=examples(200))
@given(TABLES, st.booleans())
def test_any_table_of_digits_is_read_or_refused_in_one_line(table, packed):
    with tempfile.NamedTemporaryFile(suffix=".gz") as file:
        file.write(gzip.compress(table) if packed else table)
        file.flush()
        try:
            pool, _ = mnist5k.read_digits(Path(file.name))
            assert pool.labels.max() <= 9
        except UserError as error:
            one_line(error)


VALUE = pickle.dumps({"data": np.zeros((3, 8), np.uint8), "labels": [0, 1, 2]}, protocol=3)


# Of an array of bytes that is cut off, CPython itself complains.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(derandomize=True, deadline=None, max_examples=examples(1000))
@given(st.integers(0, len(VALUE) - 1), st.binary(min_size=1, max_size=4), st.integers(0, len(VALUE)))
def test_any_damaged_pickle_is_refused_or_plain(at, new, end):
    data = (VALUE[:at] + new + VALUE[at + len(new) :])[: max(end, 1)]
    try:
        value = safe_pickle.loads(data)
    except pickle.UnpicklingError:
        return
    assert type(value).__module__ in ("builtins", "numpy")
