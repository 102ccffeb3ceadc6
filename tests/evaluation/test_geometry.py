import numpy as np
import pytest
import torch

from drl.evaluation.code_view import two_dimensions
from drl.evaluation.geometry import ink, ink_r2, mean_pairwise_distance, silhouette


def slow_silhouette(codes, labels):
    """Rousseeuw's definition, image by image."""
    values = []
    for i, code in enumerate(codes):
        distances = np.sqrt(((codes - code) ** 2).sum(1))
        own = labels == labels[i]
        a = distances[own].sum() / (own.sum() - 1)
        b = min(distances[labels == other].mean() for other in set(labels) - {labels[i]})
        values.append((b - a) / max(a, b))
    return float(np.mean(values))


def test_silhouette_is_rousseeuws():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 4
    codes = torch.randn(60, 2, generator=generator) + labels[:, None] * torch.tensor([1.5, -0.5])
    assert silhouette(codes, labels) == pytest.approx(slow_silhouette(codes.double().numpy(), labels.numpy()))


def test_huge_codes_are_measured_as_others():
    """Squares of 1e30 do not fit into float32: measures of codes compute in float64."""
    labels = torch.arange(60) % 4
    codes = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)) + labels[:, None]
    huge = codes * 2.0**100
    assert silhouette(huge, labels) == pytest.approx(silhouette(codes, labels), rel=1e-12)
    assert two_dimensions(huge)[1] == pytest.approx(two_dimensions(codes)[1], rel=1e-12)


def test_ink_is_mean_brightness():
    images = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    images[1, :, :2] = 255
    assert ink(images).tolist() == [0, 0.5]


def test_ink_r2_of_codes_that_tell_ink_and_of_codes_that_do_not():
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(0, 256, (400,), generator=generator)
    images = levels[:, None, None, None].expand(-1, 1, 3, 3).to(torch.uint8)
    telling = torch.stack((-2.0 * levels, torch.randn(400, generator=generator)), 1)
    assert ink_r2(telling, images) == pytest.approx(1)
    assert ink_r2(torch.randn(400, 2, generator=generator), images) < 0.05


def test_mean_pairwise_distance_in_loops():
    images = torch.randint(0, 256, (5, 3, 2, 2), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    unit = images.double() / 255
    pairs = [float((unit[i] - unit[j]).square().mean().sqrt()) for i in range(5) for j in range(i)]
    assert mean_pairwise_distance(images) == pytest.approx(sum(pairs) / len(pairs))
    assert mean_pairwise_distance(images[:1].expand(4, -1, -1, -1)) == pytest.approx(0, abs=1e-6)
