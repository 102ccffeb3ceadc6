"""CSV is read row by row: the first bad line ends it, and nothing is kept."""

import tracemalloc

import pytest

from drl.data import csv_text
from drl.data.csv_text import read_rows
from drl.errors import UserError


def test_rows_are_cells_and_blank_lines_are_left_out(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes('a,b\r\n\n1,"x,""y"""\n\n,é'.encode())
    assert list(read_rows(path)) == [["a", "b"], ["1", 'x,"y"'], ["", "é"]]
    path.write_bytes(b"")
    assert list(read_rows(path)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a,b\n1\n", "line 2: a row has too few"),
        (b"a,b\n1,2,3\n", "line 2: a row has too few"),
        (b"a,a\n", "a column twice"),
        (b"a,b\n\xff,1\n", "not text in UTF-8"),
        (b'a,b\n"1\n2",3\n', "line 2: a quotation mark is not closed"),
        (b'a,b\n"1"2,3\n', "expected"),
        (b",".join(b"%d" % k for k in range(201)), "more than 200 columns"),
        (b"a\n" + b"x" * 70_000, "line 2 has more than 65,536 letters"),
        (b"a\n" + b"1\n" * 2**20 + b"\n", "more than 1,048,577 lines"),
        (b"\n" * (2**20 + 2), "more than 1,048,577 lines"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    (tmp_path / "x.csv").write_bytes(text)
    with pytest.raises(ValueError, match=said):
        list(read_rows(tmp_path / "x.csv"))


def test_files_and_bytes_are_bounded(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="cannot be read"):
        list(read_rows(tmp_path / "none.csv"))
    (tmp_path / "x.csv").write_bytes(b"a\n1\n")
    with pytest.raises(UserError, match="needs 3 at most"):
        list(read_rows(tmp_path / "x.csv", most_bytes=3))
    assert csv_text.MOST_BYTES == 2**25


@pytest.mark.parametrize("line", [b"1,2\n", b'"","\n', b",\n", b"\n", b'""""""""""""""\n', b"x\n"])
def test_memory_does_not_grow_with_the_file(tmp_path, line):
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b\n" + line * (1_000_000 // len(line)))
    tracemalloc.start()
    with pytest.raises(ValueError, match="line"):
        for _ in read_rows(path, most_rows=50_000):
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000
