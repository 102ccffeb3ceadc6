"""Bounds over test images, against the normal approximation and by simulation."""

import numpy as np
import pytest
import torch

from drl.records.right import packed
from drl.verdict.estimates import Sample, difference
from drl.verdict.images import Right, over_images, scores


def right(*classifiers):
    import base64

    bits = tuple(np.frombuffer(base64.b64decode(packed(torch.from_numpy(one))), dtype=np.uint8) for one in classifiers)
    return Right(bits, len(classifiers[0]))


def test_an_image_s_score_is_the_share_of_models_that_get_it_right():
    one, two, three = (np.array(v, dtype=bool) for v in ([1, 0, 1], [1, 1, 0], [0, 0, 1]))
    # The first model has two probes, the second one.
    assert scores({"1": right(one, two), "2": right(three)}).tolist() == [50.0, 25.0, 75.0]
    assert scores({}) is None
    assert scores({"1": right(one), "2": right(np.ones(4, dtype=bool))}) is None


def test_a_difference_has_parts_from_each_image_whose_mean_it_is():
    rng = np.random.default_rng(0)
    samples = []
    for share in (0.8, 0.6):
        made = {str(k): rng.random(500) < share for k in range(3)}
        values = {name: 100 * float(one.mean()) for name, one in made.items()}
        samples.append(Sample.of(values, {name: right(one) for name, one in made.items()}))
    for paired in (False, True):
        found = difference(*samples, paired=paired)
        assert found.images.mean() == pytest.approx(found.value)
    low, high = over_images(found.images, 0.95)
    # Normal theory: 1.645 standard errors to each side.
    reach = 1.645 * found.images.std(ddof=1) / np.sqrt(500)
    assert (low, high) == pytest.approx((found.value - reach, found.value + reach), abs=0.3)
    assert over_images(found.images, 0.95) == (low, high)


def test_without_all_bits_nothing_is_known_of_images():
    known = Sample.of({"0": 50.0, "1": 50.0}, {"0": right(np.array([True, False]))})
    assert known.right == {}
    assert difference(known, known).images is None
