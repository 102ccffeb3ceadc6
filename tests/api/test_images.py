"""Images in every form that users have, read as training reads them, or refused."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from drl.api.images import BadImages, as_images
from drl.data.sources.image_file import read_image
from drl.errors import UserError
from drl.methods.base import ImageFacts

GREY, COLOUR = ImageFacts(1, 8, 3), ImageFacts(3, 8, 3)
NOISE = np.random.default_rng(0)


def bytes_of(*shape):
    return NOISE.integers(0, 256, shape, dtype=np.uint8)


def wanted(images):
    """[N, H, W, C] as the model takes it."""
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy())


def objects(images):
    """An array of objects, as the column of a table is."""
    column = np.empty(len(images), dtype=object)
    column[:] = images
    return column


@pytest.mark.parametrize("facts", [GREY, COLOUR], ids=["grey", "colour"])
def test_all_forms_of_the_same_images_are_read_alike(facts):
    images = bytes_of(5, 8, 8, facts.channels)
    first = images.transpose(0, 3, 1, 2)
    plain = images[..., 0] if facts.channels == 1 else images
    forms = {
        "last": images,
        "first": first,
        "torch": torch.from_numpy(first.copy()),
        "torch last": torch.from_numpy(images),
        "list of arrays": list(images),
        "list of channels first": list(first),
        "list of tensors": [torch.from_numpy(image.copy()) for image in first],
        "pil": [Image.fromarray(image) for image in plain],
        "mixed": [images[0], first[1], *(Image.fromarray(image) for image in plain[2:])],
        "objects": objects([Image.fromarray(image) for image in plain]),
        **{name: images.astype(name) / np.array(255, name) for name in ("float16", "float32", "float64")},
        "float torch": torch.from_numpy(first.copy()).float().div(255).requires_grad_(),
        "with slack": np.where(images == 255, 1 + 5e-6, images / 255),
        "not contiguous": np.asfortranarray(images),
        "a list of floats": list(images / 255),
    }
    if facts.channels == 1:
        forms |= {"no channels": images[..., 0], "list without channels": list(images[..., 0])}
    for name, form in forms.items():
        found = as_images(form, facts)
        assert (found.dtype, found.is_contiguous()) == (torch.uint8, True), name
        assert torch.equal(found, wanted(images)), name


def test_arrays_of_paths_are_lists(tmp_path):
    images = bytes_of(3, 8, 8, 1)
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, image in zip(paths, images[..., 0], strict=True):
        Image.fromarray(image).save(path)
    for form in (paths, np.array([str(path) for path in paths]), np.array(paths, dtype=object)):
        assert torch.equal(as_images(form, GREY), wanted(images))


def test_one_image_is_a_batch_of_one():
    grey, colour = bytes_of(8, 8, 1), bytes_of(8, 8, 3)
    assert torch.equal(as_images(grey, GREY), wanted(grey[None]))
    assert torch.equal(as_images(grey.transpose(2, 0, 1), GREY), wanted(grey[None]))
    assert torch.equal(as_images(colour, COLOUR), wanted(colour[None]))
    assert torch.equal(as_images(Image.fromarray(colour), COLOUR), wanted(colour[None]))
    assert torch.equal(as_images(colour.transpose(2, 0, 1), COLOUR, channels="first"), wanted(colour[None]))


def test_what_is_read_is_no_view_of_the_users_array():
    images = bytes_of(2, 8, 8, 1)
    images.flags.writeable = False
    found = as_images(images, GREY)
    found.zero_()
    assert images.any()


AMBIGUOUS = {
    "both axes of a batch": (bytes_of(2, 3, 8, 3), COLOUR, "can be read with channels first or last"),
    "both axes of one image of a list": ([bytes_of(3, 8, 3)], COLOUR, "can be read with channels first or last"),
    "three grey images or one in colour": (bytes_of(3, 8, 8), COLOUR, "one image [C, H, W] or 3 grey ones"),
    "four grey images or one with alpha": (bytes_of(4, 8, 8), GREY, "one image [C, H, W] or 4 grey ones"),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_nothing_is_guessed(case):
    images, facts, said = AMBIGUOUS[case]
    with pytest.raises(BadImages, match=re.escape(said)) as caught:
        as_images(images, facts)
    assert "channels='first'" in str(caught.value)


def test_channels_decides_between_two_readings():
    images = bytes_of(2, 3, 8, 3)
    first, last = (as_images(images, COLOUR, channels=where) for where in ("first", "last"))
    assert torch.equal(first, as_images(list(images.transpose(0, 2, 3, 1)), COLOUR, channels="last"))
    assert not torch.equal(first, last)
    assert first.shape == last.shape == (2, 3, 8, 8)


REFUSED = {
    "colour for grey": (bytes_of(5, 8, 8, 3), GREY, "1 channel (grey), but images of shape (5, 8, 8, 3)"),
    "one in colour for grey": (bytes_of(8, 8, 3), GREY, "1 channel (grey)"),
    "grey for colour": (bytes_of(5, 8, 8, 1), COLOUR, "3 channels (RGB), but images of shape (5, 8, 8, 1)"),
    "grey without channels for colour": (bytes_of(5, 8, 8), COLOUR, "3 channels (RGB)"),
    "alpha": (bytes_of(5, 8, 8, 4), COLOUR, "3 channels (RGB)"),
    "flat rows": (bytes_of(5, 64), GREY, "have 2 axes; give a batch"),
    "five axes": (bytes_of(1, 5, 8, 8, 1), GREY, "have 5 axes; give a batch"),
    "flat rows in a list": ([bytes_of(64)], GREY, "has shape (64,); each must be one image"),
    "a batch in a list": ([bytes_of(2, 8, 8, 1)], GREY, "has shape (2, 8, 8, 1); each must be one image"),
    "lists of numbers": ([[0.1, 0.2]], GREY, "are a list; give a NumPy array"),
    "nothing": ([], GREY, "there are no images"),
    "no rows": (bytes_of(0, 8, 8, 1), GREY, "have no pixels"),
    "a number": (3, GREY, "are a int; give a NumPy array"),
    "integers": (bytes_of(2, 8, 8, 1).astype(np.int64), GREY, "are int64; give uint8 in 0..255 or floats"),
    "booleans": (bytes_of(2, 8, 8, 1) > 9, GREY, "multiply by 255 and convert to uint8"),
    "bfloat16": (torch.rand(2, 1, 8, 8).bfloat16(), GREY, "bfloat16, which cannot hold 256 levels"),
    "bytes as floats": (bytes_of(2, 8, 8, 1) / 1.0, GREY, "not in [0, 1]: divide by 255"),
    "a list of bytes as floats": (list(bytes_of(2, 8, 8, 1) / 1.0), GREY, "not in [0, 1]: divide by 255"),
    "digits": (np.full((2, 8, 8), 16.0), GREY, "[16, 16], not in [0, 1]: divide by the value of white, such as 16"),
    "symmetric": (np.linspace(-1, 1, 128).reshape(2, 8, 8), GREY, "give (x + 1) / 2"),
    "standardised": (np.linspace(-2, 2, 128).reshape(2, 8, 8), GREY, "undo their standardisation"),
    "just above": (np.full((2, 8, 8), 1.001), GREY, "not in [0, 1]"),
    "not a number": (np.full((2, 8, 8), np.nan), GREY, "not finite"),
    "infinite": (np.full((2, 8, 8), np.inf), GREY, "not finite"),
    "cut floats": ((bytes_of(2, 8, 8, 1) / 255).astype(np.uint8), GREY, "no pixel above 1"),
    "cut floats in a list": (list((bytes_of(2, 8, 8, 1) / 254).astype(np.uint8).clip(0, 1)), GREY, "no pixel above 1"),
    "deep pil": (Image.new("I;16", (8, 8)), GREY, "mode I;16, not 8 bits"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_range_type_or_channels_is_one_clear_error(case):
    images, facts, said = REFUSED[case]
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        as_images(images, facts)
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)


def test_a_black_image_is_no_error():
    assert not as_images(np.zeros((1, 8, 8, 1), np.uint8), GREY).any()
    # One dark image among others is an image, too.
    assert as_images([np.ones((8, 8), np.uint8), bytes_of(8, 8)], GREY)[0].eq(1).all()


@pytest.mark.parametrize("facts", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("shape", [(20, 12), (9, 30), (5, 5)])
def test_other_sizes_are_resized_as_files_are(shape, facts, tmp_path):
    image = bytes_of(*shape, facts.channels)
    plain = Image.fromarray(image[..., 0] if facts.channels == 1 else image)
    plain.save(tmp_path / "a.png")
    expected = wanted(read_image(tmp_path / "a.png", 8, facts.channels)[0][None])
    forms = [image[None], image.transpose(2, 0, 1)[None] / 255, plain, [image], tmp_path / "a.png", str(tmp_path)]
    for form in forms:
        assert torch.equal(as_images(form, facts), expected)
        with pytest.raises(BadImages, match=rf"are {shape[0]} x {shape[1]} pixels, but the model takes 8 x 8"):
            as_images(form, facts, resize=False)


def test_pil_images_are_turned_and_converted_as_files_are(tmp_path):
    image = Image.fromarray(bytes_of(20, 12, 3))
    exif = image.getexif()
    exif[0x0112] = 6  # turned by 90 degrees
    image.save(tmp_path / "a.png", exif=exif)
    for facts in (GREY, COLOUR):
        expected = wanted(read_image(tmp_path / "a.png", 8, facts.channels)[0][None])
        assert torch.equal(as_images(Image.open(tmp_path / "a.png"), facts), expected)
        assert torch.equal(as_images([tmp_path / "a.png"], facts), expected)


def test_what_is_no_image_file_is_named(tmp_path):
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(UserError, match=r"a\.png is not a readable image"):
        as_images(tmp_path / "a.png", GREY)
    with pytest.raises(UserError, match=r"none\.png"):
        as_images(tmp_path / "none.png", GREY)


def test_unknown_knobs_are_refused():
    with pytest.raises(BadImages, match="channels is 'NHWC'"):
        as_images(bytes_of(1, 8, 8, 1), GREY, channels="NHWC")
