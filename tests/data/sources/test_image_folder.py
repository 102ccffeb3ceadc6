from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drl.data.prepare import prepare
from drl.data.sources import image_file, image_folder
from drl.data.store import ImageStore
from drl.errors import UserError
from tests.data.factories import settings

RNG = np.random.Generator(np.random.PCG64(0))


def _save(path: Path, width: int = 12, height: int = 12, mode: str = "RGB") -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return pixels


def _folder_settings(root: Path, **changes: object) -> object:
    values = {"folder": str(root), "classes": 2, "channels": 3, "image_size": 12, "train": 6, "test": 2}
    return settings("image_folder", **(values | {"validation": 2} | changes))


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    for name in ("b", "a"):
        for index in range(4):
            _save(tmp_path / name / f"{index}.png")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "a" / ".DS_Store").write_bytes(b"x")
    return tmp_path


def test_class_folders_are_split(classes: Path) -> None:
    raw = image_folder.read(_folder_settings(classes))  # type: ignore[arg-type]
    assert raw.classes == ("a", "b")
    assert np.bincount(raw.train.labels).tolist() == [3, 3]
    assert np.bincount(raw.test.labels).tolist() == [1, 1]
    assert sorted(raw.train.files + raw.test.files) == [f"{c}/{i}.png" for c in "ab" for i in range(4)]
    for image, label, file in zip(raw.train.images, raw.train.labels, raw.train.files, strict=True):
        assert np.array_equal(image, np.asarray(Image.open(classes / file)))
        assert file.startswith(raw.classes[label])


def test_a_given_split_is_kept(tmp_path: Path) -> None:
    for part, n in (("train", 3), ("test", 1)):
        for name in ("x", "y"):
            for index in range(n):
                _save(tmp_path / part / name / f"{index}.jpg")
    raw = image_folder.read(_folder_settings(tmp_path))  # type: ignore[arg-type]
    assert raw.train.files == ("x/0.jpg", "x/1.jpg", "x/2.jpg", "y/0.jpg", "y/1.jpg", "y/2.jpg")
    assert raw.test.files == ("x/0.jpg", "y/0.jpg")
    (tmp_path / "test" / "y").rename(tmp_path / "test" / "z")
    with pytest.raises(UserError, match=r"differ in their class folders \(y, z\)"):
        image_folder.read(_folder_settings(tmp_path))  # type: ignore[arg-type]


def test_the_short_side_is_fitted_and_the_centre_kept(tmp_path: Path) -> None:
    pixels = np.zeros((20, 40, 3), dtype=np.uint8)
    pixels[:, 10:30] = 200
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    data = (tmp_path / "wide.png").read_bytes()
    loaded = image_file.load_image(data, tmp_path / "wide.png", 10, 3)
    assert loaded.shape == (10, 10, 3)
    # The outermost columns of the centre blend with what lies beside it, as after resizing the whole image.
    assert (loaded[:, 1:-1] == 200).all()
    assert loaded.min() > 150


def test_shrinking_is_antialiased(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 254
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    loaded = image_file.load_image((tmp_path / "stripes.png").read_bytes(), tmp_path, 8, 1)
    assert loaded.shape == (8, 8, 1)
    assert np.abs(loaded.astype(int) - 127).max() < 10


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_colour_modes_are_converted(mode: str, channels: int, tmp_path: Path) -> None:
    _save(tmp_path / "x.png", mode=mode)
    data = (tmp_path / "x.png").read_bytes()
    assert image_file.load_image(data, tmp_path / "x.png", 12, channels).shape == (12, 12, channels)


def test_sixteen_bits_are_refused(classes: Path) -> None:
    Image.fromarray(np.full((12, 12), 40_000, dtype=np.uint16)).save(classes / "a" / "deep.png")
    with pytest.raises(UserError, match=r"deep\.png is an image of mode I;16"):
        image_folder.read(_folder_settings(classes))  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_what_is_no_image_is_named_and_nothing_written(content: bytes | None, classes: Path, tmp_path: Path) -> None:
    bad = classes / "b" / "7.png"
    bad.write_bytes((classes / "b" / "0.png").read_bytes()[:100] if content is None else content)
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"b/7\.png is not a readable image"):
        prepare("f", _folder_settings(classes), out / "images.safetensors")  # type: ignore[arg-type]
    assert not out.exists()


def test_a_folder_within_a_class_folder_is_named(classes: Path) -> None:
    (classes / "b" / "inner").mkdir()
    with pytest.raises(UserError, match="b/inner is a folder within a class folder"):
        image_folder.read(_folder_settings(classes))  # type: ignore[arg-type]


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere does not exist"):
        image_folder.read(_folder_settings(tmp_path / "nowhere"))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="holds no class folders"):
        image_folder.read(_folder_settings(tmp_path))  # type: ignore[arg-type]
    (tmp_path / "a").mkdir()
    with pytest.raises(UserError, match="holds only the folder 'a'"):
        image_folder.read(_folder_settings(tmp_path))  # type: ignore[arg-type]
    _save(tmp_path / "b" / "0.png")
    with pytest.raises(UserError, match="a is empty"):
        image_folder.read(_folder_settings(tmp_path))  # type: ignore[arg-type]
    for name in ("train", "test"):
        (tmp_path / name).mkdir()
    with pytest.raises(UserError, match="train holds no class folders"):
        image_folder.read(_folder_settings(tmp_path))  # type: ignore[arg-type]


def test_a_camera_s_note_of_how_it_was_held_is_followed(tmp_path: Path) -> None:
    upright = np.zeros((8, 8, 3), dtype=np.uint8)
    upright[:4] = 255
    image = Image.fromarray(upright)
    image.save(tmp_path / "upright.png")
    exif = Image.Exif()
    exif[0x0112] = 8  # to be turned by 90 degrees counterclockwise
    image.transpose(Image.Transpose.ROTATE_270).save(tmp_path / "turned.png", exif=exif)
    loaded = [
        image_file.load_image((tmp_path / name).read_bytes(), tmp_path, 8, 3) for name in ("upright.png", "turned.png")
    ]
    assert np.array_equal(*loaded)
    assert not np.array_equal(np.asarray(Image.open(tmp_path / "turned.png")), upright)


def test_too_few_images_are_told(classes: Path) -> None:
    with pytest.raises(UserError, match="declare 9 images but the source image_folder has 8"):
        image_folder.read(_folder_settings(classes, train=7))  # type: ignore[arg-type]


def test_label_files_of_a_prepared_folder(classes: Path, tmp_path: Path) -> None:
    prepare("f", _folder_settings(classes), tmp_path / "out" / "images.safetensors")  # type: ignore[arg-type]
    files = ImageStore.open(tmp_path / "out" / "images.safetensors").training_files()
    assert len(files) == 6
    assert all(file[:2] in ("a/", "b/") for file in files)
