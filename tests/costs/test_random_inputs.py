"""Random inputs of measurements."""

import torch

from drl.costs.random_inputs import IMAGES, clusters, random_images
from drl.methods.base import ImageFacts


def test_random_images_have_the_size_and_all_classes():
    store = random_images(ImageFacts(3, 8, 10), torch.device("cpu"))
    assert store.images.shape == (IMAGES, 3, 8, 8)
    assert set(store.labels.tolist()) == set(range(10))


def test_clusters():
    codes, labels = clusters(100, 7, 5, torch.device("cpu"))
    assert codes.shape == (100, 5)
    assert set(labels.tolist()) == set(range(7))
