import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tests import tiny

# Slow machines make no failure.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
# Tests run side by side, one core each.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def stripes(tmp_path_factory) -> Path:
    """Prepared images of three classes of stripes, 8x8."""
    return tiny.images(tmp_path_factory.mktemp("stripes"))
