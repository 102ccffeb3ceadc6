from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from drl.data.prepare import prepare
from drl.data.store import ImageStore, Pixels, scale_pixels, to_unit
from drl.errors import UserError
from tests.data.factories import settings

PIXELS: list[Pixels] = ["standardised", "unit", "symmetric"]
MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1)
STD = torch.tensor([0.2470, 0.2435, 0.2616]).view(1, 3, 1, 1)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "digits" / "images.safetensors"
    prepare("my_digits", settings("digits", image_size=8, train=300, test=100, validation=30), path)
    return path


def test_open_gives_what_was_prepared(prepared: Path) -> None:
    store = ImageStore.open(prepared)
    assert store.name == "my_digits"
    assert store.images.shape == (400, 1, 8, 8)
    assert store.images.dtype == torch.uint8
    assert store.labels.dtype == store.train.dtype == store.val.dtype == store.test.dtype == torch.int64
    assert store.train.tolist() == list(range(300))
    assert store.test.tolist() == list(range(300, 400))
    assert set(store.val.tolist()) <= set(store.train.tolist())
    assert len(store.val) == 30
    assert store.classes == tuple("0123456789")
    pixels = store.images[:300].double() / 255
    assert store.mean.shape == store.std.shape == (1, 1, 1, 1)
    assert store.mean.item() == pytest.approx(pixels.mean().item(), rel=1e-6)
    assert store.std.item() == pytest.approx(pixels.std(correction=0).item(), rel=1e-6)


def test_batch_gathers_by_index(prepared: Path) -> None:
    store = ImageStore.open(prepared)
    batch = store.batch(torch.tensor([5, 350, 5]))
    assert len(batch) == 3
    assert torch.equal(batch.images, torch.stack([store.images[5], store.images[350], store.images[5]]))
    assert batch.labels.tolist() == [int(store.labels[i]) for i in (5, 350, 5)]


def test_training_files_are_positions_in_the_store(prepared: Path) -> None:
    store = ImageStore.open(prepared)
    files = store.training_files()
    assert sorted(files.values()) == list(range(300))
    assert all(file.endswith(f"_{int(store.labels[index])}.png") for file, index in files.items())


def test_training_files_of_other_data_are_refused(prepared: Path, tmp_path: Path) -> None:
    copy = tmp_path / "images.safetensors"
    copy.write_bytes(prepared.read_bytes())
    with pytest.raises(UserError, match=r"files\.csv cannot be read"):
        ImageStore.open(copy).training_files()
    (tmp_path / "files.csv").write_text("index,split,file,class\n0,train,a,b\n")
    with pytest.raises(UserError, match="is not the list that was made with"):
        ImageStore.open(copy).training_files()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"images\.safetensors does not exist: run `drl prepare`"):
        ImageStore.open(tmp_path / "images.safetensors")


@pytest.mark.parametrize("length", [0, 4, 200, 20_000, -1])
def test_a_truncated_file_is_named(prepared: Path, tmp_path: Path, length: int) -> None:
    path = tmp_path / "images.safetensors"
    path.write_bytes(prepared.read_bytes()[:length])
    with pytest.raises(UserError, match=r"images\.safetensors is .*: rerun `drl prepare`") as caught:
        ImageStore.open(path)
    assert "\n" not in str(caught.value)


def test_a_changed_byte_is_noticed(prepared: Path, tmp_path: Path) -> None:
    data = bytearray(prepared.read_bytes())
    data[-10] ^= 1
    path = tmp_path / "images.safetensors"
    path.write_bytes(data)
    with pytest.raises(UserError, match="does not match its checksum"):
        ImageStore.open(path)


def test_other_safetensors_are_refused(prepared: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(UserError, match="not a file of prepared images"):
        ImageStore.open(path)
    save_file(load_file(prepared), path, metadata={"facts": "[]"})
    with pytest.raises(UserError, match="not a file of prepared images"):
        ImageStore.open(path)


@pytest.mark.parametrize("pixels", PIXELS)
def test_scaling_equals_the_formula_and_is_undone(pixels: Pixels) -> None:
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(2, 3, 1, 1)
    x = images.double() / 255
    expected = {"standardised": (x - MEAN) / STD, "unit": x, "symmetric": 2 * x - 1}[pixels]
    scaled = scale_pixels(images, pixels, MEAN, STD)
    assert scaled.dtype == torch.float32
    torch.testing.assert_close(scaled.double(), expected.double(), rtol=1e-5, atol=1e-6)
    back = to_unit(scaled, pixels, MEAN, STD)
    torch.testing.assert_close(back, images.float() / 255, rtol=1e-5, atol=1e-6)
    assert torch.equal((back * 255).round().to(torch.uint8), images)


@pytest.mark.parametrize("pixels", PIXELS)
def test_scaling_keeps_channels_last_and_its_input(pixels: Pixels) -> None:
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = images.to(memory_format=torch.channels_last)
    before = images.clone()
    assert scale_pixels(images, pixels, MEAN, STD).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)


def test_standardised_training_pixels_have_mean_0_and_deviation_1(prepared: Path) -> None:
    store = ImageStore.open(prepared)
    x = scale_pixels(store.batch(store.train).images, "standardised", store.mean, store.std)
    assert x.mean().item() == pytest.approx(0, abs=1e-5)
    assert x.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_facts_travel_with_the_file(prepared: Path) -> None:
    facts = ImageStore.open(prepared).facts
    assert facts["n_train"] == 300
    assert "load_digits" in facts["origin"]
    assert np.isfinite(facts["mean"]).all()


def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe is a FIFO and not a file"):
        ImageStore.open(tmp_path / "pipe")
