"""The mean training image against a slow sum in numpy."""

import numpy as np
import pytest
import torch

from drl.data import mean_image as module
from drl.data.mean_image import mean_image
from drl.data.prepare import prepare
from drl.data.store import ImageStore
from tests.data.factories import settings


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "digits" / "images.safetensors"
    prepare("my_digits", settings("digits", image_size=8, train=300, test=100, validation=30), path)
    return ImageStore.open(path)


def test_it_is_the_mean_of_all_training_images_and_of_no_test_image(store):
    images = store.images.numpy().astype(np.float64) / 255
    found = mean_image(store)
    assert (found.shape, found.dtype) == ((1, 8, 8), torch.float32)
    assert found.numpy() == pytest.approx(images[:300].mean(0), abs=1e-7)
    unseen = np.setdiff1d(np.arange(300), store.val.numpy())
    for others in (images, images[unseen]):
        assert np.abs(found.numpy() - others.mean(0)).max() > 1e-4, "these must differ, or this shows nothing"


@pytest.mark.parametrize("chunk", [1, 7, 300])
def test_the_order_of_the_sum_changes_no_bit(store, monkeypatch, chunk):
    whole = mean_image(store)
    monkeypatch.setattr(module, "_CHUNK", chunk)
    assert torch.equal(mean_image(store), whole)


def test_its_mean_over_pixels_is_that_of_the_pixel_statistics(store):
    assert float(mean_image(store).double().mean()) == pytest.approx(float(store.mean), rel=1e-6)
