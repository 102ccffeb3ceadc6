"""Codes on a disk that is full after any byte: all are there, or what is done is kept, and old files stay."""

import csv
import errno
import os
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.errors import UserError
from drl.evaluation import code_file as module
from drl.evaluation.code_file import Codes, code_file
from tests.hostile.profile import examples


class Full:
    """A file on a disk with room for so many bytes, which takes a part of a write as a kernel does."""

    def __init__(self, stream, room):
        self.stream, self.room = stream, room

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, data):
        if self.stream.tell() >= self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.stream.write(bytes(data)[: self.room - self.stream.tell()])


def check(text):
    """Check a complaint."""
    assert "the disk is full" in text
    assert len(text.splitlines()) == 1


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=9)


@settings(derandomize=True, deadline=None, max_examples=examples(100))
@given(
    st.lists(NAMES, min_size=1, max_size=40),
    st.lists(st.integers(1, 5), min_size=1, max_size=2),
    st.integers(1, 9),
    st.one_of(st.none(), st.integers(128, 1500)),
    st.booleans(),
)
def test_rows_are_all_there_or_kept(names, axes, step, room, old):
    shape = (len(names), *axes)
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    patched = Codes.__init__
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "codes.npy")
        if old:
            out.write_bytes(b"old")

        def begin(codes, stream, of):
            patched(codes, stream, of)
            codes._stream = stream if room is None else Full(stream, room)

        module.Codes.__init__ = begin
        try:
            with code_file(out, out.with_suffix(".csv"), names, shape) as codes:
                for start in range(0, len(names), step):
                    codes.write(values[start : start + step])
            kept, table = out, out.with_suffix(".csv")
        except UserError as error:
            check(str(error))
            assert out.exists() == old
            assert not old or out.read_bytes() == b"old"
            kept, table = out.with_name("codes.part.npy"), out.with_name("codes.part.csv")
            if "hold the first" not in str(error):
                assert not kept.exists()
                return
        finally:
            module.Codes.__init__ = patched
        found = np.load(kept)
        assert np.array_equal(found, values[: len(found)])
        assert len(found) % step == 0 or len(found) == len(names)
        with table.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
        assert rows == [["row", "file"], *([str(k), name] for k, name in enumerate(names[: len(found)]))]
        assert not list(Path(folder).glob(".*"))
