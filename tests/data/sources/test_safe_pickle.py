from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.data.sources import safe_pickle

# What Python 2 with its numpy wrote for {'data': array([[1, 2], [3, 250]], dtype=uint8), 'labels': [6, 9]}: text and
# pixels as 8-bit strings (opcode U), numpy under its old module names. The original CIFAR files are of this kind.
PYTHON_2 = (
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04"
    b"K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02K\x02\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07"
    b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x04\x01\x02\x03\xfatb"
    b"U\x06labels]q\x08(K\x06K\x09eu."
)


def test_reads_what_python_2_wrote() -> None:
    value = safe_pickle.loads(PYTHON_2)
    assert value["labels"] == [6, 9]
    assert value["data"].dtype == np.uint8
    assert value["data"].tolist() == [[1, 2], [3, 250]]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_plain_values_survive(protocol: int) -> None:
    value = {"a": [1, 2.5, None, True], "b": ("text", {"c": -3})}
    assert safe_pickle.loads(pickle.dumps(value, protocol=protocol)) == value


class _Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


@pytest.mark.parametrize("function", [eval, print, np.load, np.fromfile, getattr])
@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_else_is_called(function: Any, protocol: int) -> None:
    data = pickle.dumps(_Calls(function, "1"), protocol=protocol)
    with pytest.raises(pickle.UnpicklingError, match="which is not allowed"):
        safe_pickle.loads(data)


@given(cut=st.integers(0, len(PYTHON_2) - 1))
def test_a_truncated_pickle_is_an_unpickling_error(cut: int) -> None:
    with pytest.raises(pickle.UnpicklingError):
        safe_pickle.loads(PYTHON_2[:cut])
