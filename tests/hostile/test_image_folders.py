"""Folders with whatever lies in them: planned and prepared, or refused in one line; nothing in them changes."""

import io
import os
import shutil
import socket
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drl.config.datasets import DatasetSettings
from drl.data.prepare import prepare
from drl.data.sources.image_file import FORMATS, decode, read_image
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation.given_images import files_in
from drl.pipeline.folder_facts import read_folder
from tests.hostile.profile import examples

LIMIT = 10_000  # pixels


def picture(kind, mode="RGB", size=(9, 8)):
    """Return the bytes of a picture in one of Pillow's formats."""
    noise, stream = np.random.default_rng(0), io.BytesIO()
    pixels = noise.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(stream, format=kind)
    return stream.getvalue()


def png_header(width, height):
    """Return the start of a PNG of any size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


GOOD = [picture(kind) for kind in FORMATS if kind in Image.SAVE] + [picture("PNG", "L"), picture("PNG", "P")]
OTHER = [picture(kind) for kind in ("EPS", "ICO", "PDF")] + [picture("TIFF", "F"), picture("PNG", "I;16")]
SIDES = st.sampled_from([0, 1, 100, 101, 2**16, 2**31 - 1, 2**32 - 1])
BYTES = st.one_of(
    st.sampled_from(GOOD + OTHER),
    st.binary(max_size=60),
    st.builds(png_header, SIDES, SIDES),
    st.builds(lambda data, at: data[: at % len(data)], st.sampled_from(GOOD), st.integers(0, 10**6)),
    st.builds(
        lambda data, at, new: data[: at % len(data)] + new + data[at % len(data) + len(new) :],
        st.sampled_from(GOOD + OTHER),
        st.integers(0, 10**6),
        st.binary(min_size=1, max_size=6),
    ),
)
NAMES = st.one_of(
    st.sampled_from([b"a", b"b", b"train", b"test", b"Train", b"TEST", b"val", b"x.png", b".hidden"]),
    st.sampled_from([b"caf\xe9", b"a\nb", b"\x1b[2J", b"{x}", b"10\xc2\xb2", b"<script>", "猫".encode(), b" ", b"-rf"]),
    st.binary(min_size=1, max_size=12).filter(lambda name: not {0, 47} & set(name) and name not in (b".", b"..")),
)
SPECIAL = st.sampled_from(["fifo", "socket", "/dev/zero", "/dev/tty", "none", ".", "..", "/"])
TREES = st.recursive(
    st.one_of(BYTES, SPECIAL), lambda inner: st.dictionaries(NAMES, inner, max_size=5), max_leaves=20
).filter(lambda tree: isinstance(tree, dict))
# Mostly good folders, with one thing that is wrong: what random trees seldom are.
CLASSES = st.builds(
    lambda names, data, place, name, odd: {
        k: {b"%d.png" % n: data for n in range(6)} | ({name: odd} if k == sorted(names)[place % len(names)] else {})
        for k in names
    },
    st.sets(NAMES, min_size=2, max_size=3),
    st.sampled_from(GOOD),
    st.integers(0, 2),
    NAMES,
    st.one_of(BYTES, SPECIAL, st.just({}), st.dictionaries(NAMES, BYTES, max_size=2)),
)


def build(place, tree):
    """Write a tree of folders (dict), files (bytes), and what is neither (str)."""
    os.mkdir(place)
    for name, what in tree.items():
        path = os.path.join(place, name)
        if isinstance(what, dict):
            build(path, what)
        elif isinstance(what, bytes):
            Path(os.fsdecode(path)).write_bytes(what)
        elif what == "fifo":
            os.mkfifo(path)
        elif what == "socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(path)
        else:
            os.symlink(what, path)


def listing(place):
    """What lies in a folder, with sizes and times of change."""
    below = [os.path.join(path, name) for path, folders, names in os.walk(place) for name in (*folders, *names)]
    found = [(path, os.lstat(path)) for path in below]
    return sorted((path, about.st_mode, about.st_size, about.st_mtime_ns) for path, about in found)


def said(call):
    """Call what may complain; return its result, or None after a complaint of one line."""
    try:
        return call()
    except UserError as error:
        text = str(error)
        assert len(text.splitlines()) == 1
        assert "object at 0x" not in text
        assert "Traceback" not in text
        text.encode()
        return None


@settings(derandomize=True, deadline=None, max_examples=examples(80))
@given(st.one_of(TREES, CLASSES))
def test_any_folder_is_prepared_or_refused_in_one_line(tree):
    top = tempfile.mkdtemp(dir="/tmp").encode()
    root = Path(os.fsdecode(top), "own")
    try:
        build(top + b"/own", tree)
        before = listing(top + b"/own")
        facts = said(lambda: read_folder(root, None, LIMIT))
        paths = said(lambda: files_in(root, LIMIT, nested=True))
        assert listing(top + b"/own") == before
        if facts is not None:
            check_prepared(root, facts)
            assert paths is not None
        assert listing(top + b"/own") == before
        assert {path.name for path in root.parent.iterdir()} <= {"own", "out"}
    finally:
        shutil.rmtree(top)


def check_prepared(root, facts):
    """What the plan takes, prepare takes too, unless there are too few images or they show nothing."""
    train = sum(facts.train) if facts.test else sum(facts.train) - len(facts.classes)
    test = sum(facts.test) if facts.test else len(facts.classes)
    if train < 2 or test < 1:
        return
    declared = DatasetSettings(
        title="Own",
        source="image_folder",
        folder=str(root),
        classes=len(facts.classes),
        channels=1 if facts.grey else 3,
        image_size=4,
        train=train,
        test=test,
        validation=0,
    )
    out = root.parent / "out" / "images.safetensors"
    try:
        prepare("own", declared, out, LIMIT)
    except UserError as error:
        assert "of one and the same colour" in str(error)  # noqa: PT017
        return
    store = ImageStore.open(out)
    assert len(store.images) == train + test
    assert store.classes == facts.classes
    assert (store.std > 0).all()


@settings(derandomize=True, deadline=None, max_examples=examples(1500))
@given(BYTES)
def test_any_bytes_are_an_image_or_refused_in_one_line(data):
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        found = said(lambda: read_image(path, 8, 3, LIMIT))
        assert found is None or (found[0].shape, found[0].dtype) == ((8, 8, 3), np.uint8)
        assert (said(lambda: decode(path, LIMIT)) is None) == (found is None) or found is None
