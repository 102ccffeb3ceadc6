from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drl.data.sampling import EpochSampler
from drl.errors import UserError


def sampler(n: int = 10, batch_size: int = 3, seed: int = 0, first: int = 100) -> EpochSampler:
    return EpochSampler(torch.arange(first, first + n), batch_size, torch.Generator().manual_seed(seed))


@given(n=st.integers(1, 40), data=st.data())
def test_no_image_comes_twice_in_an_epoch(n: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, n))
    drawn = sampler(n, size)
    assert drawn.batches_per_epoch == n // size
    for _ in range(3):
        batches = [drawn.next() for _ in range(drawn.batches_per_epoch)]
        assert all(batch.shape == (size,) and batch.dtype == torch.int64 for batch in batches)
        seen = torch.cat(batches).tolist()
        assert len(set(seen)) == len(seen)
        assert set(seen) <= set(range(100, 100 + n))


def test_every_image_comes_once_where_batches_divide_the_epoch() -> None:
    drawn = sampler(12, 3)
    epochs = [torch.cat([drawn.next() for _ in range(4)]) for _ in range(2)]
    assert all(sorted(epoch.tolist()) == list(range(100, 112)) for epoch in epochs)
    assert not torch.equal(*epochs)


def test_the_generator_decides_the_order() -> None:
    assert torch.equal(sampler(50, 10, seed=1).next(), sampler(50, 10, seed=1).next())
    assert not torch.equal(sampler(50, 10, seed=1).next(), sampler(50, 10, seed=2).next())


@pytest.mark.parametrize("steps", [0, 1, 3, 4, 8])
def test_resumed_equals_uninterrupted(steps: int) -> None:
    whole = sampler()
    expected = [whole.next() for _ in range(20)]
    first = sampler()
    for _ in range(steps):
        first.next()
    state = first.state()
    first.next()
    second = sampler(seed=99)
    second.load_state(state)
    rest = [second.next() for _ in range(20 - steps)]
    assert torch.equal(torch.cat(rest), torch.cat(expected[steps:]))


def test_a_batch_may_be_changed_by_its_user() -> None:
    drawn = sampler(4, 2)
    drawn.next().zero_()
    state = drawn.state()
    assert sorted(state["order"].tolist()) == [100, 101, 102, 103]


@pytest.mark.parametrize("other", [sampler(first=0), sampler(n=11), sampler(batch_size=2)])
def test_a_foreign_state_is_refused_and_changes_nothing(other: EpochSampler) -> None:
    given_state = sampler()
    given_state.next()
    before = other.state()
    with pytest.raises(UserError, match="other images or another batch size"):
        other.load_state(given_state.state())
    assert all(torch.equal(before[key], value) for key, value in other.state().items())


def test_an_incomplete_state_is_refused() -> None:
    state = sampler().state()
    del state["position"]
    with pytest.raises(UserError, match="incomplete"):
        sampler().load_state(state)


@pytest.mark.parametrize("batch_size", [0, 11])
def test_a_batch_must_fit_the_images(batch_size: int) -> None:
    with pytest.raises(UserError, match="from 1 to 10"):
        sampler(10, batch_size)
