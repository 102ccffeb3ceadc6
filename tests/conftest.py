import asyncio
import os
from collections.abc import Iterator
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
# pytest sets the first for each test, torch the second when it first compiles, and scikit-learn the others when it is
# first imported.
SET_BY_OTHERS = {"PYTEST_CURRENT_TEST", "TORCHINDUCTOR_CACHE_DIR", "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}


@pytest.fixture(scope="session")
def stripes(tmp_path_factory) -> Path:
    """Prepared images of three classes of stripes, 8x8."""
    return tiny.images(tmp_path_factory.mktemp("stripes"))


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """Fail a test that leaves environment variables changed: tests after it would run elsewhere than alone."""
    before = os.environ.copy()
    yield
    changed = {name for name, _ in before.items() ^ os.environ.items()} - SET_BY_OTHERS
    os.environ.clear()
    os.environ.update(before)
    assert not changed, f"left changed: {sorted(changed)}"


@pytest.fixture(autouse=True, scope="module")
def no_event_loop() -> None:
    """Fail a module that starts where another left an event loop running: `asyncio.run` would be refused in it."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
