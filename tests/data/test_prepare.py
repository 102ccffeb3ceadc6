from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from drl.config.datasets import DatasetSettings
from drl.data import prepare as module
from drl.data.prepare import fit_images, prepare
from drl.data.sources.raw import LabelledImages, Raw
from drl.data.store import ImageStore, scale_pixels, to_unit
from drl.errors import UserError
from tests.data.factories import settings

SOURCES = {
    "mnist5k": {"image_size": 28, "channels": 1},
    "mnistm5k": {"image_size": 32, "channels": 3},
    "digits": {"image_size": 16, "channels": 1},
}


@pytest.mark.parametrize("source", SOURCES)
def test_equal_settings_give_equal_bytes(source: str, tmp_path: Path) -> None:
    chosen = settings(source, **SOURCES[source])
    paths = [tmp_path / name / "images.safetensors" for name in ("a", "b", "c")]
    facts = [prepare("x", chosen, path) for path in paths[:2]]
    assert facts[0] == facts[1]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert (tmp_path / "a" / "files.csv").read_bytes() == (tmp_path / "b" / "files.csv").read_bytes()
    assert prepare("x", chosen.model_copy(update={"seed": 1}), paths[2])["sha256"] != facts[0]["sha256"]


def test_facts_say_what_was_written(tmp_path: Path) -> None:
    facts = prepare("m", settings("mnistm5k", image_size=16, channels=3), tmp_path / "images.safetensors")
    assert {key: facts[key] for key in ("n_train", "n_val", "n_test", "image_size", "channels")} == {
        "n_train": 100,
        "n_val": 10,
        "n_test": 20,
        "image_size": 16,
        "channels": 3,
    }
    assert len(facts["mean"]) == len(facts["std"]) == 3
    store = ImageStore.open(tmp_path / "images.safetensors")
    assert store.facts == facts
    assert store.images.shape == (120, 3, 16, 16)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["files.csv", "images.safetensors"]


def test_validation_is_a_balanced_part_of_training(tmp_path: Path) -> None:
    prepare("m", settings("mnist5k"), tmp_path / "images.safetensors")
    store = ImageStore.open(tmp_path / "images.safetensors")
    assert set(store.val.tolist()) <= set(store.train.tolist())
    assert torch.bincount(store.labels[store.val], minlength=10).tolist() == [1] * 10
    assert torch.bincount(store.labels[store.test], minlength=10).tolist() == [2] * 10
    with (tmp_path / "files.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["index"]) for row in rows] == list(range(120))
    assert [int(row["index"]) for row in rows if row["split"] == "val"] == store.val.tolist()
    assert [int(row["class"]) for row in rows] == store.labels.tolist()


def test_given_statistics_win(tmp_path: Path) -> None:
    facts = prepare("m", settings("digits", image_size=8, mean=(0.25,), std=(0.5,)), tmp_path / "i.safetensors")
    assert (facts["mean"], facts["std"]) == ([0.25], [0.5])


@pytest.mark.parametrize(("key", "value"), [("mean", 2e6), ("std", 1e-320), ("std", float("inf"))])
def test_given_statistics_that_no_file_of_images_may_have_are_refused(key: str, value: float) -> None:
    given = {"mean": (0.5,), "std": (0.5,)}
    settings("digits", image_size=8, **given)
    with pytest.raises(ValidationError, match=rf"{key}\.0"):
        settings("digits", image_size=8, **given | {key: (value,)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 9}, "classes is declared as 9 but the source mnist5k has 10"),
        ({"train": 4500, "test": 600}, "declare 5100 images but the source mnist5k has 5000"),
    ],
)
def test_sizes_that_do_not_fit_are_told(changes: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        prepare("m", settings("mnist5k", **changes), tmp_path / "out" / "images.safetensors")
    assert not (tmp_path / "out").exists()


def _raw(train: int, test: int, value: int | None = None) -> Raw:
    def part(n: int) -> LabelledImages:
        images = np.random.Generator(np.random.PCG64(n)).integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
        if value is not None:
            images[:] = value
        return LabelledImages(images, np.arange(n, dtype=np.int64) % 2, tuple(f"{i}.png" for i in range(n)))

    return Raw(part(train), part(test), ("a", "b"), "made up")


@pytest.mark.parametrize("part", ["train", "test"])
def test_counts_of_a_fixed_split_are_checked(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read_source", lambda *_: _raw(8, 4))
    sizes = {"train": 8, "test": 4, "validation": 2} | {part: 5}
    chosen = settings("cifar10", classes=2, channels=3, image_size=4, **sizes)
    with pytest.raises(UserError, match=f"{part} is declared as 5 but the source cifar10 has"):
        prepare("c", chosen, tmp_path / "images.safetensors")


def test_blank_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read_source", lambda *_: _raw(8, 4, value=7))
    with pytest.raises(UserError, match="all training images are of one and the same colour"):
        prepare("c", settings(classes=2, channels=3, image_size=4, train=8, test=4, validation=2), tmp_path / "i.st")
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(OSError, match="no space left"):
        prepare("m", settings("mnist5k"), tmp_path / "images.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("most", [1, 48, 100, 2**20])
def test_large_images_are_fitted_a_few_at_once_with_the_same_result(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, sizes = _raw(8, 4), []
    monkeypatch.setattr(module, "read_source", lambda *_: raw)
    chosen = settings("cifar10", classes=2, channels=1, image_size=4, train=8, test=4, validation=2)
    prepare("c", chosen, tmp_path / "whole.safetensors")
    monkeypatch.setattr(module, "_CHUNK_BYTES", most)
    monkeypatch.setattr(
        module, "fit_images", lambda images, *to: sizes.append(images.numel()) or fit_images(images, *to)
    )
    prepare("c", chosen, tmp_path / "parts.safetensors")
    assert (tmp_path / "parts.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert max(sizes) <= max(most, 48)


@pytest.mark.parametrize("source", ["digits", "mnist5k", "mnistm5k"])
def test_a_source_that_reads_no_folder_takes_none(source: str) -> None:
    with pytest.raises(ValidationError, match=f"source {source} comes with a package and reads no folder"):
        settings(source, folder="mine")


def test_images_that_fit_are_not_touched() -> None:
    images = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(fit_images(images, 3, 8), images)
    assert torch.equal(fit_images(images[:, :1], 3, 8), images[:, :1].expand(3, 3, 8, 8))


@pytest.mark.parametrize("size", [8, 16, 40])
def test_resizing_agrees_with_pillow(size: int) -> None:
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    fitted = fit_images(images, 3, size)
    for image, small in zip(images, fitted, strict=True):
        expected = Image.fromarray(image.permute(1, 2, 0).numpy()).resize((size, size), Image.Resampling.BILINEAR)
        difference = small.permute(1, 2, 0).int() - torch.from_numpy(np.array(expected)).int()
        assert difference.abs().max() <= 1


def test_colour_to_grey_agrees_with_pillow() -> None:
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for image, grey in zip(images, fit_images(images, 1, 8), strict=True):
        expected = np.array(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L"))
        assert np.abs(expected.astype(int) - grey[0].numpy()).max() <= 1


def _two_colours(monkeypatch: pytest.MonkeyPatch, value: int = 0) -> DatasetSettings:
    raw = _raw(8, 4)
    for part in (raw.train, raw.test):
        part.images[..., 1] = value
    monkeypatch.setattr(module, "read_source", lambda *_: raw)
    return settings(classes=2, channels=3, image_size=4, train=8, test=4, validation=2)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_channel_is_scaled_with_deviation_1(
    value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = prepare("stains", _two_colours(monkeypatch, value), tmp_path / "i.safetensors")
    assert (facts["std"][1], facts["mean"][1], facts["constant_channels"]) == (1, pytest.approx(value / 255), [1])
    said = f"drl: dataset 'stains': the green channel has the value {value} in all training images; it is scaled"
    assert capsys.readouterr().err.startswith(said)
    store = ImageStore.open(tmp_path / "i.safetensors")
    scaled = scale_pixels(store.images, "standardised", store.mean, store.std)
    assert scaled[:, 1].abs().max() < 1e-6
    assert torch.allclose(scaled[:8, [0, 2]].std((0, 2, 3), unbiased=False), torch.ones(2), atol=1e-5)
    back = to_unit(scaled, "standardised", store.mean, store.std)
    assert torch.equal((255 * back).round().byte(), store.images)


def test_facts_of_other_images_are_as_before(tmp_path: Path) -> None:
    facts = prepare("m", settings("mnist5k"), tmp_path / "images.safetensors")
    assert "constant_channels" not in facts


def test_a_subset_has_the_declared_numbers_and_equal_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.arange(60, dtype=np.int64) % 3
    images = np.arange(60, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    part = LabelledImages(images, labels, tuple(map(str, range(60))))
    monkeypatch.setattr(module, "read_source", lambda *given: Raw(part, part, ("a", "b", "c"), "made up"))
    chosen = settings("digits", classes=3, train=30, test=12, validation=6, subset=True)
    stores = []
    for name, seed in (("a", 0), ("b", 1)):
        prepare("x", chosen.model_copy(update={"seed": seed}), tmp_path / name / "images.safetensors")
        stores.append(ImageStore.open(tmp_path / name / "images.safetensors"))
    for store in stores:
        assert torch.bincount(store.labels[store.train]).tolist() == [10, 10, 10]
        assert torch.bincount(store.labels[store.test]).tolist() == [4, 4, 4]
        # Each image is one of the source's, with its own label.
        assert torch.equal(store.images[:, 0, 0, 0].long() % 3, store.labels)
        assert len(store.images[store.train].unique()) == 30
    assert not torch.equal(stores[0].images, stores[1].images)
    with pytest.raises(UserError, match="train is declared as 61 but the source digits has 60"):
        prepare("x", chosen.model_copy(update={"train": 61}), tmp_path / "c" / "images.safetensors")
