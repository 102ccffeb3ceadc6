"""`drl encode`: codes of any images, as an array."""

import os
import re
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from drl.data.sources.image_file import load_image
from drl.errors import UserError
from drl.evaluation import encode as module
from drl.evaluation.encode import encode
from drl.files import sha256
from drl.models.model_file import load_model
from drl.records.run_card import write_card
from drl.training.seeds import generator
from tests import tiny
from tests.cards import read_card
from tests.evaluation.jobs import ALONE

NAMES = ["a.png", "b/c.jpg", "b/d.bmp", "b2.gif", "e.webp"]


@pytest.fixture
def folder(tmp_path):
    """Images of several formats, sizes and modes, some in a folder within, and hidden files."""
    noise, path = np.random.default_rng(0), tmp_path / "images"
    shapes = [(8, 8), (20, 12, 3), (9, 30, 3), (16, 16), (8, 8, 4)]
    for name, shape in zip(NAMES, shapes, strict=True):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, shape, dtype=np.uint8)).save(path / name)
    (path / ".DS_Store").write_bytes(b"hidden")
    (path / ".thumbs").mkdir()
    (path / ".thumbs" / "x.png").write_bytes(b"hidden")
    return path


def expected(model, folder, t):
    images = [load_image((folder / name).read_bytes(), folder, tiny.SIZE, 1) for name in NAMES]
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    with torch.no_grad():
        return load_model(model).encode(batch, torch.full((len(NAMES),), t)).numpy()


@pytest.mark.parametrize("kind", ["drl", "vdrl", "cdae", "ae", "vae", "dae", "simclr", "simclr_gauss", "supervised"])
def test_rows_are_the_codes_of_the_files_in_the_order_of_their_paths(kind, folder, model_file, tmp_path):
    encode(model_file(kind), folder, [0.3], tmp_path / "codes.npy", ALONE)
    codes = np.load(tmp_path / "codes.npy")
    assert (codes.dtype, codes.ndim) == (np.float32, 2)
    assert np.allclose(codes, expected(model_file(kind), folder, 0.3), atol=1e-5)
    table = pd.read_csv(tmp_path / "codes.csv")
    assert table.to_numpy().tolist() == [[row, name] for row, name in enumerate(NAMES)]


def test_score_features_are_of_noisy_images_the_same_at_every_run(folder, model_file, tmp_path, monkeypatch):
    """The noise is that of `extract_codes` with seed 0, in the order of the rows; the card states the seed."""
    model, times = model_file("score_features"), [0.3, 0.8]
    for name, size in (("one", 128), ("two", 128), ("parts", 2)):
        monkeypatch.setattr(module, "CHUNKS", {"cpu": size})
        encode(model, folder, times, tmp_path / f"{name}.npy", ALONE)
    one, two, parts = (np.load(tmp_path / f"{name}.npy") for name in ("one", "two", "parts"))
    assert np.array_equal(one, two)
    assert np.allclose(one, parts, atol=1e-4)
    images = [load_image((folder / name).read_bytes(), folder, tiny.SIZE, 1) for name in NAMES]
    batch = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    for column, t in enumerate(times):
        source = generator(0, f"codes at t = {t}")
        with torch.no_grad():
            wanted = load_model(model).encode(batch, torch.full((len(NAMES),), t), source).numpy()
        assert np.allclose(one[:, column], wanted, atol=1e-5)
        assert not np.allclose(one[:, column], expected(model, folder, t), atol=1e-2)
    assert read_card(tmp_path / "one.npy.json")["settings"] == {"t": times, "noise_seed": 0}


def test_several_t_are_an_axis_of_their_own(folder, model_file, tmp_path):
    encode(model_file(), folder, [0.7, 0.0], tmp_path / "codes.npy", ALONE)
    codes = np.load(tmp_path / "codes.npy")
    assert codes.shape[:2] == (len(NAMES), 2)
    for column, t in enumerate((0.7, 0.0)):
        assert np.allclose(codes[:, column], expected(model_file(), folder, t), atol=1e-5)
    assert np.abs(codes[:, 0] - codes[:, 1]).max() > 1e-3, "t must matter, or this shows nothing"


def test_batches_change_nothing(folder, model_file, tmp_path, monkeypatch):
    encode(model_file(), folder, [0.3], tmp_path / "whole.npy", ALONE)
    monkeypatch.setattr(module, "CHUNKS", {"cpu": 2})
    encode(model_file(), folder, [0.3], tmp_path / "parts.npy", ALONE)
    assert np.allclose(np.load(tmp_path / "parts.npy"), np.load(tmp_path / "whole.npy"), atol=1e-4)
    digests = [read_card(tmp_path / f"{name}.npy.json")["images_sha256"] for name in ("whole", "parts")]
    assert digests[0] == digests[1]


def test_the_card_says_what_was_encoded(folder, model_file, tmp_path):
    encode(model_file(), folder, [0.3], tmp_path / "codes.npy", ALONE)
    card = read_card(tmp_path / "codes.npy.json")
    assert (card["command"], card["settings"], card["images"]) == ("encode", {"t": [0.3]}, len(NAMES))
    assert card["outputs"] == {name: sha256(tmp_path / name) for name in ("codes.npy", "codes.csv")}
    assert card["inputs"] == {os.path.relpath(model_file(), tmp_path): sha256(model_file())}
    Image.new("L", (8, 8)).save(folder / "a.png")
    encode(model_file(), folder, [0.3], tmp_path / "codes.npy", ALONE)
    assert read_card(tmp_path / "codes.npy.json")["images_sha256"] != card["images_sha256"]


def refused(model, folder, said, out):
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        encode(model, folder, [0.5], out, ALONE)
    assert "\n" not in str(caught.value)
    assert not [path for path in out.parent.iterdir() if path.name.startswith((".codes", "codes"))]


def test_mistakes_are_one_line_and_leave_nothing(folder, model_file, tmp_path):
    out = tmp_path / "codes.npy"
    refused(model_file(), folder, "codes.npz: codes are written as .npy", tmp_path / "codes.npz")
    refused(model_file("unconditional"), folder, "is unconditional, so images have no codes", out)
    refused(tmp_path / "none.safetensors", folder, "there is no such model", out)
    refused(folder / "a.png", folder, "a.png: is damaged", out)
    refused(model_file(), folder / "none", "is not a folder; give one with images", out)
    (tmp_path / "empty").mkdir()
    refused(model_file(), tmp_path / "empty", "contains no images; add some", out)
    (folder / "b" / "notes.txt").write_text("no image")
    refused(model_file(), folder, "b/notes.txt is not a readable image", out)


NAMES_OF_NO_TEXT = {b"caf\xe9.png": r"caf\xe9.png is not UTF-8", b"a\nb.png": r"a\nb.png has a line break"}


@pytest.mark.parametrize("name", NAMES_OF_NO_TEXT)
@pytest.mark.parametrize("place", [b"", b"b/"])
def test_names_that_are_no_text_are_refused_before_anything_is_computed(name, place, folder, model_file, tmp_path):
    (folder / "a.png").rename(os.fsdecode(os.fsencode(folder) + b"/" + place + name))
    refused(model_file(), folder, NAMES_OF_NO_TEXT[name], tmp_path / "codes.npy")


def test_folders_of_such_names_are_refused_too(folder, model_file, tmp_path):
    (folder / "b").rename(os.fsdecode(os.fsencode(folder) + b"/b\xff"))
    refused(model_file(), folder, r"b\xff is not UTF-8", tmp_path / "codes.npy")


def test_what_is_no_image_is_known_before_the_first_is_encoded(folder, model_file, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "codes_of_batch", lambda *_: pytest.fail("something was computed"))
    out = tmp_path / "codes.npy"
    for make, said in (
        (os.mkfifo, "z.png is a FIFO and not a file: remove it"),
        (lambda path: path.symlink_to("none"), "z.png is a link that leads nowhere"),
        (lambda path: path.write_text("x"), "z.png is not a readable image (of "),
        (lambda path: Image.new("L", (9, 9)).save(path, format="EPS"), "z.png is not a readable image (of "),
    ):
        make(folder / "z.png")
        refused(model_file(), folder, said, out)
        (folder / "z.png").unlink()
    with pytest.raises(UserError, match=r"more than 100 pixels: .* or raise run\.image_pixels"):
        encode(model_file(), folder, [0.5], out, replace(ALONE, image_pixels=100))


def test_folders_may_be_nested_deeply(folder, model_file, tmp_path):
    deep = folder
    for _ in range(1200):
        deep = deep / "n"
        deep.mkdir()
    (deep / "x.png").write_bytes((folder / "a.png").read_bytes())
    try:
        encode(model_file(), folder, [0.3], tmp_path / "codes.npy", ALONE)
    finally:
        # pytest's own removal of old folders is recursive, and would fail in a later run.
        subprocess.run(["rm", "-r", folder / "n"], check=True)
    assert len(np.load(tmp_path / "codes.npy")) == len(NAMES) + 1


def test_a_model_that_was_changed_is_refused(folder, model_file, tmp_path):
    model = tiny.damaged(model_file(), tmp_path)
    with pytest.raises(UserError, match="is not as it was made"):
        encode(model, folder, [0.5], tmp_path / "codes.npy", ALONE)
    assert not (tmp_path / "codes.npy").exists()


def test_an_old_file_stays_as_it_was_when_something_goes_wrong(folder, model_file, tmp_path):
    out = tmp_path / "codes.npy"
    encode(model_file(), folder, [0.3], out, ALONE)
    before = out.read_bytes()
    (folder / "z.png").write_bytes(b"no image")
    with pytest.raises(UserError):
        encode(model_file(), folder, [0.3], out, ALONE)
    assert out.read_bytes() == before


def test_codes_that_are_no_numbers_are_named(folder, model_file, tmp_path, monkeypatch):
    codes = module.codes_of_batch

    def broken(*arguments):
        rows = codes(*arguments).clone()
        rows[1] = float("nan")
        return rows

    monkeypatch.setattr(module, "codes_of_batch", broken)
    refused(model_file(), folder, "c.jpg: its code at t = 0.5 is not finite", tmp_path / "codes.npy")


def test_no_file_of_others_is_replaced(folder, model_file, tmp_path):
    probes = tmp_path / "seed0.csv"
    probes.write_text("measured")
    write_card("probe", [probes], {}, "code")
    mine = tmp_path / "mine.csv"
    mine.write_text("mine")
    for out, said in (
        ("seed0.npy", "seed0.csv: is of probe, seed0.csv.json says; choose another place for --out"),
        ("mine.npy", "mine.csv: is written beside mine.npy, but is there already, and not as this job made it"),
        ("images/z.npy", "z.npy: lies in "),
        ("images/b/z.npy", "z.npy: lies in "),
    ):
        refused(model_file(), folder, said, tmp_path / out)
    assert (probes.read_text(), mine.read_text()) == ("measured", "mine")
    for _ in range(2):
        encode(model_file(), folder, [0.3], tmp_path / "codes.npy", ALONE)
