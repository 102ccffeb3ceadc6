import pytest
import torch

from drl.diffusion.samplers.noise import STEPS_AT_ONCE, ImageNoise

CPU, SHAPE = torch.device("cpu"), (2, 3, 3)


def stream(seeds, begins, member, steps=40, draws=2):
    """All noise of one image, which joins the others at its own step."""
    noise = ImageNoise(seeds, SHAPE, CPU, draws)
    found = [noise.start()[member]]
    for step in range(steps):
        count = sum(begin <= step for begin in begins)
        if count:
            block = noise.step(step, count)
            assert block.shape == (draws, count, *SHAPE)
            if count > member:
                found += list(block[:, member])
    return torch.stack(found)


@pytest.mark.parametrize("begin", [0, 5, STEPS_AT_ONCE, STEPS_AT_ONCE + 7])
def test_an_images_noise_is_its_own(begin):
    alone = stream([7], [begin], 0)
    assert torch.equal(stream([3, 7, 9], [0, begin, begin], 1), alone)
    assert torch.equal(stream([4, 5, 6, 7], [0, 0, begin, begin], 3), alone)


def test_noise_is_standard_normal_and_never_repeats():
    noise = ImageNoise(range(50), SHAPE, CPU, 2)
    values = torch.cat([noise.start()[None], *(noise.step(step, 50) for step in range(60))]).flatten()
    assert float(values.mean()) == pytest.approx(0, abs=5 / len(values) ** 0.5)
    assert float(values.var()) == pytest.approx(1, abs=5 * (2 / len(values)) ** 0.5)
    assert len(values.unique()) > 0.99 * len(values)


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("begins", [[0, 0, 0], [0, 5, STEPS_AT_ONCE + 7], [0, 2 * STEPS_AT_ONCE, 2 * STEPS_AT_ONCE]])
def test_noise_goes_on_from_a_state_between_two_blocks(begins, block):
    def steps(noise, first, last):
        return [noise.step(step, sum(begin <= step for begin in begins)) for step in range(first, last)]

    noise, at = ImageNoise([7, 8, 9], SHAPE, CPU, 2), block * STEPS_AT_ONCE
    noise.start()
    steps(noise, 0, at)
    state = noise.state()
    assert (state.dtype, len(state)) == (torch.uint8, 3)
    expected = steps(noise, at, at + 40)
    # Whose noise it is stands in the state alone, and what was drawn before does not matter.
    other = ImageNoise([1, 2, 3], SHAPE, CPU, 2)
    other.start()
    steps(other, 0, at + 3)
    other.restore(state)
    found = steps(other, at, at + 40)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert not torch.equal(found[0], found[1])
