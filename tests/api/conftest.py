import numpy as np
import pytest

from tests import tiny
from tests.evaluation.conftest import model_file, one_thread  # noqa: F401


@pytest.fixture
def pixels():
    """Grey images of the model's size, uint8 [4, 8, 8, 1], with black and white among them."""
    images = np.random.default_rng(0).integers(0, 256, (4, tiny.SIZE, tiny.SIZE, 1), dtype=np.uint8)
    images[0, 0, 0], images[0, 0, 1] = 0, 255
    return images
