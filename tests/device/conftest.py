from collections.abc import Iterator

import pytest

from tests.device.pretend import PretendedCuda


@pytest.fixture
def cuda() -> Iterator[PretendedCuda]:
    """A pretended GPU is there for the time of the test."""
    with PretendedCuda() as entered:
        yield entered
